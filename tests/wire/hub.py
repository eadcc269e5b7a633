"""A stand-in for Hugging Face's hub: a real HTTP server in a process of its own.

`python -m tests.wire.hub`: the routes that creating a repository and one commit need, by LFS as a
hub without xet has it. A commit is applied whole or not at all. GET /test/state tells what it
holds and was asked.
"""

import argparse
import asyncio
import base64
import hashlib
import json
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import yaml
from aiohttp import web

from jobs.domain.brand import ROOT

LARGE = (".safetensors", ".parquet", "tokenizer.json")  # by LFS, as the hub's .gitattributes has it
LICENCES = {"apache-2.0", "mit", "cc-by-4.0", "openrail", "other"}
NAME = r"{owner}/{name}"


@dataclass
class Repository:
    """What one holds."""

    private: bool
    files: dict[str, bytes] = field(default_factory=dict)
    commits: int = 0


def metadata_errors(content: str) -> list[str]:
    """What the hub would refuse of a card's front matter."""
    _, head, _ = re.split(r"(?m)^---\s*$", content, maxsplit=2)
    front = yaml.safe_load(head)
    errors = []
    if front.get("license", "other") not in LICENCES:
        errors.append(f'"license" must be one of {sorted(LICENCES)}')
    for language in front.get("language", []):
        if not re.fullmatch(r"[a-z]{2,3}", language):
            errors.append('"language" must be ISO 639 codes')
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", front.get("base_model", "a/b")):
        errors.append('"base_model" must be a hub id')
    return errors


