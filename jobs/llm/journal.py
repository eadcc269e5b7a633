"""Every reply that cost money, kept at the storage root and shared by all runs.

A reply is known by a hash of address, model, messages and parameters. Replies are committed in
groups as immutable segments (JSON lines); a row is released only when its segment is durable, so
a killed job pays again at most for what was in flight.
"""

import json
import uuid
from dataclasses import asdict, dataclass
from typing import Any

from jobs.domain.text import fingerprint
from jobs.runtime.storage import Folder


@dataclass(frozen=True)
class Reply:
    """What came back for one call."""

    key: str
    text: str
    finish_reason: str  # stop, length, ...
    prompt_tokens: int
    completion_tokens: int


def call_key(base_url: str, parameters: dict[str, Any]) -> str:
    """Names a call by all that shapes its reply."""
    return fingerprint(base_url, json.dumps(parameters, ensure_ascii=False, sort_keys=True))


class Journal:
    """Reads every segment when it is opened; writes segments of its own."""

    def __init__(self, folder: Folder) -> None:
        self.folder = folder
        self.replies: dict[str, Reply] = {}
        self.pending: list[Reply] = []
        for name in folder.names():
            for line in folder.read_bytes(name).splitlines():
                reply = Reply(**json.loads(line))
                self.replies[reply.key] = reply

    def find(self, key: str) -> Reply | None:
        """The reply already paid for, if there is one."""
        return self.replies.get(key)

    def add(self, reply: Reply) -> None:
        """Take a reply; it is durable after the next `commit`."""
        self.replies[reply.key] = reply
        self.pending.append(reply)

    def commit(self) -> None:
        """Write what is pending as one segment, durable on return."""
        if not self.pending:
            return
        lines = [json.dumps(asdict(reply), ensure_ascii=False) for reply in self.pending]
        self.folder.write_bytes(f"{uuid.uuid4().hex}.jsonl", ("\n".join(lines) + "\n").encode())
        self.pending.clear()
