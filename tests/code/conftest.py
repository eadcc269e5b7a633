"""A Ray cluster for the test files that need one; each file has its own and takes it down."""

from collections.abc import Iterator

import psutil
import pytest
import ray

from jobs.runtime.cluster import connect
from jobs.runtime.profile import ClusterShape, Profile


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """Four logical CPUs in this process; a cluster that another file left up is a mistake."""
    assert not ray.is_initialized(), "an earlier test file left its cluster up"
    connect(Profile(ray=ClusterShape(logical_cpus=4, object_store_mb=100, data_cpus=2)))
    yield
    processes = psutil.Process().children(recursive=True)
    ray.shutdown()
    _, left = psutil.wait_procs(processes, timeout=60)
    assert not left, f"processes outlive their cluster: {[process.cmdline() for process in left]}"
