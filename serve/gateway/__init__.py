"""The HTTP side of the endpoint: what is taken in, what is refused and in which words."""
