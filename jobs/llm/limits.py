"""How many calls one account bears: rates, a window that adapts, leases, a circuit breaker.

Pure bookkeeping with the time handed in: `jobs.llm.limiter` puts it into an actor. A process that
calls the account is a holder. It reports a few times a second and is granted slots (calls that may
be under way) and starts (calls that may begin until its next report); no call waits for a message.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from pydantic import Field

from jobs.runtime.config import Section

REPORT_EVERY_S = 0.25
LEASE_S = 10.0  # a holder that is silent for so long has died; its slots go to others
FIRST_WINDOW = 32.0
SHRINK = 0.85  # of the calls under way when one was refused
QUIET_S = 2.0  # after a refusal, before the window grows again
SECOND_LOOK_S = 1.0  # refusals of one crowd count once
PROBE_PER_S = 0.5  # slots a second that the window grows by near the last refusal
BREAK_AFTER = 50  # calls that failed in a row
OPEN_S, LONGEST_OPEN_S = 5.0, 60.0
GIVE_UP_S = 600.0  # of a service that has answered nothing


class Limits(Section):
    """What an account allows, as far as it is known; a service's refusals teach the rest."""

    in_flight: int = Field(default=1024, ge=1, description="calls under way, over all jobs")
    requests_per_minute: int | None = Field(default=None, ge=1)
    tokens_per_minute: int | None = Field(default=None, ge=1, description="in and out together")


@dataclass(frozen=True)
class Report:
    """What a holder did since its last report, and what it wants."""

    holder: str
    under_way: int = 0  # calls now
    wanted: int = 0  # calls under way or waiting
    started: int = 0
    tokens: int = 0
    answered: int = 0
    refused: int = 0  # 429
    broken: int = 0  # 5xx, timeouts, no connection
    wait_s: float = 0.0  # longest Retry-After
    dry_s: float = 0.0  # by the service's rate headers: nothing is left for so long


@dataclass(frozen=True)
class Grant:
    """What a holder may do until its next report."""

    slots: int
    starts: int  # of calls
    stop: str = ""  # why the account is given up
    state: Mapping[str, float] = field(default_factory=dict)  # of the account


@dataclass
class Bucket:
    """Tokens that refill evenly; may be overdrawn, and then has to be paid back."""

    per_s: float
    burst: float
    level: float
    at: float

    @classmethod
    def per_minute(
        cls, rate: int | None, now: float, before: "Bucket | None" = None
    ) -> "Bucket | None":
        """A bucket that holds what five seconds bring: full, or with what was in the one before.

        None where there is no rate.
        """
        if rate is None:
            return None
        burst = max(1.0, rate / 12)
        return cls(rate / 60, burst, min(burst, before.fill(now)) if before else burst, now)

    def fill(self, now: float) -> float:
        """The level now."""
        self.level = min(self.burst, self.level + (now - self.at) * self.per_s)
        self.at = now
        return self.level


@dataclass
class Lease:
    """What a holder has."""

    slots: int
    under_way: int
    wanted: int
    seen: float
    starts: int = 0  # granted last

    @property
    def held(self) -> int:
        """Slots that no other holder can have yet."""
        return max(self.slots, self.under_way)


