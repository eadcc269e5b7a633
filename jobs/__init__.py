"""The jobs: files here are the story, folders are the vocabulary."""
