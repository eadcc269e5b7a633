"""A run's budget: shares of what is left go to the callers, so that no call asks first."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar

import ray
from pydantic import Field

from jobs.runtime.config import Section


class Budget(Section):
    """What a run may spend on APIs, over all its stages; raise it and run again to go on."""

    shapes_result: ClassVar[bool] = False
    usd: float | None = Field(default=None, gt=0, description="default: no limit")


class BudgetSpent(Exception):
    """Nothing is left: the call was not made."""


class Purse:
    """What is left of a budget, and what each caller holds of it, in US dollars."""

    def __init__(self, left: float) -> None:
        self.left = left
        self.held: dict[str, float] = {}

    def draw(self, caller: str, spent: float) -> float:
        """Take back what a caller did not spend, give it a new share; 0.0 where nothing is left.

        A share is half of an even part of what nobody holds, so that late callers find some.

        >>> purse = Purse(8.0)
        >>> purse.draw("a", 0.0), purse.draw("b", 0.0), purse.draw("a", 5.0)
        (4.0, 1.0, 0.5)
        """
        self.left -= spent
        self.held.pop(caller, None)
        free = self.left - sum(self.held.values())
        share = max(0.0, free / (2 * (1 + len(self.held))))
        self.held[caller] = share
        return share

    def reserve(self, usd: float) -> float:
        """Take `usd` out where it is there; gives what nobody held before."""
        free = self.left - sum(self.held.values())
        if usd <= free:
            self.left -= usd
        return free

    def release(self, reserved: float, spent: float) -> None:
        """Put back what of a reserve was not spent."""
        self.left += reserved - spent


Draw = Callable[[str, float], Awaitable[float]]
PurseActor = ray.remote(num_cpus=0)(Purse)


def actor_draw(purse: Any) -> Draw:
    """Drawing from the run's purse, an actor."""

    async def draw(caller: str, spent: float) -> float:
        share: float = await purse.draw.remote(caller, spent)
        return share

    return draw


class Wallet:
    """A caller's share. A call starts only if what is under way is likely covered too."""

    def __init__(self, draw: Draw) -> None:
        self.draw = draw
        self.caller = uuid.uuid4().hex
        self.share, self.spent = 0.0, 0.0  # since the last draw
        self.calls, self.total = 0, 0.0  # paid so far
        self.under_way = 0
        self.drawing = asyncio.Lock()

    async def start(self) -> None:
        """Before a call. Raises BudgetSpent."""
        if not self._covered():
            async with self.drawing:
                if not self._covered():
                    spent, self.spent = self.spent, 0.0
                    self.share = await self.draw(self.caller, spent)
        if not self._covered():
            raise BudgetSpent
        self.under_way += 1

    def _covered(self) -> bool:
        usual = self.total / self.calls if self.calls else 0.0
        return self.share - self.spent > usual * self.under_way

    def end(self, usd: float) -> None:
        """After a call that cost so much."""
        self.under_way -= 1
        self.spent += usd
        if usd:
            self.calls, self.total = self.calls + 1, self.total + usd
