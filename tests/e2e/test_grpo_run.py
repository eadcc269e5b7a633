"""Whole GRPO runs by the real stages: killed ones, what they leave alone, who can load the result.

Two runs of one seed: one is undisturbed; of the other the driver is killed, it is started again,
then its learner is killed. Both ways of going on with all faults are in tests/bench/undisturbed.py.
"""

import hashlib
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from socket import socket
from typing import Any

import psutil
import pytest
import ray
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from jobs.domain.brand import ROOT, load_guide
from jobs.domain.prompts import render_brief
from jobs.domain.rows import Rollout
from jobs.runtime.command import start
from jobs.runtime.profile import read_profile
from tests.blows import LEARNER, NOTED_EVERY, Blow, begin, called, saved, strike, tidy, went_on_at
from tests.small_grpo import Small, brief_of, products

STEPS, SAVE_EVERY, SAMPLES = 12, 2, 4
WHOLE, KILLED = "whole", "killed"
SERVER_SECONDS, REPLY_TOKENS = 300, 24


@dataclass(frozen=True)
class Runs:
    """Both runs, finished."""

    small: Small
    driver: Blow
    learner: Blow
    before: dict[str, str]  # the base's files by their sums, before any run


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    assert not ray.is_initialized(), "an earlier test file left its cluster up"
    weights = {"within_length": 1.0, "no_repetition": 1.0}
    folder = tmp_path_factory.mktemp("small")
    small = Small(folder, STEPS, SAVE_EVERY, SAMPLES, lessons=0, weights=weights).prepare()
    before, place = sums(folder / "policy"), small.place(KILLED)
    os.environ |= NOTED_EVERY  # Ray's processes inherit it
    with ThreadPoolExecutor(1) as other:
        first = begin(small, KILLED, 0)
        fall = other.submit(
            strike, place, lambda on: saved(on) > 0, lambda: psutil.Process(first.pid)
        )
        start("", small.arguments(WHOLE, 0))
        driver = fall.result()
        first.wait()
        tidy(driver)
        there = saved(place)
        fall = other.submit(strike, place, lambda on: saved(on) > there, called(LEARNER))
        start("", small.arguments(KILLED, 0))
        learner = fall.result()
    yield Runs(small, driver, learner, before)
    ray.shutdown()
    for name in NOTED_EVERY:
        del os.environ[name]


