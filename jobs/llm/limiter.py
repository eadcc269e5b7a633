"""One limiter for each account of the cluster, and a caller's end of it.

The limiter is a named, detached Ray actor, so that all jobs that use an account share it. It ends
itself when nobody has called for some minutes.
"""

import asyncio
import time
import uuid
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

import ray
from ray.util import metrics

from jobs.llm.faults import Fault
from jobs.llm.limits import REPORT_EVERY_S, Account, Grant, Limits, Report

NO_SERVICE = "no_service"  # the error of rows that were not asked, or not any more
NAMESPACE = "housestyle"  # the jobs of a cluster have namespaces of their own; accounts have not
IDLE_S = 600.0  # then the actor ends

SHOWN_EVERY_S = 1.0

Exchange = Callable[[Report], Awaitable[Grant]]
Show = Callable[[Mapping[str, float]], None]  # told the account's state


@ray.remote(num_cpus=0)
class Limiter:
    """The account in an actor; its state is exported for Prometheus."""

    def __init__(self, account: str, limits: Limits) -> None:
        self.account = Account(limits, time.monotonic())
        self.used_at = time.monotonic()
        self.ending: asyncio.Task[None] | None = None
        self.gauges = {
            name: metrics.Gauge(f"housestyle_api_{name}", tag_keys=("account",))
            for name in self.account.state(self.used_at)
        }
        for gauge in self.gauges.values():
            gauge.set_default_tags({"account": account})

    async def exchange(self, report: Report, limits: Limits) -> Grant:
        """Take a holder's report, give its grant. The limits of the latest job count."""
        self.used_at = time.monotonic()
        if self.ending is None:
            self.ending = asyncio.create_task(self._end_when_idle())
        self.account.set_limits(limits, self.used_at)
        grant = self.account.exchange(report, self.used_at)
        for name, value in grant.state.items():
            self.gauges[name].set(value)
        return grant

    async def _end_when_idle(self) -> None:
        while time.monotonic() - self.used_at < IDLE_S:
            await asyncio.sleep(IDLE_S / 10)
        ray.actor.exit_actor()  # type: ignore[no-untyped-call]


def limiter_of(account: str, limits: Limits) -> Any:
    """The account's actor on this cluster, started where there is none."""
    return Limiter.options(  # type: ignore[attr-defined]
        name=f"limiter/{account}",
        namespace=NAMESPACE,
        lifetime="detached",
        get_if_exists=True,
        max_restarts=-1,
    ).remote(account, limits)


def cluster_exchange(account: str, limits: Limits) -> Exchange:
    """Reports to the cluster's limiter; finds it again where it was lost."""
    actor: Any = limiter_of(account, limits)

    async def exchange(report: Report) -> Grant:
        nonlocal actor
        try:
            grant: Grant = await actor.exchange.remote(report, limits)
        except ray.exceptions.RayActorError:
            actor = limiter_of(account, limits)
            return Grant(0, 0)
        return grant

    return exchange


def lone_exchange(limits: Limits) -> Exchange:
    """An account of this process alone, where there is no cluster."""
    account = Account(limits, time.monotonic())

    async def exchange(report: Report) -> Grant:
        return account.exchange(report, time.monotonic())

    return exchange


def exchange_of(account: str, limits: Limits) -> Exchange:
    """With the cluster's limiter, or with one of this process alone where there is no cluster."""
    return cluster_exchange(account, limits) if ray.is_initialized() else lone_exchange(limits)


class Permits:
    """A caller's slots: `async with permits:` around each attempt; outcomes are told afterwards."""

    def __init__(self, exchange: Exchange, at_once: int, show: Show | None = None) -> None:
        self.exchange, self.at_once = exchange, at_once
        self.show, self.shown_at = show, 0.0
        self.holder = uuid.uuid4().hex
        self.grant = Grant(0, 0)
        self.under_way = 0
        self.done = Report(self.holder)  # since the last report
        self.waiting: deque[asyncio.Future[None]] = deque()
        self.urgent = asyncio.Event()
        self.reporter: asyncio.Task[None] | None = None

    async def __aenter__(self) -> None:
        if self.reporter is None or self.reporter.done():
            self.reporter = asyncio.create_task(self._report_on())
        if self.waiting or not self._may_start():
            turn = asyncio.get_running_loop().create_future()
            self.waiting.append(turn)
            self.urgent.set()
            try:
                await turn
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled():  # given up as its turn came
                    await self.__aexit__()
                raise
        else:
            self._start()

    async def __aexit__(self, *_: object) -> None:
        self.under_way -= 1
        self._wake()

    def _may_start(self) -> bool:
        return self.under_way < min(self.grant.slots, self.at_once) and self.grant.starts > 0

    def _start(self) -> None:
        self.under_way += 1
        self.grant = replace(self.grant, starts=self.grant.starts - 1)
        self.done = replace(self.done, started=self.done.started + 1)

    def _wake(self) -> None:
        while self.waiting and self._may_start():
            turn = self.waiting.popleft()
            if not turn.done():  # else its row was given up
                self._start()
                turn.set_result(None)

    def answered(self, tokens: int, dry_s: float) -> None:
        """A call gave a reply of so many tokens."""
        done = self.done
        self.done = replace(
            done,
            answered=done.answered + 1,
            tokens=done.tokens + tokens,
            dry_s=max(done.dry_s, dry_s),
        )

    def failed(self, fault: Fault) -> None:
        """A call gave none."""
        done, wait = self.done, fault.wait_s or 0.0
        if fault.name == "http_429":
            self.done = replace(done, refused=done.refused + 1, wait_s=max(done.wait_s, wait))
            self.urgent.set()
        elif fault.again:
            self.done = replace(done, broken=done.broken + 1)

    async def _report_on(self) -> None:
        """Report while there are calls; at once where one waits or was refused."""
        while self.under_way or self.waiting:
            self.urgent.clear()
            await self.report()
            started = asyncio.get_running_loop().time()
            try:
                await asyncio.wait_for(self.urgent.wait(), REPORT_EVERY_S)
            except TimeoutError:
                continue
            # Urgent, yet not in a storm: a tenth of a period after the last report at the earliest.
            elapsed = asyncio.get_running_loop().time() - started
            await asyncio.sleep(max(0.0, REPORT_EVERY_S / 10 - elapsed))
        await self.report()

    async def report(self) -> None:
        """Tell what was done, take the new grant, start who may."""
        wanted = min(self.at_once, self.under_way + len(self.waiting))
        report = replace(self.done, under_way=self.under_way, wanted=wanted)
        self.done = Report(self.holder)
        grant = await self.exchange(report)
        if self.show and grant.state and time.monotonic() - self.shown_at > SHOWN_EVERY_S:
            self.shown_at = time.monotonic()
            self.show(grant.state)
        # What started while the report was on its way is of the new grant.
        self.grant = replace(grant, starts=grant.starts - self.done.started)
        if grant.stop:
            for turn in self.waiting:
                if not turn.done():
                    turn.set_exception(Fault(NO_SERVICE, grant.stop))
            self.waiting.clear()
        self._wake()

    async def close(self) -> None:
        """Tell that nothing more is wanted."""
        if self.reporter is not None:
            self.reporter.cancel()
            with suppress(asyncio.CancelledError):
                await self.reporter
            await self.report()
