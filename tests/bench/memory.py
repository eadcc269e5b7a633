"""Do memory and speed hold when ten times as many briefs are written up and cleaned?

python -m tests.bench.memory [--few 10000] [--many 100000]

Wanted: the peak memory of the driver grows by at most a fifth, and rows a second fall by at most a
tenth, in generate and in clean. The ratio is the worst of these, each over what is wanted. The
heaviest worker is told too: one task compares all copies with one another and grows with them.
"""

import argparse
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.bench import conclude
from tests.wire.journey import Journey
from tests.wire.manners import Manners
from tests.wire.provider import provider
from tests.wire.usage import Usage

GROWTH = 1.2  # of the peak memory
PACE = 0.9  # of the rows a second
STAGES = ("brief", "generate", "clean")
MANNERS = Manners(latency_s=0.05, writes_copy=True)


@dataclass(frozen=True)
class Cost:
    """What one size took."""

    driver_mib: float
    worker_mib: float  # the heaviest
    rows_per_s: dict[str, float]  # by stage


def cost(folder: Path, rows: int) -> Cost:
    """Write up and clean so many briefs."""
    with provider(MANNERS) as running:
        journey = Journey(folder, running.url, rows, STAGES).prepare()
        profile = journey.profile(actors=2, in_flight=32)
        with journey.under_way("--profile", profile) as process, Usage(process.pid) as usage:
            status = process.wait()
        assert status == 0, journey.log.read_text(encoding="utf-8")[-4000:]
    done = {stage: journey.done(stage=stage) for stage in STAGES[1:]}
    pace = {stage: rows / record["seconds"] for stage, record in done.items()}
    workers = [mib for part, mib in usage.mib.items() if part in ("callers", "workers")]
    measured = Cost(usage.mib["driver"], max(workers), pace)
    parts = ", ".join(f"{stage} {rate:.0f} rows/s" for stage, rate in pace.items())
    print(
        f"{rows} briefs: driver {measured.driver_mib:.0f} MiB, heaviest worker "
        f"{measured.worker_mib:.0f} MiB, {parts}",
        flush=True,
    )
    return measured


def main() -> None:
    """Measure both sizes and conclude."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--few", type=int, default=10_000)
    parser.add_argument("--many", type=int, default=100_000)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        few = cost(Path(name) / "few", chosen.few)
        many = cost(Path(name) / "many", chosen.many)
    growth = {
        "driver": many.driver_mib / few.driver_mib,
        "worker": many.worker_mib / few.worker_mib,
    }
    pace = {stage: many.rows_per_s[stage] / rate for stage, rate in few.rows_per_s.items()}
    worst = min(GROWTH / growth["driver"], *(ratio / PACE for ratio in pace.values()))
    conclude(
        "memory", worst, worst >= 1,
        memory_growth={part: round(ratio, 2) for part, ratio in growth.items()},
        pace={stage: round(ratio, 2) for stage, ratio in pace.items()},
        driver_mib=round(many.driver_mib), worker_mib=round(many.worker_mib),
        rows=[chosen.few, chosen.many],
    )  # fmt: skip


if __name__ == "__main__":
    main()
