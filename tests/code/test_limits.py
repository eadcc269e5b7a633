"""The account's bookkeeping against a service simulated second by second."""

import random
from dataclasses import replace

import pytest

from jobs.llm.limits import (
    BREAK_AFTER,
    GIVE_UP_S,
    LEASE_S,
    OPEN_S,
    REPORT_EVERY_S,
    Account,
    Limits,
    Report,
)

LATENCY_S = 0.2


class Caller:
    """A process that always has work: its calls end after LATENCY_S, or at once where refused."""

    def __init__(self, name: str, work: int) -> None:
        self.report = Report(name)
        self.work = work
        self.ends: list[float] = []
        self.slots = self.starts = 0

    def live(self, now: float, room: int) -> tuple[int, int]:
        """Begin what is allowed; returns how many calls the service took and how many it refused.

        `room` is how many more the service would take now.
        """
        answered = sum(1 for end in self.ends if end <= now)
        self.ends = [end for end in self.ends if end > now]
        begun = max(0, min(self.slots - len(self.ends), self.starts, self.work))
        taken = min(begun, max(0, room))
        self.ends += [now + LATENCY_S * random.uniform(0.8, 1.2) for _ in range(taken)]
        self.starts -= begun
        self.work -= taken
        report = self.report
        self.report = replace(
            report,
            started=report.started + begun,
            answered=report.answered + answered,
            refused=report.refused + begun - taken,
            under_way=len(self.ends),
            wanted=len(self.ends) + self.work,
        )
        return taken, begun - taken

    def exchange(self, account: Account, now: float) -> None:
        grant = account.exchange(self.report, now)
        self.slots, self.starts = grant.slots, grant.starts
        self.report = Report(self.report.holder)


def simulate(account: Account, callers: list[Caller], cap: int, seconds: float) -> list[list[int]]:
    """Taken, refused and most under way in each second, for a service that refuses beyond `cap`."""
    random.seed(0)
    found, now, step = [], 0.0, REPORT_EVERY_S / 10
    for _ in range(int(seconds)):
        second = [0, 0, 0]
        for tick in range(round(1 / step)):
            for caller in callers:
                room = cap - sum(end > now for other in callers for end in other.ends)
                taken, refused = caller.live(now, room)
                second[0] += taken
                second[1] += refused
                if tick % 10 == 0 or refused:
                    caller.exchange(account, now)
            second[2] = max(second[2], sum(len(caller.ends) for caller in callers))
            now += step
        found.append(second)
    return found


@pytest.mark.parametrize("names", ["a", "ab"])
def test_the_window_finds_a_services_cap_and_stays_below(names: str) -> None:
    callers = [Caller(name, 10**6) for name in names]
    seconds = simulate(Account(Limits(), 0.0), callers, cap=200, seconds=60)
    late = seconds[10:]
    taken, refused = (sum(second[place] for second in late) for place in (0, 1))
    assert refused < 0.03 * taken
    # 200 at once for 0.2 s each are 1,000 a second at best.
    assert taken > 0.8 * 1000 * len(late)


def test_two_callers_share_a_known_limit_evenly() -> None:
    callers = [Caller("a", 10**6), Caller("b", 10**6)]
    seconds = simulate(Account(Limits(in_flight=40), 0.0), callers, cap=10**6, seconds=20)
    assert max(second[2] for second in seconds) <= 40
    assert seconds[-1][2] >= 38
    assert callers[0].slots == callers[1].slots == 20


def test_what_one_caller_does_not_want_the_other_has() -> None:
    callers = [Caller("a", 10**6), Caller("b", 3)]
    simulate(Account(Limits(in_flight=40), 0.0), callers, cap=10**6, seconds=20)
    assert callers[0].slots == 40


def test_a_rate_is_kept() -> None:
    callers = [Caller("a", 10**6), Caller("b", 10**6)]
    account = Account(Limits(requests_per_minute=600), 0.0)
    seconds = simulate(account, callers, cap=10**6, seconds=60)
    begun = sum(second[0] for second in seconds)
    assert 540 <= begun <= 600 + 50 + 2  # a minute's rate, and what the bucket held at first


def test_tokens_are_paid_back() -> None:
    account = Account(Limits(tokens_per_minute=60_000), 0.0)
    account.exchange(Report("a", wanted=5), 0.0)
    spent = Report("a", wanted=5, answered=5, tokens=35_000)
    assert account.exchange(spent, 1.0).starts == 0  # 5,000 were there, 1,000 came
    assert account.exchange(Report("a", wanted=5), 20.0).starts == 0
    assert account.exchange(Report("a", wanted=5), 32.0).starts > 0


def test_a_dead_holders_slots_go_to_others() -> None:
    account = Account(Limits(in_flight=10), 0.0)
    assert account.exchange(Report("dead", wanted=10), 0.0).slots == 10
    assert account.exchange(Report("b", wanted=10), 1.0).slots == 0
    assert account.exchange(Report("b", wanted=10), LEASE_S + 0.1).slots == 10


def test_the_circuit_opens_probes_and_closes() -> None:
    account = Account(Limits(), 0.0)
    want = Report("a", under_way=0, wanted=50)
    account.exchange(want, 0.0)
    broken = replace(want, started=BREAK_AFTER, broken=BREAK_AFTER)
    assert account.exchange(broken, 1.0).slots == 0
    assert account.exchange(want, OPEN_S - 1).slots == 0
    assert account.exchange(want, 1.0 + OPEN_S).slots == 1
    assert account.exchange(replace(want, holder="b"), 1.1 + OPEN_S).slots == 0
    # The probe failed: twice the wait. Then it succeeds.
    assert account.exchange(replace(want, broken=1), 2.0 + OPEN_S).slots == 0
    assert account.exchange(want, 3.0 + 2 * OPEN_S).slots == 0
    assert account.exchange(want, 2.0 + 3 * OPEN_S).slots == 1
    assert account.exchange(replace(want, answered=1), 3.0 + 3 * OPEN_S).slots > 1


def test_a_service_that_never_answers_is_given_up() -> None:
    account, now = Account(Limits(), 0.0), 0.0
    grant = account.exchange(Report("a", wanted=50, broken=BREAK_AFTER), now)
    while now <= GIVE_UP_S:
        assert not grant.stop
        now += LEASE_S / 2
        grant = account.exchange(Report("a", wanted=50), now)
    assert "answered nothing" in grant.stop
    # Another job starts anew.
    assert not account.exchange(Report("b", wanted=1), now + LEASE_S + 1).stop


def test_a_failure_after_a_long_rest_is_one_failure() -> None:
    account = Account(Limits(), 0.0)
    account.exchange(Report("a", wanted=1, answered=1), 1.0)
    assert not account.exchange(Report("b", wanted=1, broken=1), 2 * GIVE_UP_S).stop


def test_changed_limits_do_not_fill_the_buckets() -> None:
    account = Account(Limits(requests_per_minute=600), 0.0)
    wanted = Report("a", wanted=1000)
    used = account.exchange(wanted, 0.0).starts
    for limits in (
        Limits(requests_per_minute=600, in_flight=5),
        Limits(requests_per_minute=1200),
        Limits(requests_per_minute=600),
    ):
        account.set_limits(limits, 0.0)
        used_now = account.exchange(replace(wanted, started=used), 0.0).starts
        used += used_now
    assert used <= 50  # five seconds' worth, as the first bucket held
