"""A provider's batch API, OpenAI's files and batches: the same calls within a day, at half price.

Every call goes out as a line that names its key. What comes back is kept in the journal like any
other reply, so the stage then reads all of it there. The provider's own list of batches is the
record of what is under way: a batch carries the journal's name as metadata. So a job that was
killed at any moment takes up its batches again and pays for none of them twice.
"""

import asyncio
import json
import re
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import ray

from jobs.domain.errors import StageError
from jobs.domain.text import fingerprint
from jobs.llm.faults import Fault, read_completion
from jobs.llm.journal import Journal
from jobs.llm.merging import by_batch
from jobs.llm.replies import Usage
from jobs.llm.sdk import broken_off, open_sdk, told_by_name
from jobs.runtime.lock import only_one
from jobs.runtime.progress import Counter

if TYPE_CHECKING:
    from jobs.llm.api import Batch
    from jobs.llm.client import Endpoint

PATH: Final = "/v1/chat/completions"
OURS = "housestyle_journal"  # the metadata that names a batch's journal,
PAYER = "housestyle_stage"  # and the stage that pays for it
FOLDER = "batches"  # within the journal: one file for each batch whose replies were taken
LONGEST_S = 30 * 86400  # providers keep a batch's files for a month
ENDED = {"completed", "expired", "cancelled", "failed"}
SILENT_S = 3600.0  # a provider that cannot be had may come back
AT_ONCE = 500  # replies that the journal takes in one group


@dataclass(frozen=True)
class Call:
    """One call that a stage wants answered."""

    key: str
    body: Mapping[str, Any]

    def line(self) -> bytes:
        """The call as a batch's file has it."""
        entry = {"custom_id": self.key, "method": "POST", "url": PATH, "body": dict(self.body)}
        return json.dumps(entry, ensure_ascii=False).encode() + b"\n"


def settle(endpoint: "Endpoint", batch: "Batch", calls: Iterable[Call]) -> dict[str, str]:
    """Have the calls answered by batches; gives the error's name of each that has no reply.

    Raises StageError where the provider refuses a batch, the run's budget does not cover one, or
    another job sends batches for this journal.
    """
    with only_one(endpoint.journal / FOLDER):
        return Settling(endpoint, batch).settle(calls)


