"""Benches: `python -m tests.bench.<name>`; the last line is JSON with name, ratio, ok."""
