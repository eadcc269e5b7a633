"""The client against a real server on loopback; test_faults has every way to misbehave."""

import asyncio
import socket
from collections.abc import AsyncIterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from aiohttp import web

from jobs.llm import asking
from jobs.llm import client as client_module
from jobs.llm.api import Api
from jobs.llm.asking import Ask, Question, Replied
from jobs.llm.client import Bounds, Client, Endpoint
from jobs.llm.faults import Fault
from jobs.llm.journal import Journal
from jobs.llm.limiter import lone_exchange
from jobs.llm.limits import Grant, Report
from jobs.llm.wire import LARGEST_REPLY
from jobs.runtime.storage import Folder
from tests.wire.steps import (
    CANARY,
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

CHAT = [{"role": "user", "content": "写一篇广告。"}]
TIMEOUT_S = 0.4
ATTEMPTS = 3


@pytest.fixture
async def server() -> AsyncIterator[Playing]:
    async with playing() as running:
        yield running


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "FIRST_WAIT_S", 0.005)
    monkeypatch.setattr(client_module, "LONGEST_WAIT_S", 0.02)
    monkeypatch.setenv("CANARY_KEY", CANARY)


def endpoint(url: str, folder: Path, **settings: Any) -> Endpoint:
    chosen = {"timeout_s": TIMEOUT_S, "attempts": ATTEMPTS, "api_key_env": "CANARY_KEY"} | settings
    api = Api(base_url=url, model="m", **chosen)
    return Endpoint(api, url, url, Folder(str(folder)))


def client(target: Endpoint, in_flight: int = 4) -> Client:
    return Client(target, Bounds(lone_exchange(target.api.limits), None, in_flight))


async def ask(target: Endpoint, chat: list[dict[str, str]] = CHAT, seed: int = 0) -> Any:
    """The reply and whether it was paid, or the Fault."""
    caller = client(target)
    try:
        return await caller.ask(chat, seed)
    except Fault as fault:
        return fault
    finally:
        await caller.close()


@pytest.mark.parametrize(
    ("steps", "sent"),
    [
        ([says(completion())], 1),
        ([fails(429), says(completion())], 2),
        ([fails(500), fails(503), says(completion())], 3),
        ([fails(408), fails(409), says(completion())], 3),
        ([hangs, says(completion())], 2),
    ],
)
async def test_what_passes_is_tried_again(
    server: Playing, tmp_path: Path, steps: list[Step], sent: int
) -> None:
    server.steps = steps
    reply, paid = await ask(endpoint(server.url, tmp_path))
    assert (reply.text, reply.finish_reason, paid) == ("温和修护。", "stop", True)
    assert (reply.usage.prompt_tokens, reply.usage.completion_tokens) == (11, 7)
    assert len(server.bodies) == sent


@pytest.mark.parametrize(
    ("step", "name", "sent"),
    [
        (fails(400), "http_400", 1),
        (fails(500), "http_500", ATTEMPTS),
        (hangs, "timeout", ATTEMPTS),
        (says_bytes(b" " * (LARGEST_REPLY + 1)), "oversized_reply", 1),
        (pours, "oversized_reply", 1),
    ],
)
async def test_a_fault_is_told_without_key_and_prompt(
    server: Playing, tmp_path: Path, step: Step, name: str, sent: int
) -> None:
    server.steps = [step]
    error = await ask(endpoint(server.url, tmp_path))
    assert isinstance(error, Fault)
    assert error.name == name
    assert len(server.bodies) == sent
    assert server.keys == {f"Bearer {CANARY}"}
    assert CANARY not in f"{error} {error!r} {error.name}"
    assert CHAT[0]["content"] not in str(error)
    assert not [path for path in tmp_path.rglob("*.jsonl")]


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (completion(content=None), "empty_reply"),
        (completion(content=" "), "empty_reply"),
        (completion("一半", "length"), "cut_off"),
        (completion("", "content_filter"), "content_filter"),
    ],
)
async def test_what_was_paid_and_cannot_be_used_is_not_paid_again(
    server: Playing, tmp_path: Path, body: dict[str, Any], problem: str
) -> None:
    server.steps = [says(body)]
    target = endpoint(server.url, tmp_path)
    reply, paid = await ask(target)
    assert (reply.problem, paid) == (problem, True)
    assert await ask(target) == (reply, False)
    assert len(server.bodies) == 1


async def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    error = await ask(endpoint(f"http://127.0.0.1:{port}/v1", tmp_path))
    assert isinstance(error, Fault)
    assert error.name == "connection"


async def test_retry_after_is_waited_for(server: Playing, tmp_path: Path) -> None:
    server.steps = [fails(429, **{"Retry-After": "0.3"}), says(completion())]
    await ask(endpoint(server.url, tmp_path))
    assert server.times[1] - server.times[0] >= 0.3