class Settling:
    """One job's look at the provider's batches."""

    def __init__(self, endpoint: "Endpoint", batch: "Batch") -> None:
        self.endpoint, self.batch = endpoint, batch
        self.sdk = open_sdk(endpoint)
        self.count = Counter(endpoint.stage_id)
        self.taken = endpoint.journal / FOLDER
        self.errors: dict[str, str] = {}
        self.heard_at = time.monotonic()

    def settle(self, calls: Iterable[Call]) -> dict[str, str]:
        """Take up what is under way, send what is missing, take in what comes."""
        self._take_in(self._under_way())
        self.errors.clear()  # of earlier attempts: what failed there is sent again
        reserved: dict[str, float] = {}
        journal = Journal(self.endpoint.journal)
        with tempfile.TemporaryDirectory() as folder:
            for part in parts(missing(calls, journal), self.batch, Path(folder) / "part.jsonl"):
                usd = self._reserve(part)
                reserved[self._send(part)] = usd
        self._take_in(reserved)
        return self.errors

    def _under_way(self) -> dict[str, float]:
        """Batches of this journal whose replies nobody has taken, as the provider lists them."""
        taken, found = set(self.taken.names()), {}
        with told_by_name("list its batches"):
            for batch in self.sdk.batches.list(limit=100):
                if batch.created_at < time.time() - LONGEST_S:
                    break
                ours = (batch.metadata or {}).get(OURS) == self._name()
                if ours and f"{batch.id}.json" not in taken:
                    found[batch.id] = 0.0
        return found

    def _name(self) -> str:
        """What the journal is called in a batch's metadata."""
        return fingerprint(self.endpoint.journal.address)

    def _run(self) -> str:
        """The run whose budget this is."""
        return self.endpoint.stage_id.partition("/")[0]

    def _reserve(self, part: "Part") -> float:
        """Take the most that a part can cost out of the purse. Raises StageError."""
        price, purse = self.endpoint.price, self.endpoint.purse
        if purse is None or price is None:
            return 0.0
        most = price.usd(Usage(part.prompt_bytes, 0, part.tokens_out), batch=True)
        left = ray.get(purse.reserve.remote(most))
        if left < most:
            raise StageError(
                f"{self.endpoint.stage_id}: a batch of {part.calls} calls may cost up to "
                f"${most:.2f} and ${left:.2f} of the budget of ${self.endpoint.budget_usd:g} is "
                f"left. Raise [budget] usd (or --budget.usd), or make the batch's rows fewer, and "
                f"give the same command again: batches that were sent are not sent twice."
            )
        return most

    def _send(self, part: "Part") -> str:
        with told_by_name("take a batch"), part.path.open("rb") as content:
            file = self.sdk.files.create(file=("calls.jsonl", content), purpose="batch")
            batch = self.sdk.batches.create(
                input_file_id=file.id,
                endpoint=PATH,
                completion_window="24h",
                metadata={OURS: self._name(), PAYER: self.endpoint.stage_id},
            )
        print(f"{self.endpoint.stage_id}: batch {batch.id} of {part.calls} calls sent", flush=True)
        return str(batch.id)

    def _take_in(self, batches: Mapping[str, float]) -> None:
        """Wait for batches and keep their replies; give back what they did not cost."""
        left, answered = dict(batches), dict.fromkeys(batches, 0)
        while left:
            for name in list(left):
                found = self._look(name)
                if found is None:
                    continue
                answered[name] = found.request_counts.completed if found.request_counts else 0
                if found.status in ENDED:
                    usd = self._keep(found)
                    mine = found.metadata[PAYER].partition("/")[0] == self._run()
                    if self.endpoint.purse is not None and mine:
                        ray.get(self.endpoint.purse.release.remote(left[name], usd))
                    del left[name]
            self.count({"answered in batches": float(sum(answered.values()))})
            if left:
                time.sleep(self.batch.poll_s)

    def _look(self, name: str) -> Any:
        """The batch as it is now; None where the provider cannot be had, for an hour at most."""
        try:
            with told_by_name("tell how far a batch is"):
                found = self.sdk.batches.retrieve(name)
        except StageError:
            if time.monotonic() - self.heard_at > SILENT_S:
                raise
            return None
        self.heard_at = time.monotonic()
        return found

    def _keep(self, batch: Any) -> float:
        """A batch's replies into the journal, its errors by key; gives what was paid."""
        if batch.status == "failed":
            data = batch.errors.data if batch.errors and batch.errors.data else []
            codes = sorted({str(error.code) for error in data}) or ["unknown"]
            self.taken.write_json(f"{batch.id}.json", {"status": "failed", "codes": codes})
            raise StageError(
                f"{self.endpoint.stage_id}: the provider refused batch {batch.id}: "
                f"{', '.join(codes)}. Nothing of it was paid for. Mend it (too many queued tokens: "
                f"make the batch's rows fewer) and give the same command again."
            )
        keeping = asyncio.run(self._keep_files(batch))
        self.taken.write_json(f"{batch.id}.json", {"status": batch.status, "replies": keeping[0]})
        return keeping[1]

    async def _keep_files(self, batch: Any) -> tuple[int, float]:
        # A batch that was taken up may be another stage's, or another run's: that one has paid.
        journal = Journal(self.endpoint.journal, by_batch(batch.metadata[PAYER]))
        kept, usd, group = 0, 0.0, []
        try:
            for entry in self._entries(batch):
                reply = self._read(entry)
                if reply is None or journal.find(reply.key) is not None:
                    continue
                if self.endpoint.price:
                    usd += self.endpoint.price.usd(reply.usage, batch=True)
                group.append(journal.add(reply))
                kept += 1
                if len(group) == AT_ONCE:
                    await asyncio.gather(*group)
                    group = []
            await asyncio.gather(*group)
        finally:
            journal.close()
        return kept, usd

    def _entries(self, batch: Any) -> Iterator[dict[str, Any]]:
        """The lines of a batch's files of replies and of errors, as many as the batch counts."""
        lines, what = 0, "give a batch's file"
        for name in (batch.output_file_id, batch.error_file_id):
            if name:
                with (
                    told_by_name(what),
                    self.sdk.files.with_streaming_response.content(name) as answer,
                ):
                    for line in filter(str.strip, answer.iter_lines()):
                        lines += 1
                        yield json.loads(line)
        if batch.request_counts and lines < batch.request_counts.completed:
            raise broken_off(what)

    def _read(self, entry: dict[str, Any]) -> Any:
        """The reply in a line; None, and the error's name by its key, where there is none."""
        key, response = str(entry["custom_id"]), entry.get("response") or {}
        status = int(response.get("status_code") or 0)
        if status == 200:
            try:
                return read_completion(json.dumps(response["body"]).encode(), key)
            except Fault as fault:
                self.errors[key] = fault.name
                return None
        code = (entry.get("error") or {}).get("code")
        named = str(code) if re.fullmatch(r"[a-z_]{1,40}", str(code)) else "no_answer"
        self.errors[key] = f"http_{status}" if status else named
        return None


def missing(calls: Iterable[Call], journal: Journal) -> Iterator[Call]:
    """Each call once, without those that the journal has."""
    seen: set[str] = set()
    for call in calls:
        if call.key not in seen and journal.find(call.key) is None:
            seen.add(call.key)
            yield call


@dataclass(frozen=True)
class Part:
    """The calls of one batch, in a file."""

    path: Path
    calls: int
    prompt_bytes: int  # no tokenizer that works on bytes makes more tokens of a prompt
    tokens_out: int  # that the calls allow


def parts(calls: Iterable[Call], batch: "Batch", path: Path) -> Iterator[Part]:
    """The calls in parts of a batch's size; each part's file is gone when the next is asked for."""
    source = iter(calls)
    held = next(source, None)
    while held is not None:
        count, size, tokens_out = 0, 0, 0
        with path.open("wb") as file:
            while held is not None and count < batch.rows:
                line = held.line()
                if count and size + len(line) > batch.mib * 2**20:
                    break
                file.write(line)
                count, size = count + 1, size + len(line)
                tokens_out += int(held.body["max_tokens"])
                held = next(source, None)
        yield Part(path, count, size, tokens_out)
