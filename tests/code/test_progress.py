"""Progress outside a stage: an engine used by itself must not start a cluster to count."""

import ray

from jobs.runtime.progress import Counter


def test_counting_without_a_cluster_starts_none() -> None:
    assert not ray.is_initialized()
    Counter("bench/base")({"loss": 1.0}, rows=1)
    assert not ray.is_initialized()