class Hub:
    """Repositories by kind and name, and large files by their digest."""

    def __init__(self, refuses: Sequence[str]) -> None:
        self.refuses = set(refuses)  # commit, create: what is answered by 500
        self.repositories: dict[str, Repository] = {}
        self.large: dict[str, bytes] = {}
        self.keys: set[str] = set()
        self.log: list[str] = []

    @web.middleware
    async def watch(self, request: web.Request, handler: Any) -> web.StreamResponse:
        """Notes each call with who makes it; only those with a key may write."""
        if request.path.startswith("/test/"):
            return await handler(request)
        self.log.append(f"{request.method} {request.path}")
        key = request.headers.get("Authorization", "")
        self.keys.add(key)
        if not key and not request.path.startswith("/lfs/"):
            return web.json_response({"error": "Unauthorized"}, status=401)
        if any(f"/{what}" in request.path for what in self.refuses):
            return web.json_response({"error": f"no, {key}"}, status=500)
        return await handler(request)

    def _of(self, request: web.Request) -> Repository:
        kind = request.match_info.get("kind", "models")
        name = f"{kind}/{request.match_info['owner']}/{request.match_info['name']}"
        if name not in self.repositories:
            raise web.HTTPNotFound(headers={"X-Error-Code": "RepoNotFound"})
        return self.repositories[name]

    async def create(self, request: web.Request) -> web.Response:
        body = await request.json()
        kind = f"{body.get('type', 'model')}s"
        name = f"{kind}/{body['organization']}/{body['name']}"
        url = f"{request.url.origin()}/{name.removeprefix('models/')}"
        if name in self.repositories:
            return web.json_response({"error": "exists", "url": url}, status=409)
        private = body.get("visibility") == "private" or bool(body.get("private"))
        self.repositories[name] = Repository(private)
        return web.json_response({"url": url})

    async def tell(self, request: web.Request) -> web.Response:
        found = self._of(request)
        return web.json_response({
            "id": f"{request.match_info['owner']}/{request.match_info['name']}",
            "private": found.private, "sha": "0" * 40, "tags": [],
            "siblings": [{"rfilename": name} for name in found.files],
        })  # fmt: skip

    async def validate(self, request: web.Request) -> web.Response:
        errors = metadata_errors((await request.json())["content"])
        told = {"errors": [{"message": error} for error in errors], "warnings": []}
        return web.json_response(told, status=400 if errors else 200)

    async def preupload(self, request: web.Request) -> web.Response:
        self._of(request)
        files = (await request.json())["files"]
        return web.json_response({
            "files": [
                {
                    "path": one["path"], "shouldIgnore": False,
                    "uploadMode": "lfs" if one["path"].endswith(LARGE) else "regular",
                }
                for one in files
            ]
        })  # fmt: skip

    async def batch(self, request: web.Request) -> web.Response:
        wanted = (await request.json())["objects"]
        upload = {one["oid"]: f"{request.url.origin()}/lfs/{one['oid']}" for one in wanted}
        return web.json_response({
            "transfer": "basic",
            "objects": [
                one | ({} if one["oid"] in self.large else
                       {"actions": {"upload": {"href": upload[one["oid"]]}}})
                for one in wanted
            ],
        })  # fmt: skip

    async def put(self, request: web.Request) -> web.Response:
        content = await request.read()
        oid = hashlib.sha256(content).hexdigest()
        if oid != request.match_info["oid"]:
            return web.Response(status=400)
        self.large[oid] = content
        return web.Response()

    async def commit(self, request: web.Request) -> web.Response:
        found = self._of(request)
        files = dict(found.files)
        for line in (await request.read()).splitlines():
            entry = json.loads(line)
            value = entry["value"]
            if entry["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif entry["key"] == "lfsFile":
                files[value["path"]] = self.large[value["oid"]]
            elif entry["key"] == "deletedFile":
                del files[value["path"]]
        found.files, found.commits = files, found.commits + 1
        kind, owner, name = (request.match_info[part] for part in ("kind", "owner", "name"))
        place = f"{kind}/{owner}/{name}".removeprefix("models/")
        oid = f"{found.commits:040x}"
        url = f"{request.url.origin()}/{place}/commit/{oid}"
        return web.json_response({"commitUrl": url, "commitOid": oid, "success": True})

    async def state(self, request: web.Request) -> web.Response:
        """Everything, for tests."""
        told = {
            name: {
                "private": found.private,
                "commits": found.commits,
                "files": {
                    path: base64.b64encode(content).decode()
                    for path, content in found.files.items()
                },
            }
            for name, found in self.repositories.items()
        }
        return web.json_response({"repositories": told, "keys": sorted(self.keys), "log": self.log})

    async def open_up(self, request: web.Request) -> web.Response:
        """Make every repository public."""
        for found in self.repositories.values():
            found.private = False
        return web.Response()


async def serve(refuses: Sequence[str]) -> None:
    hub = Hub(refuses)
    app = web.Application(client_max_size=2**26, middlewares=[hub.watch])
    app.router.add_post("/api/repos/create", hub.create)
    app.router.add_post("/api/validate-yaml", hub.validate)
    app.router.add_get(f"/api/{{kind}}/{NAME}", hub.tell)
    app.router.add_post(f"/api/{{kind}}/{NAME}/preupload/main", hub.preupload)
    app.router.add_post(f"/api/{{kind}}/{NAME}/commit/main", hub.commit)
    app.router.add_post(f"/{NAME}.git/info/lfs/objects/batch", hub.batch)
    app.router.add_post(f"/{{kind}}/{NAME}.git/info/lfs/objects/batch", hub.batch)
    app.router.add_put("/lfs/{oid}", hub.put)
    app.router.add_get("/test/state", hub.state)
    app.router.add_post("/test/open", hub.open_up)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(f"port {runner.addresses[0][1]}", flush=True)
    await asyncio.Event().wait()


@dataclass(frozen=True)
class Standing:
    """A stand-in that answers."""

    port: int

    @property
    def url(self) -> str:
        """What HF_ENDPOINT is set to."""
        return f"http://127.0.0.1:{self.port}"

    def state(self) -> dict[str, Any]:
        """What it holds and was asked."""
        with urllib.request.urlopen(f"{self.url}/test/state") as reply:
            told: dict[str, Any] = json.load(reply)
        return told

    def files(self, name: str) -> dict[str, bytes]:
        """The files of a repository, as models/owner/name or datasets/owner/name."""
        held = self.state()["repositories"].get(name, {"files": {}})["files"]
        return {path: base64.b64decode(content) for path, content in held.items()}

    def open_up(self) -> None:
        """Make every repository public."""
        asked = urllib.request.Request(f"{self.url}/test/open", method="POST")
        urllib.request.urlopen(asked).close()


@contextmanager
def standing(*refuses: str) -> Iterator[Standing]:
    """Such a stand-in on loopback while the block runs."""
    line = [sys.executable, "-m", "tests.wire.hub", *refuses]
    with subprocess.Popen(line, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            told = process.stdout.readline() if process.stdout else ""
            if not told.startswith("port "):
                raise RuntimeError("the stand-in did not start; its message is above.")
            yield Standing(int(told[5:]))
        finally:
            process.kill()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("refuses", nargs="*", help="commit, repos/create: answered by 500")
    asyncio.run(serve(parser.parse_args().refuses))
