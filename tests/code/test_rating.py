"""Batches rated over real servers, sound and faulty: no failure ever becomes a number."""

import json
import random
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import ray
from aiohttp import web

from jobs.domain.rewards import Sample
from jobs.llm import client as client_module
from jobs.llm.accounts import in_role
from jobs.llm.api import Api
from jobs.llm.client import Endpoint
from jobs.llm.rating import Rater, Rating, rate, share_missing
from jobs.llm.reach import reach
from jobs.runtime.storage import Folder
from tests.code.test_rater import rated, sample_of
from tests.wire.scripted import prompt_in, stages
from tests.wire.steps import (
    Playing,
    Step,
    completion,
    fails,
    hangs,
    playing,
    pours,
    says,
    says_bytes,
)

PLENTY_S = 60.0


@pytest.fixture
async def server() -> AsyncIterator[Playing]:
    async with playing() as running:
        yield running


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "FIRST_WAIT_S", 0.005)
    monkeypatch.setattr(client_module, "LONGEST_WAIT_S", 0.02)


def endpoint(url: str, folder: Path, **settings: Any) -> Endpoint:
    api = Api(base_url=url, model="m", **{"attempts": 1, "timeout_s": 5.0, **settings})
    return Endpoint(api, url, url, Folder(str(folder)))


def batch(count: int) -> list[Sample]:
    sound = sample_of("ad")
    return [replace(sound, text=f"{sound.text}第{place}瓶。") for place in range(count)]


def text_in(request: dict[str, Any]) -> str:
    prompt = prompt_in(request)
    fence = prompt.partition("<copy ")[2].partition(">")[0]
    return prompt.partition(f"<copy {fence}>\n")[2].partition(f"\n</copy {fence}>")[0]


def worth(text: str) -> float:
    """What the sound servers here give a text, of ten."""
    return random.Random(text).randrange(101) / 10


def says_worth(text: str) -> dict[str, Any]:
    return completion(json.dumps({"score": worth(text), "reason": "so"}))


async def sound_step(request: web.Request) -> web.StreamResponse:
    return web.json_response(says_worth(text_in(await request.json())))


