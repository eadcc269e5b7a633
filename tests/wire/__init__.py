"""A provider of chat completions that misbehaves to order, and jobs run against it.

`python -m tests.wire` is a real HTTP server in a process of its own, so its ledger outlives every
kill of a test. `provider.py` starts it, `journey.py` runs the real jobs against it.
"""