def sums(folder: Path) -> dict[str, str]:
    """SHA-256 of every file of a folder."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def test_killed_runs_go_on_at_their_last_checkpoint(runs: Runs) -> None:
    place = runs.small.place(KILLED)
    first, second = (saved(place, blow) for blow in (runs.driver, runs.learner))
    assert 0 < first < second < STEPS
    assert went_on_at(place, runs.driver) == first + 1
    assert went_on_at(place, runs.learner) == second + 1


def test_killed_runs_leave_the_tables_of_one_that_was_not(runs: Runs) -> None:
    whole, killed = (runs.small.rollouts(name) for name in (WHOLE, KILLED))
    assert len(whole) == STEPS * 2 * SAMPLES

    def same_by_plan(rows: list[Rollout]) -> list[tuple[Any, ...]]:
        return [(row.rollout_id, row.facts, row.step, row.version) for row in rows]

    assert same_by_plan(killed) == same_by_plan(whole)
    # Engines draw on where they are, so what was drawn before the first kill is the same in full.
    head = saved(runs.small.place(KILLED), runs.driver)
    early = [[row for row in rows if row.step <= head] for rows in (killed, whole)]
    assert len(early[1]) == head * 2 * SAMPLES
    assert early[0] == early[1]
    for name in ("loss", "reward", "learning_rate"):
        curves = [runs.small.curve(run, name) for run in (WHOLE, KILLED)]
        assert [list(curve) for curve in curves] == [list(range(1, STEPS + 1))] * 2
        undisturbed, disturbed = (list(curve.values())[:head] for curve in curves)
        assert disturbed == pytest.approx(undisturbed, abs=1e-6)


def test_the_base_is_as_it_was(runs: Runs) -> None:
    assert "model.safetensors" in runs.before
    assert sums(runs.small.folder / "policy") == runs.before


class Models:
    """The base and the adapter of the undisturbed run, in transformers and peft alone."""

    def __init__(self, small: Small) -> None:
        base = small.folder / "policy"
        self.tokenizer = AutoTokenizer.from_pretrained(base)
        plain = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
        self.model = PeftModel.from_pretrained(plain, small.place(WHOLE) / "adapter").eval()

    def greedy(self, chat: list[dict[str, str]]) -> list[int]:
        """The likeliest tokens, one after the other, as many as the server is asked for."""
        ids = self.tokenizer.apply_chat_template(
            chat, add_generation_prompt=True, return_dict=False
        )
        count = len(ids)
        with torch.no_grad():
            while len(ids) < count + REPLY_TOKENS and ids[-1] != self.tokenizer.eos_token_id:
                ids.append(int(self.model(torch.tensor([ids])).logits[0, -1].argmax()))
        return list(ids[count:])


@contextmanager
def server(base: Path, adapter: Path, log: Path) -> Iterator[str]:
    """vLLM's own OpenAI server on loopback, with the adapter by the name `grpo`."""
    with socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    rank = json.loads((adapter / "adapter_config.json").read_text())["r"]
    line = [
        sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", str(base),
        "--host", "127.0.0.1", "--port", str(port), "--dtype", "float32", "--enforce-eager",
        "--max-model-len", "512", "--max-num-seqs", "4", "--served-model-name", "base",
        "--enable-lora", "--max-lora-rank", str(rank), "--lora-modules", f"grpo={adapter}",
    ]  # fmt: skip
    variables = read_profile("laptop").engine.environment
    url = f"http://127.0.0.1:{port}"
    with log.open("wb") as said:
        process = subprocess.Popen(
            line, cwd=ROOT, env={**os.environ, **variables}, stdout=said, stderr=said
        )
    family: list[psutil.Process] = []
    try:
        deadline = time.monotonic() + SERVER_SECONDS
        while not is_up(url):
            assert process.poll() is None, log.read_text()[-4000:]
            assert time.monotonic() < deadline, log.read_text()[-4000:]
        family = psutil.Process(process.pid).children(recursive=True)
        yield url
    finally:
        process.terminate()
        process.wait()
        psutil.wait_procs(family, timeout=30)


def is_up(url: str) -> bool:
    """The server answers, after half a second at the most."""
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=0.5) as reply:
            return bool(reply.status == 200)
    except OSError:
        time.sleep(0.5)
        return False


def replied(url: str, model: str, chat: list[dict[str, str]]) -> list[int]:
    """The tokens of a greedy chat completion."""
    body = {
        "model": model, "messages": chat, "temperature": 0, "max_tokens": REPLY_TOKENS,
        "return_token_ids": True,
    }  # fmt: skip
    request = urllib.request.Request(
        f"{url}/v1/chat/completions",
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as reply:
        return list(json.load(reply)["choices"][0]["token_ids"])


def test_the_adapter_says_the_same_in_peft_and_in_vllms_own_server(
    runs: Runs, tmp_path: Path
) -> None:

    small, models = runs.small, Models(runs.small)
    chats = [render_brief(brief_of(one), load_guide("yuansu")) for one in products()[:3]]
    tuned = [models.greedy(chat) for chat in chats]
    with models.model.disable_adapter():
        plain = [models.greedy(chat) for chat in chats]
    assert tuned != plain, "the adapter changes nothing, so nothing is compared"
    adapter = small.place(WHOLE) / "adapter"
    with server(small.folder / "policy", adapter, tmp_path / "log.txt") as url:
        assert [replied(url, "grpo", chat) for chat in chats] == tuned
        assert [replied(url, "base", chat) for chat in chats] == plain
