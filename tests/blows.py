"""Ending one process of a GRPO run by kill -9, and what the run has to show for it afterwards."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from jobs.domain.brand import ROOT
from tests.small_grpo import Small

LOOK_EVERY_S = 0.01
PATIENCE_S = 300.0
LEARNER, SAMPLING = "ray::RayTrainWorker", "ray::RolloutEngine.roll"  # what Ray calls processes
# Ray Train takes note of checkpoints every two seconds, in which these runs learn several steps.
NOTED_EVERY = {"RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.1"}


@dataclass(frozen=True)
class Blow:
    """What was there when it fell."""

    at_ns: int
    sampled: int  # steps whose samples were written
    family: tuple[psutil.Process, ...]  # processes that the victim had started


def strike(
    place: Path, ready: Callable[[Path], bool], victim: Callable[[], psutil.Process | None]
) -> Blow:
    """End a process as soon as the stage's folder is ready for it and the process is there.

    Raises TimeoutError after five minutes.
    """
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        process = victim() if ready(place) else None
        if process is None:
            time.sleep(LOOK_EVERY_S)
            continue
        family = tuple(process.children(recursive=True))
        blow = Blow(time.time_ns(), sampled(place), family)
        process.kill()
        return blow
    raise TimeoutError(f"no process to end within {PATIENCE_S} s: {place} has {sampled(place)}")


def called(title: str) -> Callable[[], psutil.Process | None]:
    """The newest process below this one of that title; none where there is none."""

    def found() -> psutil.Process | None:
        below = psutil.Process().children(recursive=True)
        fitting = [one for one in below if title_of(one).startswith(title)]
        return max(fitting, key=lambda one: one.create_time(), default=None)

    return found


def title_of(process: psutil.Process) -> str:
    """What a process calls itself; "" where it has gone."""
    try:
        return (process.cmdline() or [""])[0]
    except psutil.Error:
        return ""


def sampled(place: Path) -> int:
    """The last step whose samples are written; 0: none."""
    return max((int(path.stem) for path in (place / "rollouts").glob("[0-9]*.jsonl")), default=0)


def saved(place: Path, blow: Blow | None = None) -> int:
    """The steps behind the last checkpoint that Ray Train took note of; 0: there is none.

    With a blow, behind the last of those that were written before it.
    """
    folder = place / "checkpoints" / "train"
    try:
        noted = json.loads((folder / "checkpoint_manager_snapshot.json").read_text())
    except (FileNotFoundError, json.JSONDecodeError):  # it is being written
        return 0
    found = [
        one["metrics"]["step"]
        for one in noted["checkpoint_results"]
        if blow is None or written_ns(folder / one["checkpoint_dir_name"]) < blow.at_ns
    ]
    return max(found, default=0)


def written_ns(checkpoint: Path) -> int:
    """When it came to its place."""
    return (checkpoint / "trainer_state.json").stat().st_mtime_ns


def went_on_at(place: Path, blow: Blow) -> int:
    """The first step whose samples were written after the blow."""
    files = sorted((place / "rollouts").glob("[0-9]*.jsonl"))
    return min(int(path.stem) for path in files if path.stat().st_mtime_ns > blow.at_ns)


def begin(small: Small, run: str, seed: int) -> subprocess.Popen[bytes]:
    """A driver of its own; what it says goes to log.txt in the folder."""
    line = [sys.executable, "-m", "jobs.pipeline", *small.arguments(run, seed)]
    inherited = {
        name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"
    } | NOTED_EVERY
    with (small.folder / "log.txt").open("ab") as log:
        return subprocess.Popen(line, cwd=ROOT, env=inherited, stdout=log, stderr=log)


def tidy(blow: Blow) -> list[str]:
    """Wait until what a killed driver had started has ended too; end the rest, and name it."""
    _, left = psutil.wait_procs(blow.family, timeout=30)
    names = [title_of(one) for one in left]
    for one in left:
        one.kill()
    return names
