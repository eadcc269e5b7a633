"""The endpoint: a Ray Serve application around ray.serve.llm's engines.

Inside the repository `import serve` is this package, so Ray Serve is always imported as
`from ray import serve as ray_serve`. Ray's console script `serve` is not affected.
"""
