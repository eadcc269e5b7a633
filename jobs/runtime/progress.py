"""How far a stage is: rich bars on a terminal, plain lines elsewhere.

Workers add to a named Ray actor; the driver reads it once a second. So progress costs a worker
one message per batch, and is the same for Ray Data stages, Ray Train loops and engines.
"""

import threading
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any

import ray
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

ACTOR = "progress"
PLAIN_SECONDS = 5.0  # between plain lines: a job's log stays readable


@ray.remote(num_cpus=0)
class Tally:
    """Sums of what workers did in the stage that runs now, and the last value of each gauge."""

    def __init__(self) -> None:
        self.sums: dict[str, float] = {}
        self.gauges: dict[str, float] = {}

    def add(self, sums: Mapping[str, float], gauges: Mapping[str, float]) -> None:
        """Add to the sums; replace the gauges."""
        for name, value in sums.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
        self.gauges.update(gauges)

    def read(self) -> tuple[dict[str, float], dict[str, float]]:
        """The sums and gauges so far."""
        return self.sums, self.gauges


class Counter:
    """A worker's end: `count({"loss": 0.3}, rows=1, tokens=200)`; nothing without a stage."""

    def __init__(self, stage_id: str) -> None:
        self.name = f"{ACTOR}/{stage_id}"
        self.actor: Any | None = None

    def __call__(self, gauges: Mapping[str, float] | None = None, /, **sums: float) -> None:
        if not ray.is_initialized():  # get_actor would start a cluster of its own
            return
        if self.actor is None:
            try:
                self.actor = ray.get_actor(self.name)
            except ValueError:
                return
        self.actor.add.remote(sums, gauges or {})


def describe(sums: Mapping[str, float], gauges: Mapping[str, float], seconds: float) -> str:
    """Rates, money and gauges as one short text.

    >>> describe({"rows": 10, "tokens": 500, "usd": 0.5}, {"loss": 1.25}, seconds=5)
    '2.0 rows/s, 100 tokens/s, $0.50, loss 1.25'
    """
    parts = []
    if sums.get("rows"):
        parts.append(f"{sums['rows'] / seconds:.1f} rows/s")
    if sums.get("tokens"):
        parts.append(f"{sums['tokens'] / seconds:.0f} tokens/s")
    if sums.get("usd"):
        parts.append(f"${sums['usd']:.2f}")
    parts += [f"{name} {value:.4g}" for name, value in gauges.items()]
    return ", ".join(parts)


def duration(seconds: float) -> str:
    """Seconds for a person.

    >>> duration(75)
    '1:15'
    """
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def time_left(seconds: float, rows: float, total: int) -> str:
    """What is left at the pace so far; more rows than were expected leave nothing.

    >>> time_left(60, 10, 20), time_left(60, 22, 20), time_left(60, 0, 20)
    (', 1:00 left', ', 0:00 left', '')
    """
    return f", {duration(seconds / rows * max(total - rows, 0))} left" if rows else ""


class Watcher(threading.Thread):
    """Reads the tally once a second and shows it."""

    def __init__(self, stage: str, total: int, actor: Any) -> None:
        super().__init__(daemon=True)
        self.stage, self.total, self.actor = stage, total, actor
        self.stopped = threading.Event()
        self.began = time.monotonic()

    def run(self) -> None:
        """Until stopped: a bar on a terminal, else a line every few seconds."""
        if Console().is_terminal:
            self._bar()
        else:
            self._lines()

    def _read(self) -> tuple[float, str]:
        sums: dict[str, float]
        gauges: dict[str, float]
        sums, gauges = ray.get(self.actor.read.remote())
        seconds = max(time.monotonic() - self.began, 1e-9)
        return sums.get("rows", 0.0), describe(sums, gauges, seconds)

    def _bar(self) -> None:
        columns = (
            TextColumn("{task.description:<10}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[rates]}"),
        )
        with Progress(*columns, transient=True) as bars:
            task = bars.add_task(self.stage, total=self.total or None, rates="")
            while not self.stopped.wait(1.0):
                rows, rates = self._read()
                bars.update(task, completed=rows, rates=rates)

    def _lines(self) -> None:
        while not self.stopped.wait(PLAIN_SECONDS):
            rows, rates = self._read()
            seconds = time.monotonic() - self.began
            left = time_left(seconds, rows, self.total)
            print(f"{self.stage}: {rows:.0f}/{self.total} {rates}{left}", flush=True)


class Watch:
    """Shows progress of a stage of `total` rows while the block runs."""

    def __init__(self, stage_id: str, total: int) -> None:
        self.stage_id, self.total = stage_id, total
        self.counter = Counter(stage_id)

    def __enter__(self) -> Counter:
        name = f"{ACTOR}/{self.stage_id}"
        self.actor = Tally.options(  # type: ignore[attr-defined]
            name=name, get_if_exists=True
        ).remote()
        self.watcher = Watcher(self.stage_id.rpartition("/")[2], self.total, self.actor)
        self.watcher.start()
        return self.counter

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.watcher.stopped.set()
        self.watcher.join()
        ray.kill(self.actor)
