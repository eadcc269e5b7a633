"""Quotas: by hand, against a list of everything that ever happened, and after the exact wait."""

import copy
import random
from dataclasses import dataclass, field

import pytest

from serve.quotas import MINUTE_NS, Allowance, Granted, Quotas, Refused

SECOND = 10**9


@dataclass
class Clock:
    """A clock that a test moves; a deep copy of a `Quotas` takes its clock along."""

    now: int = 1_000 * SECOND

    def __call__(self) -> int:
        return self.now


def quotas(lease_s: float = 1e6) -> tuple[Quotas, Clock]:
    clock = Clock()
    return Quotas(clock, lease_s), clock


def allowance(requests: int = 1000, tokens: int = 10**6, in_flight: int = 1000) -> Allowance:
    return Allowance(requests_per_minute=requests, tokens_per_minute=tokens, in_flight=in_flight)


# Three requests and 100 tokens a minute. Seconds, tokens asked for, and what is answered: None for
# granted, else the limit in the way and the seconds until it is not.
BY_HAND = [
    (0, 40, None),
    (10, 40, None),
    (20, 40, ("tokens", 40)),  # 80 are charged; 20 more fit when the first forty leave at 60
    (20, 20, None),
    (30, 1, ("requests", 30)),  # three requests, and all tokens, until 60
    (59.999, 1, ("requests", 0.001)),
    (60, 1, None),  # the request of 0 is a minute old
    (60, 50, ("requests", 10)),  # those of 10, 20 and 60; and 61 tokens, of which 40 leave at 70
    (69, 90, ("tokens", 11)),  # 51 too many: 40 leave at 70, 20 more at 80
    (80, 60, None),
    (80, 40, ("tokens", 40)),  # 61 are charged; the 1 of them that is in the way leaves at 120
    (80, 39, None),
    (80, 101, ("tokens", None)),  # more than a minute has
]


def test_a_minute_by_hand() -> None:
    mine, clock = quotas()
    start = clock.now
    for at_s, tokens, expected in BY_HAND:
        clock.now = start + round(at_s * SECOND)
        found = mine.reserve("anna", allowance(requests=3, tokens=100), tokens)
        if expected is None:
            assert isinstance(found, Granted), (at_s, tokens, found)
        else:
            assert isinstance(found, Refused), (at_s, tokens, found)
            assert (found.which, found.retry_after_s) == expected, (at_s, tokens)


def test_keys_do_not_share() -> None:
    mine, _ = quotas()
    limits = allowance(requests=1)
    assert isinstance(mine.reserve("anna", limits, 1), Granted)
    assert isinstance(mine.reserve("anna", limits, 1), Refused)
    assert isinstance(mine.reserve("bo", limits, 1), Granted)


def test_a_limit_that_is_lowered_counts_at_once() -> None:
    """Three requests at 0, 10 and 20, then the key is allowed one: it waits for the last."""
    mine, clock = quotas()
    for _ in range(3):
        granted(mine.reserve("anna", allowance(requests=3), 1))
        clock.now += 10 * SECOND
    assert mine.reserve("anna", allowance(requests=1), 1) == Refused("requests", 1, 50.0)


def test_settling_puts_the_charge_right() -> None:
    mine, clock = quotas()
    limits = allowance(tokens=100)
    first = granted(mine.reserve("anna", limits, 90))
    assert first.tokens_left == 10
    assert isinstance(mine.reserve("anna", limits, 50), Refused)
    mine.settle(first.reservation, 30)
    mine.settle(first.reservation, 0)  # once is enough
    second = granted(mine.reserve("anna", limits, 50))
    assert second.tokens_left == 20
    mine.settle(second.reservation, 200)  # more than it was granted: the next ones wait
    assert isinstance(mine.reserve("anna", limits, 1), Refused)
    clock.now += MINUTE_NS
    assert granted(mine.reserve("anna", limits, 100)).tokens_left == 0


def test_settling_after_a_minute_takes_nothing_from_the_next() -> None:
    mine, clock = quotas()
    first = granted(mine.reserve("anna", allowance(tokens=100), 80))
    clock.now += MINUTE_NS
    mine.settle(first.reservation, 10)
    assert granted(mine.reserve("anna", allowance(tokens=100), 60)).tokens_left == 40


def test_requests_under_way_are_bounded_and_freed() -> None:
    mine, clock = quotas()
    limits = allowance(in_flight=2)
    first = granted(mine.reserve("anna", limits, 1))
    granted(mine.reserve("anna", limits, 1))
    found = mine.reserve("anna", limits, 1)
    assert isinstance(found, Refused)
    assert (found.which, found.limit) == ("in_flight", 2)
    clock.now += 10 * MINUTE_NS  # time alone frees none that is renewed
    assert isinstance(mine.reserve("anna", limits, 1), Refused)
    mine.settle(first.reservation, 1)
    granted(mine.reserve("anna", limits, 1))


