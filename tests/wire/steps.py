"""A server that plays written steps: one fault after another, each as a test wants it."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

CANARY = "sk-canary-1234567890"  # a key that may be seen nowhere
HANGS_S = 2.0
POURED = 2**20 // 2  # bytes in a piece

Step = Callable[[web.Request], Awaitable[web.StreamResponse]]


def completion(content: Any = "温和修护。", finish: str = "stop") -> dict[str, Any]:
    message = {"role": "assistant", "content": content}
    return {
        "id": "c1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "finish_reason": finish, "message": message}],
        "usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18},
    }


def says(body: Any, status: int = 200, **headers: str) -> Step:
    async def step(request: web.Request) -> web.StreamResponse:
        return web.json_response(body, status=status, headers=headers)

    return step


def says_bytes(body: bytes, **headers: str) -> Step:
    async def step(request: web.Request) -> web.StreamResponse:
        return web.Response(body=body, content_type="application/json", headers=headers)

    return step


def fails(status: int, **headers: str) -> Step:
    """An error whose text repeats the key, as some services do."""
    return says({"error": {"message": f"no: {CANARY}", "type": "t"}}, status, **headers)


async def hangs(request: web.Request) -> web.StreamResponse:
    await asyncio.sleep(HANGS_S)
    return web.json_response(completion())


async def pours(request: web.Request) -> web.StreamResponse:
    """More than anybody wants, without saying how much."""
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    for _ in range(20):
        await response.write(b" " * POURED)
    return response


class Playing:
    """Plays its steps in order, the last one for ever; remembers what it was sent, and when."""

    def __init__(self) -> None:
        self.steps: list[Step] = [says(completion())]
        self.bodies: list[dict[str, Any]] = []
        self.times: list[float] = []
        self.keys: set[str] = set()
        self.url = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.bodies.append(await request.json())
        self.times.append(time.monotonic())
        self.keys.add(request.headers["Authorization"])
        step = self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]
        return await step(request)


@asynccontextmanager
async def playing() -> AsyncIterator[Playing]:
    """Such a server on loopback."""
    server = Playing()
    app = web.Application()
    app.router.add_post("/v1/chat/completions", server.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    try:
        yield server
    finally:
        await runner.cleanup()
