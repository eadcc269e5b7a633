"""Ending parts of a running journey by kill -9, and a cluster of several nodes to do it in."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psutil
from ray.cluster_utils import Cluster

from jobs.domain.brand import ROOT
from tests.wire.provider import Running

LOOK_EVERY_S = 0.1
STORE_BYTES = 100 * 2**20
PATIENCE_S = 300.0


def callers(running: Running) -> list[psutil.Process]:
    """The processes that are connected to the provider: the actors that ask, whatever their name.

    This process and the provider are left out.
    """
    found = {
        connection.pid
        for connection in psutil.net_connections("tcp4")
        if connection.status == psutil.CONN_ESTABLISHED
        and connection.raddr
        and connection.raddr.port == running.port
    }
    return [psutil.Process(pid) for pid in sorted(found - {None, os.getpid(), running.pid})]


def kill_node_of(caller: psutil.Process) -> None:
    """End the node that a process runs on: its raylet and every worker on it."""
    raylet = caller.parent()
    assert raylet is not None
    assert raylet.name() == "raylet"
    lost = [raylet, *raylet.children(recursive=True)]
    for process in lost:
        process.kill()
    psutil.wait_procs(lost, timeout=30)


def until(running: Running, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The first ledger for which this holds. Raises TimeoutError after five minutes."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        ledger = running.ledger()
        if holds(ledger):
            return ledger
        time.sleep(LOOK_EVERY_S)
    raise TimeoutError(f"not within {PATIENCE_S} s; the ledger is {running.ledger()}")


@contextmanager
def cluster(workers: int) -> Iterator[Cluster]:
    """A head that takes no work and some nodes that do, each a raylet of its own on this machine.

    A driver joins it by RAY_ADDRESS.
    """
    os.environ["RAY_AUTH_MODE"] = "disabled"
    os.environ["PYTHONPATH"] = str(ROOT)
    head = {"num_cpus": 0, "object_store_memory": STORE_BYTES, "include_dashboard": False}
    nodes = Cluster(initialize_head=True, head_node_args=head)
    try:
        for _ in range(workers):
            add_node(nodes)
        yield nodes
    finally:
        nodes.shutdown()  # type: ignore[no-untyped-call]


def add_node(nodes: Cluster) -> None:
    """One more node that takes work."""
    nodes.add_node(num_cpus=4, object_store_memory=STORE_BYTES)
