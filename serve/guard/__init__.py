"""No banned word leaves the endpoint: held back in a stream, unreachable for the sampler."""
