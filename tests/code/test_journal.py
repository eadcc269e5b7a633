"""The journal: what was added is found, before, while and after segments are merged."""

import asyncio
import json
from pathlib import Path

import pytest

from jobs.domain.text import fingerprint
from jobs.llm import merging
from jobs.llm.budget import Purse, Wallet
from jobs.llm.index import MANIFEST, MERGED
from jobs.llm.journal import Appending, Journal, Objects
from jobs.llm.merging import Spent, merge, spent_by_stage
from jobs.llm.replies import Reply, Usage
from jobs.runtime.storage import Folder


def reply(number: int, text: str = "") -> Reply:
    usage = Usage(10 + number, number, 2)
    return Reply(fingerprint(str(number)), text or f"屏障{number}\n“修护”", "stop", usage)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(str(tmp_path / "journal"))


async def filled(folder: Folder, numbers: range, stage: str = "run/generate") -> Journal:
    """A process's journal that has paid for these replies, and is closed."""
    journal = Journal(folder, stage)
    await asyncio.gather(*(journal.add(reply(number)) for number in numbers))
    journal.close()
    return journal


def all_found(journal: Journal, numbers: range) -> bool:
    return all(journal.find(reply(number).key) == reply(number) for number in numbers)


async def test_what_one_process_pays_for_another_finds(folder: Folder) -> None:
    mine = await filled(folder, range(50))
    assert all_found(mine, range(50))
    assert all_found(Journal(folder), range(50))
    assert Journal(folder).find(reply(50).key) is None


async def test_a_line_cut_by_a_kill_is_not_read(folder: Folder) -> None:
    await filled(folder, range(3))
    [path] = folder.local_path().glob("*.jsonl")
    path.write_bytes(path.read_bytes()[:-9])
    journal = Journal(folder)
    assert all_found(journal, range(2))
    assert journal.find(reply(2).key) is None
    assert spent_by_stage(folder)["run/generate"].calls == 2


async def test_merging_loses_nothing(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merging, "ENOUGH", 2)
    monkeypatch.setattr(merging, "GENERATIONS", 3)
    before = await filled(folder, range(5))  # reads segments that will be gone
    for generation in range(1, 6):
        await filled(folder, range(5 * generation, 5 * generation + 3), "run/a")
        await filled(folder, range(5 * generation + 3, 5 * generation + 5), "run/b")
        merge(folder)
        known = range(5 * generation + 5)
        assert all_found(Journal(folder), known)
        assert not [name for name in folder.names() if name.endswith("l") and MERGED not in name]
    assert all_found(before, range(5))
    assert len(folder.read_json(MANIFEST)["generations"]) <= 3
    spent = spent_by_stage(folder)
    assert {stage: sums.calls for stage, sums in spent.items()} == {
        "run/generate": 5, "run/a": 15, "run/b": 10,
    }  # fmt: skip
    assert spent["run/generate"] == Spent(5, 60, 10, 10)


async def test_a_segment_that_is_written_is_not_merged(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merging, "ENOUGH", 1)
    await filled(folder, range(2))
    writing = Journal(folder, "run/a")
    await writing.add(reply(2))
    merge(folder)
    await writing.add(reply(3))
    assert all_found(Journal(folder), range(4))
    assert all_found(writing, range(4))


async def test_a_merge_killed_before_it_cleaned_up_counts_nothing_twice(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merging, "ENOUGH", 1)
    await filled(folder, range(4))
    with monkeypatch.context() as killed:
        killed.setattr(Folder, "delete_file", lambda *_: None)
        merge(folder)
    assert spent_by_stage(folder)["run/generate"].calls == 4
    await filled(folder, range(4, 6))
    merge(folder)
    assert spent_by_stage(folder)["run/generate"].calls == 6
    assert len([name for name in folder.names() if not name.startswith(MERGED)]) == 1


async def test_an_object_store_gets_a_group_as_one_object(folder: Folder) -> None:
    journal = Journal(folder, "run/generate")
    journal.writer = Objects(folder)
    journal.writer.pause_s = 0.01
    await asyncio.gather(*(journal.add(reply(number)) for number in range(20)))
    assert len(folder.names()) == 1
    assert all_found(Journal(folder), range(20))


async def test_a_reply_that_cannot_be_kept_is_an_error(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "no space left on device")

    monkeypatch.setattr(Appending, "write", full)
    with pytest.raises(OSError, match="no space left"):
        await Journal(folder, "run/a").add(reply(1))


async def test_lines_are_readable(folder: Folder) -> None:
    await filled(folder, range(1))
    [path] = folder.local_path().glob("*.jsonl")
    assert json.loads(path.read_text(encoding="utf-8")) == {
        "key": reply(0).key, "text": reply(0).text, "finish_reason": "stop", "prompt_tokens": 10,
        "cached_tokens": 0, "completion_tokens": 2, "stage": "run/generate",
    }  # fmt: skip


@pytest.mark.parametrize("callers", [1, 3])
async def test_a_budget_is_kept_but_for_what_is_under_way(callers: int) -> None:
    purse, price, at_once = Purse(1.0), 0.004, 8
    made = 0

    async def draw(caller: str, spent: float) -> float:
        return purse.draw(caller, spent)

    async def call(wallet: Wallet) -> None:
        nonlocal made
        await wallet.start()
        made += 1
        await asyncio.sleep(0)
        wallet.end(price)

    async def caller() -> None:
        wallet = Wallet(draw)
        ended = False
        while not ended:
            calls = [call(wallet) for _ in range(at_once)]
            ended = any(await asyncio.gather(*calls, return_exceptions=True))

    await asyncio.gather(*(caller() for _ in range(callers)))
    assert made * price <= 1.0 + callers * at_once * price
    assert made * price >= 1.0 - 3 * callers * at_once * price  # shares that nobody used up
