"""How much each key may ask for: requests and tokens in a minute, requests under way.

A sliding window: whatever 60 seconds are looked at, a key was granted no more than its limits in
them. A token bucket would be smaller, and let through twice its limit in the minute after a pause.
A key's window holds one entry for each request granted in the last minute.

Tokens are charged when a request is granted, as an estimate, and put right when it has ended; a
request that took more than its estimate delays the next ones. `Quotas` is plain state with a
clock. Gateways share it through one actor, so the limits hold over all of them together.
"""

import itertools
import math
import uuid
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

MINUTE_NS = 60 * 10**9
LEASE_S = 30.0  # a request under way whose gateway says nothing for so long has none any more
AGAIN_S = 1.0  # when a request under way will end is not known

Which = Literal["requests", "tokens", "in_flight"]


class Allowance(BaseModel):
    """What one key may ask for."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    requests_per_minute: int = Field(default=60, ge=1)
    tokens_per_minute: int = Field(default=100_000, ge=1)  # of prompts and answers
    in_flight: int = Field(default=8, ge=1)


@dataclass(frozen=True)
class Granted:
    """The request may go on."""

    reservation: str  # to be settled, and renewed while it lasts
    requests_left: int  # in this minute
    tokens_left: int


@dataclass(frozen=True)
class Refused:
    """It may not, for the limit whose wait is the longest."""

    which: Which
    limit: int
    retry_after_s: float | None  # None: it takes more tokens than a minute has


@dataclass
class Charge:
    """One granted request in the window."""

    leaves_ns: int  # when it is a minute old
    tokens: int


@dataclass
class Lease:
    """One request under way."""

    until_ns: int  # unless it is renewed
    charge: Charge


@dataclass
class Account:
    """One key's state."""

    window: deque[Charge] = field(default_factory=deque)
    tokens: int = 0  # of the window
    leases: dict[str, Lease] = field(default_factory=dict)

    def forget_the_past(self, now_ns: int) -> None:
        """Drop what is a minute old, and requests whose gateway is silent."""
        while self.window and self.window[0].leaves_ns <= now_ns:
            self.tokens -= self.window.popleft().tokens
        for name in [name for name, lease in self.leases.items() if lease.until_ns <= now_ns]:
            del self.leases[name]

    def free_requests_ns(self, limit: int, now_ns: int) -> int:
        """When one more request fits."""
        too_many = len(self.window) + 1 - limit
        return self.window[too_many - 1].leaves_ns if too_many > 0 else now_ns

    def free_tokens_ns(self, limit: int, wanted: int, now_ns: int) -> int:
        """When so many tokens fit; `wanted` is at most `limit`."""
        too_many, moment = self.tokens + wanted - limit, now_ns
        for charge in self.window:
            if too_many <= 0:
                break
            too_many, moment = too_many - charge.tokens, charge.leaves_ns
        return moment


class Quotas:
    """The accounts of all keys. `clock_ns` never goes back: time.monotonic_ns."""

    def __init__(self, clock_ns: Callable[[], int], lease_s: float = LEASE_S) -> None:
        self.clock_ns, self.lease_ns = clock_ns, int(lease_s * 1e9)
        self.accounts: dict[str, Account] = {}
        # A lost actor's reservations are not mistaken for those of the one that follows it.
        self.life, self.numbers = uuid.uuid4().hex, itertools.count()

    def reserve(self, key: str, allowance: Allowance, tokens: int) -> Granted | Refused:
        """Charge the key called `key` for a request of about `tokens`, or say why not.

        The wait is exact to the millisecond for requests and tokens: after it, and with no other
        request meanwhile, the same one is granted. For those under way it is a guess.
        """
        if tokens > allowance.tokens_per_minute:
            return Refused("tokens", allowance.tokens_per_minute, None)
        now_ns, account = self.clock_ns(), self.accounts.setdefault(key, Account())
        account.forget_the_past(now_ns)
        refused = longest_wait(account, allowance, tokens, now_ns)
        if refused is not None:
            return refused
        charge = Charge(now_ns + MINUTE_NS, tokens)
        account.window.append(charge)
        account.tokens += tokens
        name = f"{key}/{self.life}-{next(self.numbers)}"
        account.leases[name] = Lease(now_ns + self.lease_ns, charge)
        return Granted(
            name,
            allowance.requests_per_minute - len(account.window),
            allowance.tokens_per_minute - account.tokens,
        )

    def renew(self, reservations: Iterable[str]) -> None:
        """These are still under way. A gateway says so several times in a lease."""
        until_ns = self.clock_ns() + self.lease_ns
        for name in reservations:
            lease = self._account(name).leases.get(name)
            if lease is not None:
                lease.until_ns = until_ns

    def settle(self, reservation: str, tokens: int) -> None:
        """The request has ended and took so many tokens. A second time changes nothing."""
        account, now_ns = self._account(reservation), self.clock_ns()
        lease = account.leases.pop(reservation, None)
        account.forget_the_past(now_ns)
        if lease is not None and lease.charge.leaves_ns > now_ns:
            account.tokens += tokens - lease.charge.tokens
            lease.charge.tokens = tokens

    def _account(self, reservation: str) -> Account:
        return self.accounts.get(reservation.rpartition("/")[0], Account())


def longest_wait(
    account: Account, allowance: Allowance, tokens: int, now_ns: int
) -> Refused | None:
    """The limit that is in the way the longest, None if none is."""
    limits: dict[Which, int] = {
        "requests": allowance.requests_per_minute,
        "tokens": allowance.tokens_per_minute,
        "in_flight": allowance.in_flight,
    }
    full = len(account.leases) >= limits["in_flight"]
    waits: dict[Which, int] = {
        "requests": account.free_requests_ns(limits["requests"], now_ns) - now_ns,
        "tokens": account.free_tokens_ns(limits["tokens"], tokens, now_ns) - now_ns,
        "in_flight": int(AGAIN_S * 1e9) if full else 0,
    }
    which = max(waits, key=waits.__getitem__)
    if waits[which] <= 0:
        return None
    return Refused(which, limits[which], math.ceil(waits[which] / 10**6) / 1000)
