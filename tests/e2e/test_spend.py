"""What a provider bills when a paid stage is killed in the middle and run again to its end.

The provider's own ledger is the judge: it lives in a process that no test kills.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jobs.domain.rows import Draft
from jobs.runtime.tables import read_rows
from tests.wire.journey import SECONDS, Journey
from tests.wire.kills import callers, cluster, kill_node_of, until
from tests.wire.manners import Manners
from tests.wire.provider import Running, provider

ROWS = 600
ACTORS, IN_FLIGHT = 2, 16
LATENCY_S = 0.25


@pytest.fixture
def running() -> Iterator[Running]:
    with provider(Manners(latency_s=LATENCY_S)) as started:
        yield started


@pytest.fixture
def journey(running: Running, tmp_path: Path) -> Journey:
    return Journey(tmp_path, running.url, ROWS).prepare()


def half_paid(ledger: dict[str, Any]) -> bool:
    return bool(ledger["answered"] >= ROWS // 2)


def nothing_in_flight(ledger: dict[str, Any]) -> bool:
    return not ledger["in_flight"]


def assert_whole(journey: Journey) -> None:
    """Every row is there, once."""
    drafts = read_rows(Draft, journey.stage_folder())
    assert len({draft.brief_id for draft in drafts}) == len(drafts) == ROWS


def assert_paid_once(running: Running) -> None:
    """Besides the calls in flight at the kill, which are lost by nature, none is paid for twice."""
    ledger = until(running, nothing_in_flight)
    assert ledger["distinct_paid"] == ROWS
    assert ledger["paid"] <= ROWS + ledger["max_in_flight"]


def assert_free_now(running: Running, journey: Journey, profile: str) -> None:
    """Another run in another shape, and one that is redone, find every reply in the journal."""
    begun = until(running, nothing_in_flight)["begun"]
    other = journey.profile(actors=3, in_flight=5)
    journey.finish("--run", "second", "--profile", other)
    changed = ("--teacher.timeout_s", "50")  # a setting that no request carries
    journey.finish("--run", "second", "--profile", profile, "--redo", *changed)
    assert running.ledger()["begun"] == begun


def test_the_driver_is_killed(running: Running, journey: Journey) -> None:
    profile = journey.profile(actors=ACTORS, in_flight=IN_FLIGHT)
    with journey.under_way("--profile", profile) as driver:
        until(running, half_paid)
        driver.kill()
    until(running, nothing_in_flight)
    journey.finish("--profile", profile)
    assert_whole(journey)
    assert_paid_once(running)
    assert_free_now(running, journey, profile)


def test_an_actor_is_killed(running: Running, journey: Journey) -> None:
    profile = journey.profile(actors=ACTORS, in_flight=IN_FLIGHT)
    with journey.under_way("--profile", profile) as driver:
        until(running, half_paid)
        callers(running)[0].kill()
        driver.wait(SECONDS)
    journey.finish("--profile", profile)
    assert_whole(journey)
    assert_paid_once(running)


def test_a_node_is_killed(running: Running, journey: Journey) -> None:
    profile = journey.profile(actors=ACTORS, in_flight=IN_FLIGHT)
    with cluster(workers=2) as nodes:
        joined = {"RAY_ADDRESS": nodes.address}
        with journey.under_way("--profile", profile, **joined) as driver:
            until(running, half_paid)
            kill_node_of(callers(running)[0])
            driver.wait(SECONDS)
        journey.finish("--profile", profile, **joined)
        assert_whole(journey)
        assert_paid_once(running)