async def test_a_call_is_paid_for_once(server: Playing, tmp_path: Path) -> None:
    target = endpoint(server.url, tmp_path)
    caller = client(target)
    twice = await asyncio.gather(caller.ask(CHAT, 0), caller.ask(CHAT, 0))  # at the same time
    (first, paid), (second, paid_again) = twice
    assert first == second
    assert (paid, paid_again) == (True, False)
    assert await caller.ask(CHAT, 0) == (first, False)
    await caller.close()
    assert await ask(target) == (first, False)  # another process: only the folder is shared
    assert len(server.bodies) == 1


@pytest.mark.parametrize(
    ("chat", "seed", "settings"),
    [
        ([{"role": "user", "content": "写一篇广告！"}], 0, {}),
        (CHAT, 1, {}),
        (CHAT, 0, {"temperature": 0.5}),
        (CHAT, 0, {"max_tokens": 99}),
    ],
)
async def test_another_call_is_sent(
    server: Playing, tmp_path: Path, chat: Any, seed: int, settings: dict[str, Any]
) -> None:
    await ask(endpoint(server.url, tmp_path))
    _, paid = await ask(endpoint(server.url, tmp_path, **settings), chat, seed)
    assert paid
    assert server.bodies[0] != server.bodies[1]


async def test_no_more_calls_at_once_than_slots(server: Playing, tmp_path: Path) -> None:
    under_way: list[int] = [0, 0]  # now, most

    async def slow(request: web.Request) -> web.StreamResponse:
        under_way[0] += 1
        under_way[1] = max(under_way)
        await asyncio.sleep(0.02)
        under_way[0] -= 1
        return web.json_response(completion())

    server.steps = [slow]
    caller = client(endpoint(server.url, tmp_path), in_flight=3)
    replies = await asyncio.gather(*(caller.ask(CHAT, seed) for seed in range(40)))
    assert under_way[1] == 3
    assert len({reply.key for reply, _ in replies}) == 40
    # Durable already: another process would find all of them, had this one been killed now.
    other = Journal(Folder(str(tmp_path)))
    assert all(other.find(reply.key) == reply for reply, _ in replies)
    await caller.close()


async def test_hundreds_of_calls_are_under_way_at_once(server: Playing, tmp_path: Path) -> None:
    everybody, there = asyncio.Event(), 0

    async def together(request: web.Request) -> web.StreamResponse:
        nonlocal there
        there += 1
        if there == 150:  # aiohttp's own limit is 100
            everybody.set()
        await everybody.wait()
        return web.json_response(completion())

    server.steps = [together]
    settings = {"timeout_s": 30.0, "attempts": 1}
    caller = client(endpoint(server.url, tmp_path, **settings), in_flight=150)
    caller.permits.exchange = allowing_all
    replies = await asyncio.gather(*(caller.ask(CHAT, seed) for seed in range(150)))
    await caller.close()
    assert len({reply.key for reply, _ in replies}) == 150


async def allowing_all(report: Report) -> Grant:
    return Grant(report.wanted, 10**6)


async def test_rows_get_a_reply_or_a_named_error(
    server: Playing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The progress line wants Ray.
    told: list[dict[str, float]] = []
    count = lambda *gauges, **sums: told.extend(gauges)  # noqa: E731
    monkeypatch.setattr(asking, "Counter", lambda stage_id: count)
    plays = {"good": says(completion()), "long": says(completion("一半", "length"))}

    async def by_text(request: web.Request) -> web.StreamResponse:
        text = (await request.json())["messages"][0]["content"]
        return await plays.get(text, fails(400))(request)

    server.steps = [by_text]
    question = Question(
        build=lambda row: [{"role": "user", "content": row["text"]}],
        row_id=lambda row: f"{row['text']}#1",
        step="generate",
    )

    def replied() -> list[dict[str, Any]]:
        ask_rows = Ask(endpoint(server.url, tmp_path), question, 4)
        rows: list[dict[str, Any]] = ask_rows(
            pa.table({"text": ["good", "long", "bad"]})
        ).to_pylist()
        return rows

    names = [entry.name for entry in fields(Replied)]
    good, long, bad = await asyncio.to_thread(replied)
    assert list(good) == ["text", *names]
    assert (good["reply"], good["error"], good["paid_tokens_out"]) == ("温和修护。", "", 7)
    assert (long["error"], long["paid_tokens_in"]) == ("cut_off", 11)
    assert (bad["row_id"], bad["step"], bad["error"]) == ("bad#1", "generate", "http_400")
    assert (bad["reply"], bad["reply_key"], bad["paid_tokens_out"]) == ("", "", 0)
    assert CANARY not in str([good, long, bad])
    assert not any(CANARY in path.read_text(encoding="utf-8") for path in tmp_path.rglob("*.jsonl"))
    again = await asyncio.to_thread(replied)
    assert [row["paid_tokens_out"] for row in again] == [0, 0, 0]
    shown = {key for state in told for key in state}  # in the progress line
    assert "in flight" in shown
    assert not shown & {"answered", "paused s", "circuit open", "refused", "broken"}
