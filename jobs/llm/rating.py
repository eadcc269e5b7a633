"""Asking the rater about a batch of samples, from any process: a rating for each, or None.

A rating that cannot be had is missing: the call failed, was refused, came too late, or said what
is no rating. It never becomes a number, and it is not asked for again: a batch ends when its time
is over. `[rater] attempts = 1` makes a batch free of retries, and of repairs too.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import ray

from jobs.domain.errors import VerdictError
from jobs.domain.ratings import BEST, parse_rating, render_rating
from jobs.domain.samples import Sample
from jobs.llm.asking import BUDGET_SPENT
from jobs.llm.budget import BudgetSpent
from jobs.llm.client import Client, Endpoint, opened
from jobs.llm.faults import Fault
from jobs.llm.replies import Reply
from jobs.llm.shapes import Shape, Shaped

UNREADABLE, TOO_LATE = "wrong_shape", "too_late"
SCHEMA = {
    "type": "object",
    "properties": {
        "score": {"type": "number", "minimum": 0, "maximum": BEST},
        "reason": {"type": "string"},
    },
    "required": ["score", "reason"],
    "additionalProperties": False,
}


class Rating:
    """Rates batches by one client, on the event loop that calls it; batches may overlap."""

    def __init__(self, endpoint: Endpoint, timeout_s: float, in_flight: int) -> None:
        self.endpoint, self.timeout_s, self.in_flight = endpoint, timeout_s, in_flight
        self.client: Client | None = None
        self.shaped: dict[str, Shaped] = {}  # by language
        self.asked = 0
        self.missing: Counter[str] = Counter()  # by the error's name

    async def rate(self, samples: Sequence[Sample]) -> list[float | None]:
        """A rating from 0.0 to 1.0 for each sample, None where there is none within the time."""
        if not samples:
            return []
        tasks = [asyncio.ensure_future(self._one(sample)) for sample in samples]
        try:
            done, late = await asyncio.wait(tasks, timeout=self.timeout_s)
        finally:
            for task in tasks:
                task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        self.asked += len(tasks)
        return [self._outcome(task, in_time=task in done) for task in tasks]

    def _outcome(self, task: "asyncio.Future[float]", *, in_time: bool) -> float | None:
        """What became of one question. Raises what is no failure of the service's."""
        if not in_time or task.cancelled():  # cancelled in time: another batch gave the call up
            self.missing[TOO_LATE] += 1
            return None
        error = task.exception()
        if error is None:
            return task.result()
        if not isinstance(error, Fault | BudgetSpent | VerdictError):
            raise error
        self.missing[name_of(error)] += 1
        return None

    async def _one(self, sample: Sample) -> float:
        """Raises Fault, BudgetSpent or VerdictError where there is no rating."""
        if self.client is None:
            self.client = opened(self.endpoint, self.in_flight)
        client = self.client

        async def call(chat: Any, form: Any) -> tuple[Reply, bool]:
            return await client.ask(chat, 0, form)

        messages = render_rating(sample.brief, sample.guide, sample.text)
        reply, _ = await self._shaped(sample.language).ask(call, {}, messages)
        if reply.problem:
            raise Fault(reply.problem, "the rater's reply cannot be used")
        return parse_rating(reply.text)[0]

    def _shaped(self, language: str) -> Shaped:
        """Replies of the wrong shape are repaired once, where there is more than one attempt."""
        if language not in self.shaped:
            repairs = self.endpoint.api.attempts > 1

            def check(row: dict[str, Any], reply: str) -> object:
                return parse_rating(reply) if repairs else None

            self.shaped[language] = Shaped(Shape("rating", SCHEMA, check, language))
        return self.shaped[language]

    def counts(self) -> dict[str, Any]:
        """So far: how many were asked, how many are missing by error, US dollars paid."""
        usd = self.client.usd if self.client else 0.0
        return {"asked": self.asked, "missing": dict(self.missing), "usd": usd}

    async def close(self) -> None:
        """End the connections; the journal's segment is free to be merged."""
        if self.client is not None:
            await self.client.close()
            self.client = None


def name_of(error: BaseException) -> str:
    """What a missing rating is filed under."""
    if isinstance(error, Fault):
        return error.name
    return BUDGET_SPENT if isinstance(error, BudgetSpent) else UNREADABLE


def rate(
    endpoint: Endpoint, samples: Sequence[Sample], *, timeout_s: float, in_flight: int
) -> list[float | None]:
    """Rate one batch and be done, where no event loop runs; see `Rating.rate`."""

    async def once() -> list[float | None]:
        rating = Rating(endpoint, timeout_s, in_flight)
        try:
            return await rating.rate(samples)
        finally:
            await rating.close()

    return asyncio.run(once())


def share_missing(ratings: Iterable[float | None]) -> float:
    """How many of all could not be had; 0.0 of none.

    >>> share_missing([0.5, None, 0.0, 1.0]), share_missing([])
    (0.25, 0.0)
    """
    found = [one is None for one in ratings]
    return sum(found) / len(found) if found else 0.0


@ray.remote(num_cpus=0.1)
class Rater:
    """One pool of calls for all ranks: `ray.get(rater.rate.remote(samples))`."""

    def __init__(self, endpoint: Endpoint, timeout_s: float, in_flight: int) -> None:
        self.rating = Rating(endpoint, timeout_s, in_flight)

    async def rate(self, samples: Sequence[Sample]) -> list[float | None]:
        """See `Rating.rate`."""
        return await self.rating.rate(samples)

    async def counts(self) -> dict[str, Any]:
        """See `Rating.counts`."""
        return self.rating.counts()

    async def close(self) -> None:
        """Before the actor ends: what was paid for is in the journal."""
        await self.rating.close()
