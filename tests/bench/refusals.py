"""Does the limiter find an account's limit and stay under it, with two jobs at once as well?

python -m tests.bench.refusals [--rows 8000]

The provider refuses beyond 200 calls in flight and fails one in fifty; the jobs may have twice as
many in flight as it takes. Wanted: all rows arrive, and after the first 10 s under 3 % of the
requests are refused. The ratio is the allowed share over the share seen, at most 10.
"""

import argparse
import tempfile
from pathlib import Path

from tests.bench import conclude
from tests.wire.journey import Journey
from tests.wire.kills import cluster
from tests.wire.manners import Manners
from tests.wire.provider import Running, provider

CAP = 200
SETTLING_S = 10
ALLOWED = 0.03
# A call takes a second: two hundred in flight are two hundred rows a second, which one core sends.
MANNERS = Manners(latency_s=1.0, cap=CAP, failing=0.02, seed=7)


def refused_share(running: Running) -> float:
    """Of the requests after the first seconds."""
    later = running.ledger()["seconds"][SETTLING_S:]
    requests = sum(sum(second) for second in later)
    refused = sum(second[1] for second in later)
    print(f"{requests} requests after the first {SETTLING_S} s, {refused} refused", flush=True)
    return refused / requests if requests else 1.0


def arrived(journey: Journey) -> bool:
    """Whether every row of the finished journey got its reply."""
    counts = journey.done()["counts"]
    print(f"{counts['out']} of {counts['expected']} rows arrived", flush=True)
    return bool(counts["out"] == counts["expected"] == journey.rows)


def alone(folder: Path, rows: int) -> tuple[float, bool]:
    """One job: the share refused, and whether all rows arrived."""
    with provider(MANNERS) as running:
        journey = Journey(folder, running.url, rows).prepare()
        journey.finish("--profile", journey.profile(actors=2, in_flight=CAP))
        return refused_share(running), arrived(journey)


def together(folder: Path, rows: int) -> tuple[float, bool]:
    """Two jobs of one account, each with half of the rows, on one Ray cluster."""
    with provider(MANNERS) as running, cluster(workers=1) as nodes:
        journeys = [
            Journey(folder / name, running.url, rows // 2, flavour=name).prepare()
            for name in ("one", "two")
        ]
        joined = {"RAY_ADDRESS": nodes.address}
        started = [
            journey.start("--profile", journey.profile(actors=1, in_flight=CAP), **joined)
            for journey in journeys
        ]
        for process in started:
            process.wait()
        return refused_share(running), all([arrived(journey) for journey in journeys])


def main() -> None:
    """Measure one job and two, and conclude."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=8000)
    rows = parser.parse_args().rows
    with tempfile.TemporaryDirectory() as name:
        share, whole = alone(Path(name) / "alone", rows)
        share_together, whole_together = together(Path(name) / "together", rows)
    worst = max(share, share_together)
    ok = whole and whole_together and worst < ALLOWED
    ratio = min(ALLOWED / worst if worst else 10.0, 10.0)
    conclude(
        "refusals", ratio, ok,
        refused_share=round(share, 4),
        refused_share_of_two_jobs=round(share_together, 4),
        all_rows_arrived=whole and whole_together,
        rows=rows,
    )  # fmt: skip


if __name__ == "__main__":
    main()
