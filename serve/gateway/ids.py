"""The name of a request: on its answer, in the logs, in a client's report of what went wrong."""

import re
import uuid

HEADER = "x-request-id"
SHAPE = re.compile(r"[A-Za-z0-9._-]{1,128}")  # neither a new line for a log nor a page's markup


def request_id(given: str | None) -> str:
    """The client's own name if it is one, else a new one.

    >>> request_id("checkout-4711")
    'checkout-4711'
    >>> request_id("a b") != request_id(None)
    True
    """
    if given is not None and SHAPE.fullmatch(given):
        return given
    return f"req_{uuid.uuid4().hex}"
