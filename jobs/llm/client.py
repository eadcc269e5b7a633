"""One client per process: openai over aiohttp, retries with jitter, the journal before the wire."""

import asyncio
import math
import random
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from jobs.domain.prompts import Message
from jobs.llm.api import Api, api_key
from jobs.llm.budget import Draw, Wallet, actor_draw
from jobs.llm.faults import Fault, read_completion
from jobs.llm.journal import Journal, call_key
from jobs.llm.limiter import Exchange, Permits, Show, exchange_of
from jobs.llm.prices import Price
from jobs.llm.replies import Reply
from jobs.llm.wire import Wire
from jobs.runtime.storage import Folder

FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 30.0


@dataclass(frozen=True)
class Endpoint:
    """Where to call: the account's settings, the address they stand for now, and the journal."""

    api: Api
    url: str  # the address on the wire
    journal_name: str  # address in the journal's key: the offline stand-in has no fixed port
    journal: Folder
    stage_id: str = ""  # who pays
    price: Price | None = None  # of the model; None: not known
    purse: Any = None  # actor that holds what the run may still spend; None: no budget
    budget_usd: float = 0.0  # of the run, where there is a purse
    settled: Mapping[str, str] = field(default_factory=dict)  # errors of the batch API, by key


@dataclass(frozen=True)
class Bounds:
    """What keeps a client within its account and its run's money."""

    exchange: Exchange  # with the account's limiter
    draw: Draw | None  # from the run's purse; None: no budget
    in_flight: int  # calls at once
    show: Show | None = None  # is told the account's state now and then


class Client:
    """Asks one endpoint; its rows share a sliding window."""

    def __init__(self, endpoint: Endpoint, bounds: Bounds) -> None:
        self.endpoint, self.api = endpoint, endpoint.api
        self.journal = Journal(endpoint.journal, endpoint.stage_id)
        # Rows that wait to try again, or to be durable, leave their place on the wire to others.
        self.window = asyncio.Semaphore(2 * bounds.in_flight)
        self.permits = Permits(bounds.exchange, bounds.in_flight, bounds.show)
        self.wallet = Wallet(bounds.draw) if bounds.draw else None
        self.usd = 0.0  # paid since somebody set it to zero
        self.asked: dict[str, asyncio.Future[tuple[Reply, bool]]] = {}
        self.wire = Wire(endpoint.url, api_key(endpoint.api), endpoint.api.timeout_s)

    async def ask(
        self, messages: list[Message], seed: int, form: Mapping[str, Any] | None = None
    ) -> tuple[Reply, bool]:
        """The reply, and whether it was paid for now; `form` is more of the body.

        Raises Fault with the error's name, BudgetSpent where the run's money is at an end.
        """
        parameters = parameters_of(self.api, messages, seed, form)
        key = call_key(self.endpoint.journal_name, parameters)
        known = self.journal.find(key)
        if known is not None:
            return known, False
        if key in self.endpoint.settled:
            raise Fault(self.endpoint.settled[key], "the batch API gave no reply")
        if key in self.asked:  # the same call is under way: it is paid once
            reply, _ = await asyncio.shield(self.asked[key])
            return reply, False
        self.asked[key] = asyncio.ensure_future(self._pay(key, parameters))
        try:
            return await self.asked[key]
        finally:
            del self.asked[key]

    async def close(self) -> None:
        """End the connections; the journal's segment is free to be merged."""
        await self.permits.close()
        self.journal.close()
        await self.wire.close()

    async def _pay(self, key: str, parameters: dict[str, Any]) -> tuple[Reply, bool]:
        async with self.window:
            if self.wallet:
                await self.wallet.start()
            usd = 0.0
            try:
                reply = await self._attempts(key, parameters)
                usd = self.endpoint.price.usd(reply.usage) if self.endpoint.price else 0.0
                self.usd += usd
                await self.journal.add(reply)
            finally:
                if self.wallet:
                    self.wallet.end(usd)
            return reply, True

    async def _attempts(self, key: str, parameters: dict[str, Any]) -> Reply:
        """The first reply within the row's attempts and time. Raises the last Fault."""
        loop, give_up_at = asyncio.get_running_loop(), math.inf
        for attempt in range(1, self.api.attempts + 1):
            async with self.permits:
                give_up_at = min(give_up_at, loop.time() + self.api.row_timeout_s)
                try:
                    return await self._once(key, parameters)
                except Fault as fault:
                    self.permits.failed(fault)
                    wait = wait_before(attempt + 1, fault)
                    late = loop.time() + wait > give_up_at
                    if not fault.again or attempt == self.api.attempts or late:
                        raise
            await asyncio.sleep(wait)
        raise AssertionError("unreachable: the last attempt returns or raises")

    async def _once(self, key: str, parameters: dict[str, Any]) -> Reply:
        try:
            async with asyncio.timeout(self.api.timeout_s):
                answer = await self.wire.post(parameters)
        except TimeoutError as error:
            raise Fault("timeout", f"no reply in {self.api.timeout_s} s", again=True) from error
        reply = read_completion(answer.body, key)
        tokens = reply.usage.prompt_tokens + reply.usage.completion_tokens
        self.permits.answered(tokens, dry_for(answer.headers))
        return reply


def opened(endpoint: Endpoint, in_flight: int, show: Show | None = None) -> Client:
    """A client within the account's limits and the run's budget, for the loop that asks first."""
    api, purse = endpoint.api, endpoint.purse
    draw = actor_draw(purse) if purse is not None else None
    return Client(endpoint, Bounds(exchange_of(api.account, api.limits), draw, in_flight, show))


def parameters_of(
    api: Api, messages: list[Message], seed: int, form: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The body of a call: all that shapes its reply."""
    return {
        "model": api.model,
        "messages": messages,
        "temperature": api.temperature,
        "max_tokens": api.max_tokens,
        "seed": seed,
        **api.extra,
        **(form or {}),
    }


def wait_before(attempt: int, fault: Fault) -> float:
    """Seconds before this attempt: what the service asked for, else full jitter."""
    jitter = random.uniform(0, min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** (attempt - 1)))
    return jitter if fault.wait_s is None else fault.wait_s + jitter / 10


def dry_for(headers: Any) -> float:
    """Seconds for which the service's rate headers leave no request or token.

    >>> dry_for({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1m2.5s"})
    62.5
    >>> dry_for({"x-ratelimit-remaining-requests": "7", "x-ratelimit-reset-requests": "1s"})
    0.0
    """
    longest = 0.0
    for kind in ("requests", "tokens"):
        if headers.get(f"x-ratelimit-remaining-{kind}") == "0":
            longest = max(longest, duration(headers.get(f"x-ratelimit-reset-{kind}", "")))
    return longest


UNITS_S = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001, "": 1.0}


def duration(text: str) -> float:
    """Seconds in a text such as 1h2m3.5s, 20ms or 7; 0.0 for any other.

    >>> duration("1h2m3.5s"), duration("20ms"), duration("7"), duration("soon")
    (3723.5, 0.02, 7.0, 0.0)
    """
    parts = re.findall(r"([0-9.]+)(ms|h|m|s|)", text)
    if "".join(number + unit for number, unit in parts) != text:
        return 0.0
    return sum(float(number) * UNITS_S[unit] for number, unit in parts)
