"""The provider's batch API: everything answered, at half price, paid once whatever happens."""

import json
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import ray.data

from jobs.domain.errors import StageError
from jobs.llm.api import Api, Batch
from jobs.llm.asking import Question, ask_all, bill, calls_of
from jobs.llm.batches import Call, Settling, parts
from jobs.llm.budget import PurseActor
from jobs.llm.client import Endpoint
from jobs.llm.prices import Price
from jobs.llm.replies import Usage
from jobs.runtime.profile import ApiShape
from jobs.runtime.storage import Folder
from tests.wire.provider import Running, provider

ROWS = 50
PRICE = Price(
    host="127.0.0.1", model="m", input=1e4, cached_input=1e3, output=1e4, batch=0.5,
    read_on="2026-01-01", source="test",
)  # fmt: skip
QUESTION = Question(
    build=lambda row: [{"role": "user", "content": row["text"]}],
    row_id=lambda row: str(row["text"]),
    step="generate",
)


@pytest.fixture(scope="module")
def running(cluster: None) -> Iterator[Running]:
    with provider() as started:
        yield started


def endpoint(running: Running, folder: Path, rows: int = 20) -> Endpoint:
    api = Api(base_url=running.url, model="m", batch=Batch(rows=rows, poll_s=0.05))
    return Endpoint(api, running.url, running.url, Folder(str(folder)), "run/generate", PRICE)


def ask(target: Endpoint, texts: list[str]) -> dict[str, dict[str, Any]]:
    rows = ray.data.from_items([{"text": text} for text in texts])
    replied = ask_all(rows, target, QUESTION, shape=ApiShape(actors=1, in_flight=8))
    return {row["text"]: row for row in replied.take_all()}


def sent(running: Running) -> int:
    """Batches that the provider was ever given."""
    with urllib.request.urlopen(f"{running.url}/batches", timeout=30) as reply:
        return len(json.load(reply)["data"])


def test_all_rows_are_answered_at_half_price_and_paid_once(
    running: Running, tmp_path: Path
) -> None:
    batches, paid = sent(running), running.ledger()["paid"]
    target, texts = endpoint(running, tmp_path), [f"first {number}" for number in range(ROWS)]
    rows = ask(target, [*texts, texts[0]])  # one of them twice
    assert {row["error"] for row in rows.values()} == {""}
    assert len({row["reply"] for row in rows.values()}) == ROWS
    assert sent(running) - batches == 3
    assert running.ledger()["paid"] - paid == ROWS
    costs = bill(target)
    live = bill(replace(target, price=PRICE.model_copy(update={"batch": 1.0})))
    assert (costs["calls"], costs["calls_by_batch"]) == (ROWS, ROWS)
    assert costs["usd"] == pytest.approx(live["usd"] / 2)
    more = ask(target, [*texts, "one more"])
    assert {text: more[text]["reply"] for text in texts} == {
        text: rows[text]["reply"] for text in texts
    }
    assert sent(running) - batches == 4
    assert running.ledger()["paid"] - paid == ROWS + 1


