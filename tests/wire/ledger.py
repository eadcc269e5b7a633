"""What the provider would bill: every request it saw and how it ended."""

import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

OUTCOMES = ("answered", "refused", "failed", "aborted")


class Entry:
    """One request; `outcome` stays `aborted` where the client went away before its reply."""

    def __init__(self, digest: str, attempt: int) -> None:
        self.digest = digest
        self.attempt = attempt  # 1 for the first request of this body
        self.outcome = "aborted"
        self.usage: dict[str, int] = {}


class Ledger:
    """Sums over all requests, and per body (by hash), per second and per fault."""

    def __init__(self) -> None:
        self.outcomes: Counter[str] = Counter()
        self.tokens: Counter[str] = Counter()
        self.begun_by_body: Counter[str] = Counter()
        self.paid_by_body: Counter[str] = Counter()
        self.begun_by_fault: Counter[str] = Counter()
        self.seconds: dict[int, Counter[str]] = defaultdict(Counter)
        self.in_flight = 0
        self.max_in_flight = 0

    @contextmanager
    def entry(self, digest: str, fault: str) -> Iterator[Entry]:
        """Keep the account of one request while it is handled."""
        self.begun_by_body[digest] += 1
        self.begun_by_fault[fault] += 1
        self.in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self.in_flight)
        entry = Entry(digest, self.begun_by_body[digest])
        try:
            yield entry
        finally:
            self.in_flight -= 1
            self._close(entry)

    def _close(self, entry: Entry) -> None:
        self.outcomes[entry.outcome] += 1
        self.seconds[int(time.monotonic())][entry.outcome] += 1
        self.tokens.update(entry.usage)
        # A provider bills what it has begun to write, whether or not anyone still listens.
        if entry.outcome in ("answered", "aborted"):
            self.paid_by_body[entry.digest] += 1

    def as_json(self) -> dict[str, Any]:
        """The account as `GET /test/ledger` gives it."""
        first, last = min(self.seconds, default=0), max(self.seconds, default=-1)
        return {
            "begun": self.begun_by_body.total(),
            **{name: self.outcomes[name] for name in OUTCOMES},
            "paid": self.paid_by_body.total(),
            "distinct_begun": len(self.begun_by_body),
            "distinct_paid": len(self.paid_by_body),
            "paid_more_than_once": sum(1 for paid in self.paid_by_body.values() if paid > 1),
            "in_flight": self.in_flight,
            "max_in_flight": self.max_in_flight,
            "tokens": dict(self.tokens),
            "begun_by_fault": {name: n for name, n in self.begun_by_fault.items() if name},
            "seconds": [
                [self.seconds[second][name] for name in OUTCOMES]
                for second in range(first, last + 1)
            ],
        }
