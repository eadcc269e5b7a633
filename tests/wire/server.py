"""The provider: POST /v1/chat/completions, its batch API, and GET /test/ledger for tests alone."""

import asyncio
import hashlib
import json

from aiohttp import web

from tests.wire.batches import Batches, tokens
from tests.wire.completion import completion
from tests.wire.faults import FAULTS, Asked, Marker, marker_in, status
from tests.wire.ledger import Entry, Ledger
from tests.wire.manners import Dice, Manners

LARGEST_REQUEST = 4 * 2**20


class Provider:
    """Answers requests as its manners and the marker in a prompt say, and keeps the ledger."""

    def __init__(self, manners: Manners) -> None:
        self.manners = manners
        self.ledger = Ledger()

    async def complete(self, request: web.Request) -> web.StreamResponse:
        """One request, from its first byte to an entry in the ledger."""
        content = await request.read()
        digest = hashlib.blake2b(content, digest_size=8).hexdigest()
        marker = marker_in(content) or Marker("", 0)
        with self.ledger.entry(digest, marker.label) as entry:
            cap = self.manners.cap
            if cap and self.ledger.in_flight > cap:
                entry.outcome = "refused"
                return await self._refused(request)
            dice = Dice(self.manners, digest, entry.attempt)
            await asyncio.sleep(dice.latency_s())
            if dice.fails:
                entry.outcome = "failed"
                return await status(500)(Asked(request, {}))
            sound = completion(json.loads(content), digest, self.manners.writes_copy)
            if marker.name and marker.holds(entry.attempt):
                return await self._at_fault(marker, Asked(request, sound), entry)
            entry.outcome, entry.usage = "answered", tokens(sound)
            return web.json_response(sound, headers=self._headers())

    async def _refused(self, request: web.Request) -> web.StreamResponse:
        headers = {"Retry-After": str(self.manners.retry_after_s), **self._headers()}
        return await status(429, **headers)(Asked(request, {}))

    async def _at_fault(self, marker: Marker, asked: Asked, entry: Entry) -> web.StreamResponse:
        response = await FAULTS[marker.name](asked)
        # A 200 is billed, whatever the client makes of it.
        entry.outcome = "answered" if response.status == 200 else "failed"
        return response

    def _headers(self) -> dict[str, str]:
        if not self.manners.limit_headers:
            return {}
        left = max(self.manners.cap - self.ledger.in_flight, 0)
        return {
            "x-ratelimit-limit-requests": str(self.manners.cap),
            "x-ratelimit-remaining-requests": str(left),
            "x-ratelimit-reset-requests": f"{self.manners.latency_s:.3f}s",
        }

    async def tell(self, request: web.Request) -> web.Response:
        """The ledger so far."""
        return web.json_response(self.ledger.as_json())


async def serve(manners: Manners, port: int) -> None:
    """Serve on loopback until cancelled; prints the port first (0 takes a free one)."""
    provider = Provider(manners)
    app = web.Application(client_max_size=LARGEST_REQUEST)
    app.router.add_post("/v1/chat/completions", provider.complete)
    app.router.add_get("/test/ledger", provider.tell)
    Batches(provider.ledger).add_routes(app)
    # Handlers end with their client: so the ledger sees who went away before the reply.
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, backlog=1024).start()
    print(f"port {runner.addresses[0][1]}", flush=True)
    await asyncio.Event().wait()