def test_a_job_that_is_killed_takes_its_batches_up_again(
    running: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches, paid = sent(running), running.ledger()["paid"]
    target, texts = endpoint(running, tmp_path), [f"killed {number}" for number in range(ROWS)]
    other = endpoint(running, tmp_path / "other")  # of the same account, with a journal of its own
    take_in = Settling._take_in

    def killed(self: Settling, found: dict[str, float]) -> None:
        if found:
            raise KeyboardInterrupt
        take_in(self, found)

    monkeypatch.setattr(Settling, "_take_in", killed)
    with pytest.raises(KeyboardInterrupt):
        ask(target, texts)
    monkeypatch.undo()
    ask(other, ["another's"])
    assert bill(other)["calls"] == 1
    ask(replace(target, stage_id="later/generate"), ["a later run's"])  # takes the batches up
    assert (bill(target)["calls"], bill(replace(target, stage_id="later/generate"))["calls"]) == (
        ROWS,
        1,
    )
    rows = ask(target, texts)
    assert {row["error"] for row in rows.values()} == {""}
    assert sent(running) - batches == 3 + 1 + 1
    assert running.ledger()["paid"] - paid == ROWS + 1 + 1


def test_what_a_batch_does_not_answer_is_a_named_error_and_sent_again(
    running: Running, tmp_path: Path
) -> None:
    target = endpoint(running, tmp_path)
    texts = ["sound", "late [[batch:expires]]", "broken [[batch:http_500]]"]
    for _ in range(2):
        before = running.ledger()["begun"]
        rows = ask(target, texts)
        assert [rows[text]["error"] for text in texts] == ["", "batch_expired", "http_500"]
        assert "[[" not in rows[texts[1]]["message"]
    assert running.ledger()["begun"] - before == 2
    assert bill(target)["calls"] == 1


@pytest.mark.parametrize("lines", [3, 1])  # of three a part comes, of one nothing
def test_a_file_that_breaks_off_is_read_again(running: Running, tmp_path: Path, lines: int) -> None:
    target = endpoint(running, tmp_path)
    texts = [f"{lines}/{number} [[batch:broken_file]]" for number in range(lines)]
    batches, paid = sent(running), running.ledger()["paid"]
    with pytest.raises(StageError, match=r"batch's file whole: .*give the same command again"):
        ask(target, texts)
    rows = ask(target, texts)
    assert {row["error"] for row in rows.values()} == {""}
    assert (sent(running) - batches, running.ledger()["paid"] - paid) == (1, lines)
    assert bill(target)["calls"] == lines


def test_a_refused_batch_stops_the_stage(running: Running, tmp_path: Path) -> None:
    paid = running.ledger()["paid"]
    with pytest.raises(StageError, match=r"refused batch .*token_limit_exceeded.*Nothing of it"):
        ask(endpoint(running, tmp_path), ["sound too", "[[batch:refused]]"])
    assert running.ledger()["paid"] == paid


def test_a_budget_covers_the_most_that_a_batch_can_cost(running: Running, tmp_path: Path) -> None:
    paid, texts = running.ledger()["paid"], [f"dear {number}" for number in range(ROWS)]
    free = endpoint(running, tmp_path / "journal")
    rows = ray.data.from_items([{"text": text} for text in texts])
    (whole,) = parts(calls_of(rows, free, QUESTION), Batch(), tmp_path / "whole.jsonl")
    most = PRICE.usd(Usage(whole.prompt_bytes, 0, whole.tokens_out), batch=True)
    short = replace(free, purse=PurseActor.remote(most * 0.7), budget_usd=1.0)
    with pytest.raises(StageError, match=r"a batch of 20 calls may cost up to .*Raise \[budget\]"):
        ask(short, texts)
    enough = replace(free, purse=PurseActor.remote(most), budget_usd=1.0)
    assert {row["error"] for row in ask(enough, texts).values()} == {""}
    assert running.ledger()["paid"] - paid == ROWS
    left = ray.get(enough.purse.draw.remote("test", 0.0)) * 2
    assert left == pytest.approx(most - bill(free)["usd"])


def test_parts_keep_to_rows_and_size(tmp_path: Path) -> None:
    calls = [Call(f"k{number}", {"max_tokens": 7, "text": "x" * 1000}) for number in range(10)]
    path = tmp_path / "part.jsonl"
    assert [part.calls for part in parts(calls, Batch(rows=4), path)] == [4, 4, 2]
    small = list(parts(calls, Batch(mib=0.003), path))
    assert [part.calls for part in small] == [2] * 5
    assert all(part.prompt_bytes <= 0.003 * 2**20 for part in small)
    assert {part.tokens_out for part in small} == {14}
    assert [part.calls for part in parts(calls[:1], Batch(mib=0.0001), path)] == [1]
    assert not list(parts([], Batch(), path))
