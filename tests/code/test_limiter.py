"""The limiter as an actor: one for an account, shared by jobs, its state to be seen."""

import asyncio
import time
import urllib.request
from collections.abc import Mapping

import ray

from jobs.llm.limiter import Permits, cluster_exchange
from jobs.llm.limits import Limits

LIMITS = Limits(in_flight=6)


async def crowd(permits: Permits, calls: int, under_way: list[int]) -> None:
    async def call() -> None:
        async with permits:
            under_way[0] += 1
            under_way[1] = max(under_way)
            await asyncio.sleep(0.01)
            under_way[0] -= 1
            permits.answered(10, 0.0)

    await asyncio.gather(*(call() for _ in range(calls)))


async def test_two_holders_share_an_account(cluster: None) -> None:
    under_way, shown = [0, 0], list[Mapping[str, float]]()
    one = Permits(cluster_exchange("shared", LIMITS), 100, shown.append)
    two = Permits(cluster_exchange("shared", LIMITS), 100)
    await asyncio.gather(crowd(one, 60, under_way), crowd(two, 60, under_way))
    await one.close()
    await two.close()
    assert 2 <= under_way[1] <= LIMITS.in_flight
    assert shown
    assert {"in_flight", "window", "refused", "circuit_open"} <= set(shown[0])
    assert {state["window"] for state in shown} == {6.0}


async def test_prometheus_can_read_the_account(cluster: None) -> None:
    permits = Permits(cluster_exchange("scraped", LIMITS), 100)
    await crowd(permits, 20, [0, 0])
    await permits.close()
    (node,) = ray.nodes()
    address = f"http://{node['NodeManagerAddress']}:{node['MetricsExportPort']}/metrics"
    deadline, found = time.monotonic() + 60, dict[str, float]()
    while "answered" not in found and time.monotonic() < deadline:
        await asyncio.sleep(1)
        text = await asyncio.to_thread(lambda: urllib.request.urlopen(address).read().decode())
        for line in text.splitlines():
            name, _, rest = line.partition("{")
            if name.startswith("ray_housestyle_api_") and 'account="scraped"' in rest:
                found[name.removeprefix("ray_housestyle_api_")] = float(rest.rpartition(" ")[2])
    assert found["answered"] == 20.0
    assert found["window"] == 6.0
    assert {"in_flight", "circuit_open", "refused", "broken", "paused_s"} <= set(found)
