"""The provider's batch API: files and batches, as OpenAI's reference describes them.

A batch's calls are answered one after another while nobody looks: a share of them each time that
the batch is looked after. What a call costs stands in the ledger as for any other call.
"""

import hashlib
import json
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.wire.completion import completion
from tests.wire.faults import marker_in
from tests.wire.ledger import Ledger

LOOKS = 3  # after so many looks a batch is complete
EXPIRES, REFUSED, SERVER_ERROR = "expires", "refused", "http_500"  # markers of a batch's calls
BROKEN = "broken_file"  # likewise: its file breaks off the first time


@dataclass
class Batch:
    """One batch and what has become of its calls."""

    batch_id: str
    calls: list[dict[str, Any]]
    metadata: dict[str, str]
    created_at: int
    status: str = "in_progress"
    replies: list[dict[str, Any]] = field(default_factory=list)
    errors: list[dict[str, Any]] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """A batch object."""
        has_ended = self.status != "in_progress"
        refused = [{"code": "token_limit_exceeded", "message": "too many"}]
        return {
            "id": self.batch_id,
            "object": "batch",
            "endpoint": "/v1/chat/completions",
            "input_file_id": "file-in",
            "completion_window": "24h",
            "status": self.status,
            "created_at": self.created_at,
            "metadata": self.metadata,
            "errors": {"object": "list", "data": refused} if self.status == "failed" else None,
            "output_file_id": f"{self.batch_id}-out" if has_ended and self.replies else None,
            "error_file_id": f"{self.batch_id}-err" if has_ended and self.errors else None,
            "request_counts": {
                "total": len(self.calls),
                "completed": len(self.replies),
                "failed": len(self.errors),
            },
        }


class Batches:
    """Files that were sent, batches made of them, and the routes to both."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.files: dict[str, bytes] = {}
        self.batches: dict[str, Batch] = {}
        self.broken: set[str] = set()  # batches whose file broke off

    def add_routes(self, app: web.Application) -> None:
        """The routes of files and batches."""
        app.router.add_post("/v1/files", self.take_file)
        app.router.add_get("/v1/files/{name}/content", self.give_file)
        app.router.add_post("/v1/batches", self.begin)
        app.router.add_get("/v1/batches", self.list_all)
        app.router.add_get("/v1/batches/{name}", self.look)

    async def take_file(self, request: web.Request) -> web.Response:
        """POST /v1/files."""
        form = await request.post()
        sent = form["file"]
        assert isinstance(sent, web.FileField)
        assert form["purpose"] == "batch"
        name = f"file-{uuid.uuid4().hex[:8]}"
        self.files[name] = sent.file.read()
        return web.json_response(
            {
                "id": name, "object": "file", "bytes": len(self.files[name]), "created_at": 0,
                "filename": sent.filename, "purpose": "batch", "status": "processed",
            }
        )  # fmt: skip

    async def begin(self, request: web.Request) -> web.Response:
        """POST /v1/batches."""
        body = await request.json()
        calls = [json.loads(line) for line in self.files[body["input_file_id"]].splitlines()]
        batch = Batch(f"batch-{len(self.batches)}", calls, body["metadata"], int(time.time()))
        self.batches[batch.batch_id] = batch
        if any(f"[[batch:{REFUSED}]]" in json.dumps(call) for call in calls):
            batch.status = "failed"
        return web.json_response(batch.as_json())

    async def list_all(self, request: web.Request) -> web.Response:
        """GET /v1/batches: the newest first, all in one page."""
        newest = [batch.as_json() for batch in reversed(self.batches.values())]
        return web.json_response({"object": "list", "data": newest, "has_more": False})

    async def look(self, request: web.Request) -> web.Response:
        """GET /v1/batches/{name}; each look takes the batch a step further."""
        batch = self.batches[request.match_info["name"]]
        if batch.status == "in_progress":
            done = len(batch.replies) + len(batch.errors)
            step = -(-len(batch.calls) // LOOKS)
            for call in batch.calls[done : done + step]:
                self._answer(batch, call)
            if len(batch.replies) + len(batch.errors) == len(batch.calls):
                expired = any(entry["error"] for entry in batch.errors)
                batch.status = "expired" if expired else "completed"
        return web.json_response(batch.as_json())

    def _answer(self, batch: Batch, call: dict[str, Any]) -> None:
        content = json.dumps(call["body"], ensure_ascii=False).encode()
        digest = hashlib.blake2b(content, digest_size=8).hexdigest()
        base = {"id": f"req-{digest}", "custom_id": call["custom_id"]}
        with self.ledger.entry(digest, "") as entry:
            entry.outcome = "failed"
            if f"[[batch:{EXPIRES}]]".encode() in content:
                error = {"code": "batch_expired", "message": "not in time"}
                batch.errors.append({**base, "response": None, "error": error})
            elif f"[[batch:{SERVER_ERROR}]]".encode() in content:
                answer = {"status_code": 500, "request_id": "r", "body": {"error": {}}}
                batch.errors.append({**base, "response": answer, "error": None})
            else:
                assert marker_in(content) is None
                sound = completion(call["body"], digest, writes_copy=False)
                entry.outcome, entry.usage = "answered", tokens(sound)
                answer = {"status_code": 200, "request_id": "r", "body": sound}
                batch.replies.append({**base, "response": answer, "error": None})

    async def give_file(self, request: web.Request) -> web.Response:
        """GET /v1/files/{name}/content."""
        name, kind = request.match_info["name"].rsplit("-", 1)
        batch = self.batches[name]
        lines = batch.replies if kind == "out" else batch.errors
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        if f"[[batch:{BROKEN}]]" in json.dumps(batch.calls) and name not in self.broken:
            self.broken.add(name)
            text = text[: len(text) * 3 // 4] if lines[1:] else ""
        return web.Response(text=text, content_type="application/jsonl")


def tokens(sound: dict[str, Any]) -> dict[str, int]:
    """What a completion's usage counts, by name."""
    usage = sound["usage"]
    return {
        "prompt": usage["prompt_tokens"],
        "completion": usage["completion_tokens"],
        "cached": usage["prompt_tokens_details"]["cached_tokens"],
    }
