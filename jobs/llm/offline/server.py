"""The HTTP shell of the offline stand-ins: OpenAI's chat completions over aiohttp."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from aiohttp import web

from jobs.domain.text import fingerprint

Answer = Callable[[dict[str, Any]], tuple[str, tuple[str, ...]]]  # body -> text, planted defects


def completion(body: dict[str, Any], text: str) -> dict[str, Any]:
    """A chat completion in OpenAI's shape; tokens are counted as characters over 1.6."""
    prompt = sum(len(str(message.get("content", ""))) for message in body["messages"])
    used = {"prompt_tokens": int(prompt / 1.6), "completion_tokens": int(len(text) / 1.6) + 1}
    return {
        "id": f"chatcmpl-{fingerprint(repr(body))}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": body.get("model", "offline"),
        "choices": [
            {
                "index": 0,
                "finish_reason": "stop",
                "message": {"role": "assistant", "content": text},
            }
        ],
        "usage": {**used, "total_tokens": sum(used.values())},
    }


def application(answer: Answer) -> web.Application:
    """POST /v1/chat/completions, and GET /test/truth: text -> planted defects, for tests alone."""
    truth: dict[str, list[str]] = {}

    async def complete(request: web.Request) -> web.Response:
        body = await request.json()
        if not isinstance(body.get("messages"), list):
            error = {"message": "messages must be a list", "type": "invalid_request_error"}
            return web.json_response({"error": error}, status=400)
        text, planted = answer(body)
        truth[text] = list(planted)
        return web.json_response(completion(body, text))

    async def tell(request: web.Request) -> web.Response:
        return web.json_response(truth)

    app = web.Application(client_max_size=4 * 2**20)
    app.router.add_post("/v1/chat/completions", complete)
    app.router.add_get("/test/truth", tell)
    return app


async def serve(app: web.Application, port: int) -> None:
    """Serve on loopback until cancelled; prints the port first (0 takes a free one)."""
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    print(f"port {runner.addresses[0][1]}", flush=True)
    await asyncio.Event().wait()
