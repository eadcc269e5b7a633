"""A Ray cluster for the test files that need one; each file has its own and takes it down."""

from collections.abc import Iterator
from contextlib import suppress

import psutil
import pytest
import ray

from jobs.runtime.cluster import connect
from jobs.runtime.profile import ClusterShape, Profile


def rays_processes() -> list[psutil.Process]:
    """Those of this process's cluster; Python's own helpers may go on."""
    found = []
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if process.name().startswith(("ray::", "raylet", "gcs_server")):
                found.append(process)
    return found


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """Four logical CPUs in this process; a cluster that another file left up is a mistake."""
    assert not ray.is_initialized(), "an earlier test file left its cluster up"
    connect(Profile(ray=ClusterShape(logical_cpus=4, object_store_mb=100, data_cpus=2)))
    yield
    processes = rays_processes()
    ray.shutdown()
    _, left = psutil.wait_procs(processes, timeout=60)
    assert not left, f"processes outlive their cluster: {left}"
