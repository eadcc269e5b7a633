"""Models in actors: vLLM engines, used to answer a table and by the endpoint."""