class Account:
    """The state of one account."""

    def __init__(self, limits: Limits, now: float) -> None:
        self.limits = limits
        self.requests = Bucket.per_minute(limits.requests_per_minute, now)
        self.tokens = Bucket.per_minute(limits.tokens_per_minute, now)
        self.tokens_a_call = 1000.0
        self.leases: dict[str, Lease] = {}
        self.window = min(FIRST_WINDOW, float(limits.in_flight))
        self.ceiling = math.inf  # calls under way when the service last refused one
        self.refused_at = now
        self.grown_at, self.pause_until = now, 0.0
        self.failures, self.failing_since = 0, now  # calls in a row
        self.opened_at, self.open_s = 0.0, 0.0  # the circuit is open while open_s > 0
        self.prober = ""
        self.totals = {"answered": 0, "refused": 0, "broken": 0}

    def set_limits(self, limits: Limits, now: float) -> None:
        """Take over limits; a bucket whose rate is another keeps what it held."""
        before, self.limits = self.limits, limits
        if before.requests_per_minute != limits.requests_per_minute:
            self.requests = Bucket.per_minute(limits.requests_per_minute, now, self.requests)
        if before.tokens_per_minute != limits.tokens_per_minute:
            self.tokens = Bucket.per_minute(limits.tokens_per_minute, now, self.tokens)

    def exchange(self, report: Report, now: float) -> Grant:
        """Take a report, give a grant."""
        grant = self._exchange(report, now)
        return replace(grant, state=self.state(now))

    def _exchange(self, report: Report, now: float) -> Grant:
        for name in [key for key, lease in self.leases.items() if now - lease.seen > LEASE_S]:
            del self.leases[name]
        if not self.leases:  # whoever comes now has not seen what failed before
            self.failures, self.open_s, self.prober = 0, 0.0, ""
        mine = self.leases.setdefault(report.holder, Lease(0, 0, 0, now))
        mine.under_way, mine.wanted, mine.seen = report.under_way, report.wanted, now
        if self.requests:
            self.requests.level += max(0, mine.starts - report.started)  # granted, not used
        mine.starts = 0
        for name in self.totals:
            self.totals[name] += getattr(report, name)
        self._learn_rates(report, now)
        self._adapt(report, now)
        self._mind_circuit(report, now)
        if self.failures >= BREAK_AFTER and now - self.failing_since > GIVE_UP_S:
            return Grant(0, 0, f"the service has answered nothing for {GIVE_UP_S:.0f} s")
        return self._grant(report, mine, now)

    def _learn_rates(self, report: Report, now: float) -> None:
        finished = max(1, report.answered)
        if report.tokens:
            self.tokens_a_call += 0.2 * (report.tokens / finished - self.tokens_a_call)
        if self.tokens:
            self.tokens.fill(now)
            self.tokens.level -= report.tokens
        # Where all are refused the rate is the limit, not the crowd: everybody waits.
        if report.refused > report.answered:
            self.pause_until = max(self.pause_until, now + min(report.wait_s, LONGEST_OPEN_S))
        self.pause_until = max(self.pause_until, now + min(report.dry_s, LONGEST_OPEN_S))

    def _adapt(self, report: Report, now: float) -> None:
        """Doubling until the first refusal; then down by a part, and slowly up to below it."""
        if report.refused:
            if now - self.refused_at >= SECOND_LOOK_S or self.ceiling == math.inf:
                crowd = sum(lease.under_way for lease in self.leases.values()) + report.refused
                self.ceiling = max(1.0, min(self.window, float(crowd)))
                self.window = max(1.0, SHRINK * self.ceiling)
                self.refused_at = now
            return
        busy = sum(lease.wanted for lease in self.leases.values()) >= self.window
        seconds, self.grown_at = min(1.0, now - self.grown_at), now
        if busy and now - self.refused_at >= QUIET_S * (self.ceiling < math.inf):
            if self.ceiling == math.inf:
                self.window += report.answered
            elif self.window < 0.95 * self.ceiling:
                self.window += seconds * 0.02 * self.ceiling
            else:
                self.window += seconds * PROBE_PER_S
        self.window = min(self.window, float(self.limits.in_flight))

    def _mind_circuit(self, report: Report, now: float) -> None:
        if report.answered or report.refused:
            self.failures, self.open_s, self.prober = 0, 0.0, ""
            return
        if report.broken and not self.failures:
            self.failing_since = now
        self.failures += report.broken
        if self.open_s and report.broken and report.holder == self.prober:
            self.opened_at, self.prober = now, ""
            self.open_s = min(LONGEST_OPEN_S, self.open_s * 2)
        elif not self.open_s and self.failures >= BREAK_AFTER:
            self.opened_at, self.open_s = now, OPEN_S

    def _grant(self, report: Report, mine: Lease, now: float) -> Grant:
        mine.slots = 0
        if now < self.pause_until:
            return Grant(0, 0)
        if self.open_s:
            return self._probe(report, mine, now)
        others = [lease for name, lease in self.leases.items() if name != report.holder]
        free = int(self.window) - sum(lease.held for lease in others)
        share = max(1, int(self.window) // (1 + sum(1 for lease in others if lease.wanted)))
        fair = max(1, int(self.window) - sum(min(lease.wanted, share) for lease in others))
        mine.slots = max(0, min(report.wanted, free, fair))
        mine.starts = self._starts(mine.slots, now)
        return Grant(mine.slots, mine.starts)

    def _probe(self, report: Report, mine: Lease, now: float) -> Grant:
        """One call, when the circuit has been open long enough."""
        gone = self.prober not in self.leases
        if report.wanted and gone and now - self.opened_at >= self.open_s:
            self.prober = report.holder
        mine.slots = int(self.prober == report.holder)
        return Grant(mine.slots, mine.slots)

    def _starts(self, slots: int, now: float) -> int:
        """Calls that may begin until the next report; at most each slot's a hundred times."""
        starts = 100 * slots
        if self.requests:
            starts = min(starts, int(max(0.0, self.requests.fill(now))))
        if self.tokens:
            room = int(max(0.0, self.tokens.fill(now)) / max(1.0, self.tokens_a_call))
            starts = min(starts, room or int(self.tokens.level > 0))
        starts = min(starts, slots) if self.requests or self.tokens else starts
        if self.requests:
            self.requests.level -= starts
        return starts

    def state(self, now: float) -> dict[str, float]:
        """Figures for progress lines and metrics."""
        return {
            "in_flight": float(sum(lease.under_way for lease in self.leases.values())),
            "window": float(int(self.window)),
            "paused_s": max(0.0, self.pause_until - now),
            "circuit_open": float(self.open_s > 0),
            **{name: float(count) for name, count in self.totals.items()},
        }
