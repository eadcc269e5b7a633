"""Merging the journal's segments, and what each stage has spent, read from the same lines."""

import json
import uuid
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from jobs.domain.errors import StageError
from jobs.llm.index import MANIFEST, MERGED, read_manifest, write_generation
from jobs.llm.journal import SEGMENT, finished_segments, places
from jobs.llm.replies import Usage
from jobs.runtime.lock import only_one
from jobs.runtime.storage import Folder

ENOUGH = 32  # segments: below that, merging saves nothing
GENERATIONS = 8  # then all are merged into one
BY_BATCH = "@batch"  # after a stage's name: what it had by the provider's batch API


@dataclass(frozen=True)
class Spent:
    """What one stage has had from one model, as the service counted it."""

    calls: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0

    @property
    def usage(self) -> Usage:
        """The tokens as one sum, to be priced."""
        return Usage(self.prompt_tokens, self.cached_tokens, self.completion_tokens)

    def __add__(self, other: "Spent") -> "Spent":
        mine, others = vars(self), vars(other)
        return Spent(**{name: mine[name] + others[name] for name in mine})


def by_batch(stage_id: str) -> str:
    """Under what name the journal keeps what a stage had by batches, which has its own price."""
    return stage_id + BY_BATCH


def merge(folder: Folder) -> None:
    """Merge what nobody writes any more, where it is worth it and nobody else is at it."""
    if len(finished_segments(folder)) < ENOUGH:
        return
    try:
        with only_one(folder):
            _merge(folder)
    except StageError:
        return  # another process merges: it does the same work


def _merge(folder: Folder) -> None:
    manifest = read_manifest(folder)
    segments = finished_segments(folder)
    spent = defaultdict(Spent, {name: Spent(**sums) for name, sums in manifest["spent"].items()})
    lines: dict[str, bytes] = {}
    for name in segments:
        content = folder.read_bytes(name)
        for stage, sums in spent_in(content.splitlines(keepends=True)).items():
            spent[stage] += sums
        lines.update(_lines(name, content))
    generations = list(manifest["generations"])
    old = generations if len(generations) >= GENERATIONS else []
    for generation in old:
        for name in _data_files(folder, generation):
            lines = {**_lines(name, folder.read_bytes(name)), **lines}
    generation = f"{MERGED}{uuid.uuid4().hex[:12]}"
    write_generation(folder, generation, lines)
    kept = [] if old else generations
    totals = {stage: asdict(total) for stage, total in sorted(spent.items())}
    there = set(folder.names())  # a merge that was killed may have left files behind
    absorbed = [*segments, *(name for name in manifest["absorbed"] if name in there)]
    entry = {"generations": [*kept, generation], "absorbed": absorbed, "spent": totals}
    folder.write_json(MANIFEST, entry)
    # Readers that still look for a segment's file find it gone and read the manifest again.
    for name in absorbed + [name for before in old for name in _all_files(folder, before)]:
        folder.delete_file(name)


def _lines(name: str, content: bytes) -> dict[str, bytes]:
    return {
        key: content[place.start : place.start + place.length]
        for key, place in places(name, content).items()
    }


def _all_files(folder: Folder, generation: str) -> list[str]:
    return [name for name in folder.names() if name.startswith(f"{generation}-")]


def _data_files(folder: Folder, generation: str) -> list[str]:
    return [name for name in _all_files(folder, generation) if name.endswith(SEGMENT)]


def spent_in(lines: Iterable[bytes]) -> dict[str, Spent]:
    """What each stage paid for in a segment; every whole line is a call that was paid."""
    found: dict[str, Spent] = defaultdict(Spent)
    for line in lines:
        if line.endswith(b"\n"):
            entry: dict[str, Any] = json.loads(line)
            counts = (entry[f"{kind}_tokens"] for kind in ("prompt", "cached", "completion"))
            found[entry["stage"]] += Spent(1, *counts)
    return found


def spent_by_stage(folder: Folder) -> dict[str, Spent]:
    """All that the journal of one model holds, by the stage that paid for it."""
    manifest = read_manifest(folder)
    found = defaultdict(Spent, {name: Spent(**sums) for name, sums in manifest["spent"].items()})
    absorbed = set(manifest["absorbed"])
    for name in folder.names():
        if name.endswith(SEGMENT) and not name.startswith(MERGED) and name not in absorbed:
            for stage, sums in spent_in(folder.read_lines(name)).items():
                found[stage] += sums
    return dict(found)
