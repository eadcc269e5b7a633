"""The journal's merged segments: sorted by key, cut into shards, with an index searched on disk.

`merged-<generation>-<shard>.jsonl` holds the lines of the keys that begin with the shard's digit,
sorted; the `.idx` file beside it an array of (key, start, length), 20 bytes an entry, mapped into
memory and searched by halving. A million replies are 20 MB that all processes of a machine share.
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from jobs.runtime.storage import Folder

MERGED = "merged-"
INDEX = ".idx"
MANIFEST = "merged.json"
SHARDS = "0123456789abcdef"  # a key's first digit
ENTRY = np.dtype([("key", "<u8"), ("start", "<u8"), ("length", "<u4")])


@dataclass(frozen=True)
class Place:
    """Where a reply's line lies."""

    segment: str
    start: int  # bytes
    length: int  # bytes


class Merged:
    """Finds keys in the merged segments that the manifest names."""

    def __init__(self, folder: Folder) -> None:
        self.folder = folder
        self.generations: list[str] = []
        self.absorbed: set[str] = set()  # segments whose replies are here: not to be read again
        self.opened: dict[str, np.ndarray[Any, Any]] = {}

    def refresh(self) -> None:
        """Read the manifest again."""
        manifest = read_manifest(self.folder)
        self.generations = manifest["generations"]
        self.absorbed = set(manifest["absorbed"])

    def find(self, key: str) -> Place | None:
        """Where the reply lies, None where it is in no merged segment."""
        wanted = np.uint64(int(key, 16))
        for generation in self.generations:
            stem = f"{generation}-{key[0]}"
            entries = self._entries(stem)
            at = int(np.searchsorted(entries["key"], wanted))
            if at < len(entries) and entries["key"][at] == wanted:
                return Place(f"{stem}.jsonl", int(entries["start"][at]), int(entries["length"][at]))
        return None

    def _entries(self, stem: str) -> np.ndarray[Any, Any]:
        if stem not in self.opened:
            name = f"{stem}{INDEX}"
            if self.folder.is_local:
                path = self.folder.local_path() / name
            else:
                path = Path(tempfile.gettempdir()) / "housestyle" / name
                if not path.exists():  # generations have names of their own and never change
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(self.folder.read_bytes(name))
            size = path.stat().st_size
            self.opened[stem] = (
                np.memmap(path, ENTRY, mode="r") if size else np.empty(0, ENTRY)  # no empty maps
            )
        return self.opened[stem]


def read_manifest(folder: Folder) -> dict[str, Any]:
    """Which generations there are, what they absorbed, and what each stage had spent there."""
    if not (folder / MANIFEST).exists():
        return {"generations": [], "absorbed": [], "spent": {}}
    found: dict[str, Any] = folder.read_json(MANIFEST)
    return found


def merged_segments(folder: Folder) -> set[str]:
    """The segments that were merged and whose files may still lie there."""
    return set(read_manifest(folder)["absorbed"])


def write_generation(folder: Folder, name: str, lines: dict[str, bytes]) -> None:
    """Write the lines of some keys as one generation, shard by shard."""
    for shard in SHARDS:
        keys = sorted(key for key in lines if key[0] == shard)
        entries = np.empty(len(keys), ENTRY)
        start = 0
        for at, key in enumerate(keys):
            entries[at] = (int(key, 16), start, len(lines[key]))
            start += len(lines[key])
        folder.write_bytes(f"{name}-{shard}.jsonl", b"".join(lines[key] for key in keys))
        folder.write_bytes(f"{name}-{shard}{INDEX}", entries.tobytes())
