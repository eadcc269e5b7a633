"""Every reply that cost money, kept at the storage root and shared by all runs.

A reply is known by a hash of address, model, messages and parameters. Each process appends to a
segment of its own (JSON lines) in groups: all that came while the last group was written. A row
goes on only when its group is durable, so a killed job pays again at most for what was in flight.
Segments that nobody writes any more are merged into sorted ones, whose index is searched on disk.
"""

import asyncio
import fcntl
import json
import os
import posixpath
import uuid
from dataclasses import asdict, dataclass
from typing import Any, BinaryIO

from jobs.domain.text import fingerprint
from jobs.llm.index import MERGED, Merged, Place, merged_segments
from jobs.llm.replies import Reply, Usage
from jobs.runtime.storage import Folder

SEGMENT = ".jsonl"
STORE_GROUP_S = 0.5  # an object store cannot append: each group is an object there
KEY_AT = slice(9, 25)  # of the key in a line, which begins with {"key": "


def call_key(base_url: str, parameters: dict[str, Any]) -> str:
    """Names a call by all that shapes its reply."""
    return fingerprint(base_url, json.dumps(parameters, ensure_ascii=False, sort_keys=True))


def line_of(reply: Reply, stage_id: str) -> bytes:
    """A reply as the journal keeps it, with the stage that paid for it."""
    usage = asdict(reply.usage)
    entry = {"key": reply.key, "text": reply.text, "finish_reason": reply.finish_reason}
    return json.dumps({**entry, **usage, "stage": stage_id}, ensure_ascii=False).encode() + b"\n"


def reply_of(line: bytes) -> Reply:
    """The reply in a journal's line."""
    entry = json.loads(line)
    usage = Usage(entry["prompt_tokens"], entry["cached_tokens"], entry["completion_tokens"])
    return Reply(entry["key"], entry["text"], entry["finish_reason"], usage)


def places(segment: str, content: bytes) -> dict[str, Place]:
    """Where each key's line lies in a segment; a last line that was cut by a kill is left out."""
    found, start = {}, 0
    for line in content.splitlines(keepends=True):
        if line.endswith(b"\n"):
            found[line[KEY_AT].decode()] = Place(segment, start, len(line))
        start += len(line)
    return found


@dataclass(frozen=True)
class _Pending:
    line: bytes
    durable: asyncio.Future[None]


class Journal:
    """One process's view: finds what anybody has paid for, adds what it pays for itself."""

    def __init__(self, folder: Folder, stage_id: str = "") -> None:
        self.folder, self.stage_id = folder, stage_id
        self.places: dict[str, Place] = {}  # of segments that are not merged yet
        self.merged = Merged(folder)
        self.known: set[str] = set()  # segments that have been read
        self.writer: Appending | Objects = Appending(folder) if folder.is_local else Objects(folder)
        self.pending: list[_Pending] = []
        self.committing: asyncio.Task[None] | None = None
        self.refresh()

    def refresh(self) -> None:
        """Read segments that have appeared since, and which of them were merged."""
        self.merged.refresh()
        found = {name for name in self.folder.names() if name.endswith(SEGMENT)}
        loose = {name for name in found if not name.startswith(MERGED)} - self.merged.absorbed
        for name in sorted(loose - self.known - {self.writer.segment}):
            try:
                self.places.update(places(name, self.folder.read_bytes(name)))
            except FileNotFoundError:
                continue  # merged by another process in between: the next refresh finds it there
        self.known = loose

    def find(self, key: str) -> Reply | None:
        """The reply already paid for, if there is one."""
        place = self.places.get(key) or self.merged.find(key)
        if place is None:
            return None
        try:
            return reply_of(self.folder.read_part(place.segment, place.start, place.length))
        except FileNotFoundError:
            self.places.pop(key, None)
            self.refresh()
            return self.find(key)

    async def add(self, reply: Reply) -> None:
        """Keep a reply: durable on return."""
        durable = asyncio.get_running_loop().create_future()
        self.pending.append(_Pending(line_of(reply, self.stage_id), durable))
        if self.committing is None or self.committing.done():
            self.committing = asyncio.create_task(self._commit())
        await durable

    async def _commit(self) -> None:
        """Write groups until nothing is pending; what comes meanwhile is the next group."""
        while self.pending:
            await asyncio.sleep(self.writer.pause_s)
            group, self.pending = self.pending, []
            lines = [entry.line for entry in group]
            try:
                where = await asyncio.to_thread(self.writer.write, lines)
            except OSError as error:
                for entry in group:
                    entry.durable.set_exception(error)
                continue
            for entry, place in zip(group, where, strict=True):
                self.places[entry.line[KEY_AT].decode()] = place
                entry.durable.set_result(None)

    def close(self) -> None:
        """Let others merge this process's segment."""
        self.writer.close()


class Appending:
    """On a disk: one file, locked while it is written, synced after each group."""

    pause_s = 0.0

    def __init__(self, folder: Folder) -> None:
        self.folder = folder
        self.segment = f"{uuid.uuid4().hex}{SEGMENT}"
        self.handle: BinaryIO | None = None

    def write(self, lines: list[bytes]) -> list[Place]:
        """Append a group; durable on return."""
        if self.handle is None:
            path = self.folder.local_path()
            path.mkdir(parents=True, exist_ok=True)
            self.handle = (path / self.segment).open("ab")
            fcntl.flock(self.handle, fcntl.LOCK_EX)
        start = self.handle.tell()
        self.handle.write(b"".join(lines))
        self.handle.flush()
        os.fdatasync(self.handle.fileno())
        return _laid(self.segment, start, lines)

    def close(self) -> None:
        """End the lock."""
        if self.handle is not None:
            self.handle.close()
            self.handle = None
            self.segment = f"{uuid.uuid4().hex}{SEGMENT}"


class Objects:
    """In an object store: each group is an object of its own."""

    pause_s = STORE_GROUP_S
    segment = ""

    def __init__(self, folder: Folder) -> None:
        self.folder = folder

    def write(self, lines: list[bytes]) -> list[Place]:
        """Write a group; durable on return."""
        name = f"{uuid.uuid4().hex}{SEGMENT}"
        self.folder.write_bytes(name, b"".join(lines))
        return _laid(name, 0, lines)

    def close(self) -> None:
        """Nothing is held open."""


def _laid(segment: str, start: int, lines: list[bytes]) -> list[Place]:
    found = []
    for line in lines:
        found.append(Place(segment, start, len(line)))
        start += len(line)
    return found


def finished_segments(folder: Folder) -> list[str]:
    """Segments that nobody appends to and that are not merged yet."""
    absorbed = merged_segments(folder)
    names = [
        name
        for name in folder.names()
        if name.endswith(SEGMENT) and not name.startswith(MERGED) and name not in absorbed
    ]
    if not folder.is_local:
        return names
    return [name for name in names if _is_free(posixpath.join(folder.address, name))]


def _is_free(path: str) -> bool:
    with open(path, "rb") as handle:  # noqa: PTH123
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return bool(handle.read(1))  # an empty one is about to be locked
