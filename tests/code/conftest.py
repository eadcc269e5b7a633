"""One Ray cluster for all tests here that need one: they come last, and it is taken down."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
import ray

from jobs.runtime.cluster import connect
from jobs.runtime.profile import ClusterShape, Profile
from tests.wire.steps import CANARY


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The tests of this folder without a cluster first: some are about what is done without."""
    here = Path(__file__).parent
    places = [place for place, item in enumerate(items) if item.path.parent == here]
    mine = [items[place] for place in places]
    for place, item in zip(places, sorted(mine, key=needs_cluster), strict=True):
        items[place] = item


def needs_cluster(item: pytest.Item) -> bool:
    """Whether a test uses the fixture below."""
    return "cluster" in getattr(item, "fixturenames", ())


def rays_processes() -> list[psutil.Process]:
    """Those of this process's cluster; Python's own helpers may go on."""
    found = []
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if process.name().startswith(("ray::", "raylet", "gcs_server")):
                found.append(process)
    return found


@pytest.fixture(scope="package")
def cluster() -> Iterator[None]:
    """Four logical CPUs in this process, whose workers know the canary key.

    A start takes five seconds, and its first workers as long again: each file had its own once.
    """
    assert not ray.is_initialized(), "an earlier test left its cluster up"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CANARY_KEY", CANARY)
        connect(Profile(ray=ClusterShape(logical_cpus=4, object_store_mb=100, data_cpus=2)))
    yield
    processes = rays_processes()
    ray.shutdown()
    _, left = psutil.wait_procs(processes, timeout=60)
    assert not left, f"processes outlive their cluster: {left}"
