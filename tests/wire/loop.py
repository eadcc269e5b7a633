"""What a fan-out is held against: a plain asyncio loop over the same chats.

python -m tests.wire.loop openai|aiohttp URL CHATS IN_FLIGHT SECONDS

CHATS is a file of JSON lines, one chat each. `openai` is AsyncOpenAI over aiohttp, as one would
write it by hand; `aiohttp` posts the same bodies without any client: the ceiling. Prints the
replies as `replies N`.
"""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

Chat = list[dict[str, str]]
Ask = Callable[[Chat], Awaitable[None]]


def bodies(chat: Chat) -> dict[str, Any]:
    """What is sent for a chat."""
    return {"model": "wire", "messages": chat, "temperature": 0.0, "max_tokens": 1024, "seed": 0}


async def slide(ask: Ask, chats: Iterator[Chat], in_flight: int, seconds: float) -> int:
    """A sliding window: as a reply comes the next chat is asked, until the time is up."""
    deadline, replies = time.monotonic() + seconds, 0

    async def lane() -> None:
        nonlocal replies
        while time.monotonic() < deadline:
            await ask(next(chats))
            replies += 1

    await asyncio.gather(*(lane() for _ in range(in_flight)))
    return replies


async def by_openai(url: str, chats: Iterator[Chat], in_flight: int, seconds: float) -> int:
    """Replies that one AsyncOpenAI had in this time."""
    from openai import AsyncOpenAI, DefaultAioHttpClient

    async with AsyncOpenAI(
        api_key="none", base_url=url, max_retries=0, http_client=DefaultAioHttpClient()
    ) as client:

        async def ask(chat: Chat) -> None:
            await client.chat.completions.create(**bodies(chat))

        return await slide(ask, chats, in_flight, seconds)


async def by_aiohttp(url: str, chats: Iterator[Chat], in_flight: int, seconds: float) -> int:
    """Replies that raw posts had in this time."""
    import aiohttp

    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:

        async def ask(chat: Chat) -> None:
            async with session.post(f"{url}/chat/completions", json=bodies(chat)) as reply:
                await reply.json()

        return await slide(ask, chats, in_flight, seconds)


def read_chats(path: Path) -> Iterator[Chat]:
    """The chats of the file, again and again."""
    chats = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    while True:
        yield from chats


def main() -> None:
    """Parse the command line and ask."""
    kind, url, chats, in_flight, seconds = sys.argv[1:]
    by = {"openai": by_openai, "aiohttp": by_aiohttp}[kind]
    print("replies", asyncio.run(by(url, read_chats(Path(chats)), int(in_flight), float(seconds))))


if __name__ == "__main__":
    main()
