"""A service's HTTP: bodies out, bodies of a bounded size back, over openai's aiohttp transport."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx2

from jobs.llm.faults import Fault, fault_of, fault_of_status

if TYPE_CHECKING:
    from openai import DefaultAioHttpClient

LARGEST_REPLY = 4 * 2**20  # bytes: some hundred times the longest copy


@dataclass(frozen=True)
class Answer:
    """What came back with status 200."""

    body: bytes
    headers: Mapping[str, str]


class Wire:
    """Posts to one service, without retries; as many connections as calls."""

    # The SDK's own method builds headers and address anew and copies the body for each call, and
    # an answer of classes: a call of 1.1 ms of CPU is one of 0.5 ms without it.
    def __init__(self, url: str, key: str, timeout_s: float) -> None:
        self.http = transport()
        self.url = httpx2.URL(f"{url.rstrip('/')}/chat/completions")
        self.headers = httpx2.Headers(
            {
                "accept": "application/json",
                "authorization": f"Bearer {key}",
                "content-type": "application/json",
                "host": self.url.netloc.decode(),
                "user-agent": "housestyle",
            }
        )
        self.extensions = {"timeout": httpx2.Timeout(timeout_s).as_dict()}

    async def post(self, body: Mapping[str, Any]) -> Answer:
        """The answer to a chat. Raises Fault for every other end."""
        content = json.dumps(body, ensure_ascii=False).encode()
        request = httpx2.Request(
            "POST", self.url, headers=self.headers, content=content, extensions=self.extensions
        )
        try:
            response = await self.http.send(request, stream=True)
            try:
                found = await bounded(response)
            finally:
                await response.aclose()
        except httpx2.HTTPError as error:
            raise fault_of(error) from error
        if not response.is_success:
            raise fault_of_status(response.status_code, response.headers)
        return Answer(found, response.headers)

    async def close(self) -> None:
        """End the connections."""
        await self.http.aclose()


def transport() -> "DefaultAioHttpClient":
    """openai's HTTP client over aiohttp, without a bound on its connections."""
    # Imported here: at module level cloudpickle breaks the class (see openai's aiohttp extra).
    from openai import DefaultAioHttpClient

    # None would be aiohttp's own default, 100 connections.
    unbounded = httpx2.Limits(max_connections=10**6, max_keepalive_connections=10**6)
    return DefaultAioHttpClient(limits=unbounded)


async def bounded(response: httpx2.Response) -> bytes:
    """The body, decoded. Raises Fault where it is, or says it is, longer than LARGEST_REPLY."""
    stated = response.headers.get("content-length", "")
    if stated.isdigit() and int(stated) > LARGEST_REPLY:
        raise Fault("oversized_reply", f"the reply is longer than {LARGEST_REPLY} bytes")
    parts, read = [], 0
    async for part in response.aiter_bytes():
        read += len(part)
        if read > LARGEST_REPLY:
            raise Fault("oversized_reply", f"the reply is longer than {LARGEST_REPLY} bytes")
        parts.append(part)
    return b"".join(parts)