FAULTS: dict[str, Step] = {
    "http_500": fails(500),
    "http_400": fails(400),
    "http_401": fails(401),
    "http_429": fails(429),
    "wrong_shape": says(completion("I would give it 7 out of 10.")),
    "wrong_shape ": says(completion('{"score": 11, "reason": "x"}')),
    "wrong_shape  ": says(completion('{"score": "7", "reason": "x"}')),
    "wrong_shape   ": says(completion("抱歉，我不能给文案打分。")),
    "wrong_shape    ": says(completion('{"score": 0.5}')),
    "cut_off": says(completion('{"score": 7, "reason": "x"}', finish="length")),
    "content_filter": says(completion('{"score": 7, "reason": "x"}', finish="content_filter")),
    "empty_reply": says(completion("")),
    "malformed_reply": says_bytes(b"<html>7</html>"),
    "empty_choices": says({"choices": []}),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("attempts", [1, 3])
async def test_no_failure_becomes_a_number(
    server: Playing, tmp_path: Path, fault: str, attempts: int
) -> None:
    server.steps = [FAULTS[fault]]
    rating = Rating(endpoint(server.url, tmp_path, attempts=attempts), PLENTY_S, 4)
    assert await rating.rate(batch(3)) == [None, None, None]
    counts = rating.counts()
    assert counts["asked"] == 3
    assert counts["missing"] == {fault.strip(): 3}
    await rating.close()


@pytest.mark.parametrize("step", [hangs, pours], ids=["hangs", "pours"])
async def test_a_call_that_does_not_end_is_missing(
    server: Playing, tmp_path: Path, step: Step
) -> None:
    server.steps = [step]
    rating = Rating(endpoint(server.url, tmp_path, timeout_s=0.3), PLENTY_S, 4)
    assert await rating.rate(batch(2)) == [None, None]
    await rating.close()


async def test_a_batch_ends_when_its_time_is_over(server: Playing, tmp_path: Path) -> None:
    async def slow_for_some(request: web.Request) -> web.StreamResponse:
        text = text_in(await request.json())
        if "第0瓶" in text or "第3瓶" in text:
            return await hangs(request)
        return web.json_response(says_worth(text))

    server.steps = [slow_for_some]
    samples = batch(5)
    rating = Rating(endpoint(server.url, tmp_path, attempts=5), 1.0, 8)
    ratings = await rating.rate(samples)  # the two replies would come after HANGS_S, 2 s
    wanted = [worth(sample.text) / 10 for sample in samples]
    assert ratings == [None, *map(pytest.approx, wanted[1:3]), None, pytest.approx(wanted[4])]
    assert rating.counts()["missing"] == {"too_late": 2}
    await rating.close()


def fails_some(share: float) -> Step:
    """A 500 to so many of the attempts, else a sound rating."""
    dice = random.Random(5)

    async def step(request: web.Request) -> web.StreamResponse:
        if dice.random() < share:
            return await fails(500)(request)
        return await sound_step(request)

    return step


async def test_a_rater_that_fails_thirty_percent_of_calls(server: Playing, tmp_path: Path) -> None:
    samples = batch(200)
    wanted = [worth(sample.text) / 10 for sample in samples]
    server.steps = [fails_some(0.3)]
    once = Rating(endpoint(server.url, tmp_path / "once"), PLENTY_S, 16)
    ratings = await once.rate(samples)
    there = [place for place, found in enumerate(ratings) if found is not None]
    assert [ratings[place] for place in there] == [pytest.approx(wanted[place]) for place in there]
    assert 0.2 < share_missing(ratings) < 0.4
    assert len(server.bodies) == 200  # one attempt: each was asked once
    await once.close()
    again = Rating(endpoint(server.url, tmp_path / "again", attempts=5), PLENTY_S, 16)
    ratings = await again.rate(samples)
    assert share_missing(ratings) < 0.05  # 0.3 ** 5 = 0.002
    assert all(
        found is None or found == pytest.approx(right)
        for found, right in zip(ratings, wanted, strict=True)
    )
    await again.close()


async def test_a_text_is_paid_for_once(server: Playing, tmp_path: Path) -> None:
    server.steps = [sound_step]
    samples = batch(3)
    rating = Rating(endpoint(server.url, tmp_path), PLENTY_S, 4)
    first = await rating.rate([*samples, *samples])
    assert first[:3] == first[3:]
    assert len(server.bodies) == 3
    await rating.close()
    other = Rating(endpoint(server.url, tmp_path), PLENTY_S, 4)
    assert await other.rate(samples) == first[:3]
    assert len(server.bodies) == 3  # the journal had them
    await other.close()


async def test_a_reply_of_another_shape_is_repaired_once(server: Playing, tmp_path: Path) -> None:
    server.steps = [says(completion("7")), says(completion('{"score": 7, "reason": "x"}'))]
    rating = Rating(endpoint(server.url, tmp_path, attempts=2), PLENTY_S, 4)
    assert await rating.rate(batch(1)) == [0.7]
    await rating.close()


async def test_no_samples_no_calls(server: Playing, tmp_path: Path) -> None:
    rating = Rating(endpoint(server.url, tmp_path), PLENTY_S, 4)
    assert await rating.rate([]) == []
    assert server.bodies == []
    await rating.close()


def test_the_offline_rater_and_one_pool_for_all_ranks(cluster: None, tmp_path: Path) -> None:
    stage = in_role(stages(tmp_path, "yuansu")["judge"], "rater", Api())
    samples = [sample_of(name) for name in ("ad", "wrong concentration", "vague", "empty", "page")]
    with reach(stage, "rater") as target:
        alone = rate(target, samples, timeout_s=PLENTY_S, in_flight=8)
        assert alone == [pytest.approx(rated(sample) / 10) for sample in samples]
        rater = Rater.remote(target, PLENTY_S, 8)  # type: ignore[attr-defined]
        ranks = ray.get([rater.rate.remote(samples[:3]), rater.rate.remote(samples[2:])])
        assert ranks == [alone[:3], alone[2:]]
        assert ray.get(rater.counts.remote()) == {"asked": 6, "missing": {}, "usd": 0.0}
        ray.get(rater.close.remote())
        ray.kill(rater)
