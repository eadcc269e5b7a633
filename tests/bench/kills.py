"""Is money lost when something is killed every few seconds, until ten thousand rows are done?

python -m tests.bench.kills [--rows 10000] [--every 10] [--seed 0]

On a cluster of several nodes a driver, a process that asks, or a whole node is ended by kill -9,
by the roll of a seeded die; a driver that has ended is started again, a lost node is replaced.
Wanted: every row arrives once, and what is paid beyond one call a row is at most what was in
flight at each kill. The ratio is what was allowed over what was paid.
"""

import argparse
import random
import subprocess
import tempfile
import time
from collections import Counter
from pathlib import Path

from ray.cluster_utils import Cluster

from jobs.domain.rows import Draft
from jobs.runtime.tables import read_rows
from tests.bench import conclude
from tests.wire.journey import Journey
from tests.wire.kills import add_node, callers, cluster, kill_node_of, until
from tests.wire.manners import Manners
from tests.wire.provider import Running, provider

ACTORS, IN_FLIGHT = 2, 32
MANNERS = Manners(latency_s=0.5, failing=0.01, seed=11)
KINDS = ("driver", "caller", "node")


class Chaos:
    """A journey under kills."""

    def __init__(self, journey: Journey, running: Running, nodes: Cluster, seed: int) -> None:
        self.journey, self.running, self.nodes = journey, running, nodes
        self.chance = random.Random(seed)
        self.profile = journey.profile(actors=ACTORS, in_flight=IN_FLIGHT)
        self.kills: Counter[str] = Counter()
        self.lost = 0  # calls in flight at the kills

    def start(self) -> subprocess.Popen[str]:
        """A driver on the cluster."""
        return self.journey.start("--profile", self.profile, RAY_ADDRESS=self.nodes.address)

    def run(self, every_s: float) -> None:
        """Kill and start again until a driver ends well."""
        driver = self.start()
        while driver.poll() != 0:
            try:
                driver.wait(timeout=every_s)
            except subprocess.TimeoutExpired:
                self.kill(driver)
            if driver.poll() not in (None, 0):
                driver = self.start()

    def kill(self, driver: subprocess.Popen[str]) -> None:
        """End something, if anything asks just now; note what was in flight."""
        kind = self.chance.choice(KINDS)
        asking = callers(self.running)
        if not asking:
            return
        self.lost += self.running.ledger()["in_flight"]
        if kind == "driver":
            driver.kill()
            driver.wait()
        elif kind == "caller":
            asking[0].kill()
        else:
            kill_node_of(asking[0])
            add_node(self.nodes)
        self.kills[kind] += 1
        answered = self.running.ledger()["answered"]
        print(f"{kind} killed; {answered} of {self.journey.rows} answered", flush=True)


def main() -> None:
    """Run to the end under kills, and conclude."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--every", type=float, default=10.0, help="seconds between kills")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    began = time.monotonic()
    with (
        tempfile.TemporaryDirectory() as name,
        provider(MANNERS) as running,
        cluster(workers=2) as nodes,
    ):
        journey = Journey(Path(name), running.url, chosen.rows).prepare()
        chaos = Chaos(journey, running, nodes, chosen.seed)
        chaos.run(chosen.every)
        drafts = read_rows(Draft, journey.stage_folder())
        ledger = until(running, lambda ledger: not ledger["in_flight"])
    whole = len({draft.brief_id for draft in drafts}) == len(drafts) == chosen.rows
    allowed = chosen.rows + chaos.lost
    conclude(
        "kills", allowed / ledger["paid"], whole and ledger["paid"] <= allowed,
        rows=chosen.rows, whole=whole, paid=ledger["paid"], in_flight_at_kills=chaos.lost,
        kills=dict(chaos.kills), seconds=round(time.monotonic() - began),
    )  # fmt: skip


if __name__ == "__main__":
    main()