def test_a_dead_gateways_requests_end_with_their_lease() -> None:
    """Two gateways with two requests each; one of them dies, the other renews."""
    mine, clock = quotas(lease_s=30)
    limits = allowance(in_flight=4)
    alive = [granted(mine.reserve("anna", limits, 1)).reservation for _ in range(2)]
    dead = [granted(mine.reserve("anna", limits, 1)).reservation for _ in range(2)]
    for _ in range(2):
        clock.now += 20 * SECOND
        mine.renew(alive)
    assert isinstance(mine.reserve("anna", limits, 1), Granted)
    assert isinstance(mine.reserve("anna", limits, 1), Granted)
    assert isinstance(mine.reserve("anna", limits, 1), Refused)
    mine.settle(dead[0], 1)  # it comes back too late: not freed twice
    mine.renew(dead)
    assert isinstance(mine.reserve("anna", limits, 1), Refused)
    mine.settle(alive[0], 1)
    assert isinstance(mine.reserve("anna", limits, 1), Granted)


def test_reservations_of_a_lost_actor_mean_nothing_to_the_next() -> None:
    before, _ = quotas()
    after, _ = quotas()
    limits = allowance(in_flight=1)
    old = granted(before.reserve("anna", limits, 1)).reservation
    granted(after.reserve("anna", limits, 1))
    after.settle(old, 1)
    after.settle("bo/of-a-key-never-seen", 1)
    assert isinstance(after.reserve("anna", limits, 1), Refused)


def granted(found: Granted | Refused) -> Granted:
    assert isinstance(found, Granted)
    return found


@dataclass
class Everything:
    """All that was ever granted: slow, and plain to see that it is right."""

    starts: list[int] = field(default_factory=list)
    tokens: list[int] = field(default_factory=list)
    open: dict[str, int] = field(default_factory=dict)  # reservation: place in the lists

    def of_the_minute(self, now: int) -> list[int]:
        return [i for i, start in enumerate(self.starts) if now - MINUTE_NS < start <= now]

    def fits(self, limits: Allowance, tokens: int, now: int) -> bool:
        recent = self.of_the_minute(now)
        return (
            len(recent) < limits.requests_per_minute
            and sum(self.tokens[i] for i in recent) + tokens <= limits.tokens_per_minute
            and len(self.open) < limits.in_flight
        )


@pytest.mark.parametrize("seed", range(6))
def test_random_traffic(seed: int) -> None:
    """Granted exactly when it fits; no minute holds more; the wait is neither short nor long."""
    chance = random.Random(seed)
    mine, clock = quotas()
    limits = allowance(chance.choice([5, 20]), chance.choice([300, 2000]), chance.choice([3, 50]))
    seen, waits = Everything(), 0
    for _ in range(1500):
        clock.now += chance.choice([0, 1, SECOND // 7, 3 * SECOND, 11 * SECOND])
        if seen.open and chance.random() < 0.5:
            name = chance.choice(list(seen.open))
            used = chance.randint(0, seen.tokens[seen.open[name]])
            seen.tokens[seen.open.pop(name)] = used
            mine.settle(name, used)
        tokens = chance.randint(1, limits.tokens_per_minute // 4)
        fits, full = seen.fits(limits, tokens, clock.now), len(seen.open) >= limits.in_flight
        found = mine.reserve("anna", limits, tokens)
        assert isinstance(found, Granted) is fits
        if isinstance(found, Granted):
            seen.open[found.reservation] = len(seen.starts)
            seen.starts.append(clock.now)
            seen.tokens.append(tokens)
        elif not full:
            waits += 1
            check_wait(mine, limits, tokens, found)
    assert waits > 50
    for start in seen.starts:  # a window that is too full is also too full at one of its grants
        recent = seen.of_the_minute(start)
        assert len(recent) <= limits.requests_per_minute
        assert sum(seen.tokens[i] for i in recent) <= limits.tokens_per_minute


def check_wait(mine: Quotas, limits: Allowance, tokens: int, found: Refused) -> None:
    """Alone, it is granted after the wait, and not a millisecond earlier."""
    assert found.retry_after_s is not None
    for early_ms, then in ((0, Granted), (1, Refused)):
        twin = copy.deepcopy(mine)
        assert isinstance(twin.clock_ns, Clock)
        twin.clock_ns.now += round(found.retry_after_s * 1000 - early_ms) * 10**6
        assert isinstance(twin.reserve("anna", limits, tokens), then)
