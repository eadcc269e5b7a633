"""A judge to order: a real HTTP server in a process of its own that keeps every body as it came.

`python -m tests.wire.verdicts --said JSON --delay S`: a request whose body holds one of the keys is
answered with that key's value, any other with VERDICT. GET /test/bodies gives the bodies, in
base64, and /test/times when each came, in seconds.
"""

import argparse
import asyncio
import base64
import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from jobs.domain.brand import ROOT
from tests.wire.steps import completion

SCORE = 7
REASON = "依据清楚。근거가 또렷하다."
VERDICT = json.dumps({"reason": REASON, "score": SCORE}, ensure_ascii=False)
DELAY_S = 0.01


class Judge:
    """Answers by what stands in a request, and keeps what it was sent."""

    def __init__(self, said: Mapping[str, str], delay_s: float) -> None:
        self.said, self.delay_s = said, delay_s
        self.bodies: list[bytes] = []
        self.times: list[float] = []

    async def complete(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.bodies.append(body)
        self.times.append(time.monotonic())
        text = body.decode()
        found = next((reply for key, reply in self.said.items() if key in text), VERDICT)
        await asyncio.sleep(self.delay_s)
        return web.json_response(completion(found))

    async def tell(self, request: web.Request) -> web.Response:
        return web.json_response([base64.b64encode(body).decode() for body in self.bodies])

    async def tell_times(self, request: web.Request) -> web.Response:
        return web.json_response(self.times)


async def serve(said: Mapping[str, str], delay_s: float) -> None:
    judge = Judge(said, delay_s)
    app = web.Application(client_max_size=2**22)
    app.router.add_post("/v1/chat/completions", judge.complete)
    app.router.add_get("/test/bodies", judge.tell)
    app.router.add_get("/test/times", judge.tell_times)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
    print(f"port {runner.addresses[0][1]}", flush=True)
    await asyncio.Event().wait()


@dataclass(frozen=True)
class Sitting:
    """A judge that answers."""

    port: int

    @property
    def url(self) -> str:
        """Its base URL, as a config names it."""
        return f"http://127.0.0.1:{self.port}/v1"

    def bodies(self) -> list[bytes]:
        """Every request's body so far, byte for byte."""
        return [base64.b64decode(body) for body in self._told("bodies")]

    def times(self) -> list[float]:
        """When each request came."""
        return [float(came) for came in self._told("times")]

    def _told(self, what: str) -> list[Any]:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/test/{what}") as reply:
            told: list[Any] = json.load(reply)
        return told


@contextmanager
def sitting(
    said: Mapping[str, str] | None = None, *, delay_s: float = DELAY_S
) -> Iterator[Sitting]:
    """Such a judge on loopback while the block runs."""
    line = [sys.executable, "-m", "tests.wire.verdicts", "--said", json.dumps(said or {})]
    line += ["--delay", str(delay_s)]
    with subprocess.Popen(line, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            told = process.stdout.readline() if process.stdout else ""
            if not told.startswith("port "):
                raise RuntimeError("the judge did not start; its message is above.")
            yield Sitting(int(told[5:]))
        finally:
            process.kill()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--said", type=json.loads, default={})
    parser.add_argument("--delay", type=float, default=DELAY_S)
    told = parser.parse_args()
    asyncio.run(serve(told.said, told.delay))
