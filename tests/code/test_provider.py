"""The provider that judges the client: its own account is held against what a caller saw."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from statistics import fmean
from typing import Any, Literal

import aiohttp
import pytest

from jobs.domain.brand import facts_json, load_guide
from jobs.domain.catalog import read_products
from jobs.domain.filters import Checked, reasons
from jobs.domain.prompts import content_type, render_request
from jobs.domain.rows import Brief
from jobs.llm.api import Api
from tests.wire.completion import advertisement
from tests.wire.journey import CONTENT_TYPE, Journey
from tests.wire.manners import Dice, Manners
from tests.wire.provider import Running, provider

CAP = 20
MANNERS = Manners(latency_s=0.5, cap=CAP, failing=0.2, limit_headers=True, seed=3)


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    with provider(MANNERS) as started:
        yield started


def body(text: str) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": text}]}


async def test_the_ledger_is_what_the_caller_saw(running: Running) -> None:
    async with aiohttp.ClientSession() as session:

        async def ask(number: int) -> tuple[int, int]:
            url = f"{running.url}/chat/completions"
            async with session.post(url, json=body(f"prompt {number}")) as reply:
                assert reply.status == 200 or "no: " in (await reply.json())["error"]["message"]
                used = (await reply.json()).get("usage", {}).get("completion_tokens", 0)
                return reply.status, used

        async def turn_away() -> None:
            with suppress(TimeoutError):
                await asyncio.wait_for(ask(-1), 0.1)

        replies = await asyncio.gather(*(ask(number) for number in range(CAP * 2)))
        await turn_away()
        await asyncio.gather(*(ask(number) for number in range(5)))  # seen before: paid again
    seen = Counter(status for status, _ in replies)
    ledger = running.ledger()
    assert seen[429] == CAP  # all come at once, so the first twenty take every place
    assert ledger["max_in_flight"] > CAP
    assert ledger["in_flight"] == 0
    assert ledger["begun"] == CAP * 2 + 1 + 5
    assert ledger["begun"] == sum(map(sum, ledger["seconds"]))
    assert (ledger["refused"], ledger["aborted"]) == (CAP, 1)
    assert ledger["paid"] == ledger["answered"] + ledger["aborted"]
    assert ledger["failed"] >= seen[500] > 0
    assert ledger["distinct_begun"] == CAP * 2 + 1


async def test_the_same_body_gets_the_same_reply_and_headers_tell_the_limit() -> None:
    with provider(Manners(cap=9, limit_headers=True)) as running:
        async with aiohttp.ClientSession() as session:
            texts = []
            for prompt in ("a", "b", "a"):
                url = f"{running.url}/chat/completions"
                async with session.post(url, json=body(prompt)) as reply:
                    assert reply.headers["x-ratelimit-limit-requests"] == "9"
                    assert reply.headers["x-ratelimit-remaining-requests"] == "8"
                    texts.append((await reply.json())["choices"][0]["message"]["content"])
    assert texts[0] == texts[2] != texts[1]


@pytest.mark.parametrize(
    ("tail", "mean", "slow_share"),
    [("none", 0.2, 0.0), ("tenfold", 0.2 * 1.18, 0.02), ("lognormal", 0.2, 0.0025)],
)
def test_latencies(
    tail: Literal["none", "tenfold", "lognormal"], mean: float, slow_share: float
) -> None:
    """Of a lognormal of sigma 1, P(X >= 10 mean) = P(Z >= ln 10 + 1/2) = 0.0025."""
    manners = Manners(latency_s=0.2, tail=tail)
    drawn = [Dice(manners, str(number), 1).latency_s() for number in range(20_000)]
    assert fmean(drawn) == pytest.approx(mean, rel=0.05)
    assert fmean(value > 1.99 for value in drawn) == pytest.approx(slow_share, abs=0.003)
    assert drawn[7] == Dice(manners, "7", 1).latency_s()


def test_failures_are_as_many_as_asked_for_and_pass_when_tried_again() -> None:
    manners = Manners(failing=0.1)
    first = [Dice(manners, str(number), 1).fails for number in range(20_000)]
    second = [Dice(manners, str(number), 2).fails for number in range(20_000)]
    assert fmean(first) == pytest.approx(0.1, abs=0.01)
    both = fmean(one and two for one, two in zip(first, second, strict=True))
    assert both == pytest.approx(0.01, abs=0.004)


def test_copy_that_is_written_to_order_is_kept_by_the_cleaning_rules(tmp_path: Path) -> None:
    journey = Journey(tmp_path, "http://nowhere", rows=12).prepare()
    guide, kind = load_guide("yuansu"), content_type(CONTENT_TYPE, "zh")
    for product in read_products(tmp_path / "products.jsonl", "zh"):
        facts = facts_json(product, guide.name)
        identity = (product.product_id, product.product_id, "train", False)
        brief = Brief(*identity, "yuansu", "zh", CONTENT_TYPE, facts)
        text = advertisement(render_request(brief, guide)[-1]["content"])
        assert reasons(Checked(text, kind, guide, json.loads(facts))) == []
    assert journey.stage().section("teacher", Api).base_url == "http://nowhere"
