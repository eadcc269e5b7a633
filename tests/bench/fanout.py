"""Does the fan-out of `jobs.generate` keep up with a plain asyncio loop over the same chats?

python -m tests.bench.fanout [--seconds 20]

The provider has one core, whoever asks has another. Rates are those of the steady state by the
provider's ledger: replies per second in the middle of a run, without start and end. Journal and
limiter are on. Wanted, as a share of the loop's rate: 0.95 at 64 calls in flight, 0.7 where the
loop is fastest, 0.9 where a few calls take ten times as long. The ratio is the worst of the
three, each over what is wanted.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from jobs.domain.brand import ROOT
from jobs.domain.prompts import render_request
from jobs.domain.rows import Brief
from jobs.runtime.tables import read_rows
from tests.bench import conclude
from tests.wire.journey import Journey
from tests.wire.kills import until
from tests.wire.manners import Manners
from tests.wire.provider import Running, provider
from tests.wire.usage import Usage

WANTED = {"at_64": 0.95, "at_best": 0.7, "heavy_tail": 0.9}
CHATS = 2000  # that the loop asks, again and again
LATENCY_S = 0.2
TRIED = (64, 128, 256, 512)  # calls in flight
FIXED = Manners(latency_s=LATENCY_S)
HEAVY = Manners(latency_s=LATENCY_S, tail="tenfold", seed=2026)


@dataclass(frozen=True)
class Measured:
    """One way of asking at one concurrency."""

    rows_per_s: float
    cpu_ms: dict[str, float]  # of a row, by part
    mib: dict[str, float]  # of the heaviest process of each part
    kib_a_row: float  # by which all of them together grew

    def line(self, name: str) -> str:
        """For a person."""
        cpu = ", ".join(f"{part} {value:.2f}" for part, value in sorted(self.cpu_ms.items()))
        mib = ", ".join(f"{part} {value:.0f}" for part, value in sorted(self.mib.items()))
        total = sum(self.cpu_ms.values())
        busy = total * self.rows_per_s / 1000
        return (
            f"{name:<24}{self.rows_per_s:7.0f} rows/s  core {busy:4.0%} busy  "
            f"CPU ms a row {total:5.2f} ({cpu})  MiB ({mib}), {self.kib_a_row:.1f} KiB more a row"
        )


def steady_rate(seconds: list[list[int]]) -> float:
    """Replies a second in the middle three fifths of the seconds in which any came."""
    answered = [row[0] for row in seconds]
    active = [place for place, count in enumerate(answered) if count]
    span = answered[active[0] : active[-1] + 1]
    edge = max(1, len(span) // 5)
    return fmean(span[edge:-edge] or span)


def measured(
    running: Running, process: subprocess.Popen[str], core: int, rows: tuple[int, int]
) -> Measured:
    """Watch a process ask on one core; its CPU is counted between these two numbers of replies."""
    os.sched_setaffinity(process.pid, {core})
    first, last = rows

    def reached(count: int) -> Callable[[dict[str, Any]], bool]:
        return lambda ledger: ledger["answered"] >= count or process.poll() is not None

    with Usage(process.pid) as usage:
        began, cpu_began = until(running, reached(first)), usage.cpu_seconds()
        mib_began = usage.total_mib()
        ended, cpu_ended = until(running, reached(last)), usage.cpu_seconds()
        mib = usage.total_mib() - mib_began
        status = process.wait()
    assert status == 0, f"it ended with status {status}; its message is above or in its log"
    answered = max(ended["answered"] - began["answered"], 1)
    cpu = {
        part: (seconds - cpu_began.get(part, 0.0)) * 1000 / answered
        for part, seconds in cpu_ended.items()
    }
    rate = steady_rate(running.ledger()["seconds"])
    return Measured(rate, cpu, dict(usage.mib), mib * 1024 / answered)


class Bench:
    """The room in which all are measured."""

    def __init__(self, folder: Path, seconds: float) -> None:
        self.folder, self.seconds = folder, seconds
        cores = sorted(os.sched_getaffinity(0))
        self.server_core, self.client_core = cores[0], cores[-1]
        self.chats = folder / "chats.jsonl"
        self.chats.write_text("\n".join(self._chats()), encoding="utf-8")

    def _chats(self) -> list[str]:
        """The chats that `jobs.generate` would send for the first products."""
        briefs = Journey(self.folder / "briefs", "http://nowhere", CHATS, ("brief",)).prepare()
        briefs.finish()
        stage = briefs.stage(name="brief")
        return [
            json.dumps(render_request(brief, stage.guide), ensure_ascii=False)
            for brief in read_rows(Brief, stage.folder)
        ]

    def loop(self, kind: str, in_flight: int, manners: Manners) -> Measured:
        """The plain loop, for half the time that ours has."""
        with provider(manners, [self.server_core]) as running:
            line = [sys.executable, "-m", "tests.wire.loop", kind, running.url, str(self.chats)]
            line += [str(in_flight), str(self.seconds / 2)]
            with subprocess.Popen(line, cwd=ROOT, text=True) as process:
                seen = measured(running, process, self.client_core, (in_flight, sys.maxsize))
        print(seen.line(f"{kind} at {in_flight}"), flush=True)
        return seen

    def ours(self, in_flight: int, manners: Manners, rate: float) -> Measured:
        """`jobs.generate` over as many rows as the loop would do in this time."""
        rows = int(rate * self.seconds)
        with provider(manners, [self.server_core]) as running:
            folder = self.folder / f"ours_{in_flight}_{manners.tail}"
            journey = Journey(folder, running.url, rows).prepare()
            profile = journey.profile(actors=1, in_flight=in_flight)
            with journey.under_way("--profile", profile) as process:
                seen = measured(running, process, self.client_core, (rows // 4, rows * 3 // 4))
        print(seen.line(f"ours at {in_flight}"), flush=True)
        return seen


def main() -> None:
    """Measure the loop at each concurrency, ours beside it, and conclude."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0, help="of each steady state")
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory() as name:
        bench = Bench(Path(name), seconds)
        raw = max(bench.loop("aiohttp", tried, FIXED).rows_per_s for tried in TRIED[-2:])
        loops = {tried: bench.loop("openai", tried, FIXED) for tried in TRIED}
        best = max(TRIED, key=lambda tried: loops[tried].rows_per_s)
        at_64 = bench.ours(64, FIXED, loops[64].rows_per_s)
        at_best = bench.ours(best, FIXED, loops[best].rows_per_s)
        print("one call in fifty takes ten times as long:")
        loop_heavy = bench.loop("openai", 64, HEAVY)
        heavy = bench.ours(64, HEAVY, loop_heavy.rows_per_s)
    ratios = {
        "at_64": at_64.rows_per_s / loops[64].rows_per_s,
        "at_best": at_best.rows_per_s / loops[best].rows_per_s,
        "heavy_tail": heavy.rows_per_s / loop_heavy.rows_per_s,
    }
    worst = min(ratios[which] / wanted for which, wanted in WANTED.items())
    conclude(
        "fanout", worst, worst >= 1,
        **{which: round(ratio, 3) for which, ratio in ratios.items()},
        best_in_flight=best,
        loop_rows_per_s=round(loops[best].rows_per_s),
        ours_rows_per_s=round(at_best.rows_per_s),
        aiohttp_rows_per_s=round(raw),
        cpu_ms_a_row={
            "loop": round(sum(loops[best].cpu_ms.values()), 2),
            "ours": round(sum(at_best.cpu_ms.values()), 2),
            **{part: round(value, 2) for part, value in at_best.cpu_ms.items()},
        },
        kib_a_row={"loop": round(loops[best].kib_a_row, 1), "ours": round(at_best.kib_a_row, 1)},
    )  # fmt: skip


if __name__ == "__main__":
    main()
