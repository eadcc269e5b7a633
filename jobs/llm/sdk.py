"""OpenAI's own client, for what asks seldom: files and batches. Its errors are told by name."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from jobs.domain.errors import StageError

if TYPE_CHECKING:
    from openai import OpenAI

    from jobs.llm.client import Endpoint

TRIES = 8  # of each request: what is asked here waits for hours anyway


def open_sdk(endpoint: "Endpoint") -> "OpenAI":
    """The SDK's own client: here its retries and its files are what is wanted."""
    from openai import OpenAI

    from jobs.llm.api import api_key

    return OpenAI(api_key=api_key(endpoint.api), base_url=endpoint.url, max_retries=TRIES)


@contextmanager
def told_by_name(what: str) -> Iterator[None]:
    """The SDK's errors as a StageError that repeats nothing of what the service wrote."""
    import httpx2
    from openai import APIConnectionError, APIStatusError

    try:
        yield
    except APIStatusError as error:
        raise StageError(
            f"the provider did not {what}: it answered {error.status_code}. Batches that were sent "
            f"go on; give the same command again to take them up."
        ) from None
    except APIConnectionError:
        raise StageError(
            f"the provider did not {what}: no connection. Batches that were sent go on; give the "
            f"same command again to take them up."
        ) from None
    except (httpx2.HTTPError, json.JSONDecodeError):
        raise broken_off(what) from None


def broken_off(what: str) -> StageError:
    """What is said of a transfer that did not come whole."""
    return StageError(
        f"the provider did not {what} whole: it broke off, or is no JSON. What came is in the "
        f"journal; give the same command again to read it once more."
    )
