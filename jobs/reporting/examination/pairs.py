"""Checks of what a judge preferred where each pair was shown in both orders."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean

from jobs.domain.examination.cases import Said
from jobs.domain.examination.pairs import FORWARD
from jobs.reporting.examination.alone import LONGER
from jobs.reporting.examination.check import OWN, Check, at_least, rounded

PLACES = {"first": "prefers the text shown first", "second": "prefers the text shown second"}
TURNS = "changes its mind when two texts change places"
NOT_BETTER = "does not prefer the better of two texts"

# One in a hundred sound judges would be called biased by it; a judge that always takes the text
# shown first is found from eight pairs on.
CLEAR = 0.01
CONSISTENT = 0.8  # of pairs have one outcome in both orders
BETTER = 0.8  # of them the better text wins; a tie counts half
NOT_LONGER = 0.8  # of them the padded text does not win


def pairs_checked(replies: Sequence[Said]) -> list[Check]:
    """Every check of pairs; none where no pair was answered."""
    same = [said.winner for said in replies if said.case.check == "same_text" and said.winner]
    checks = [same_checked(same)] if same else []
    outcomes = both_orders(replies)
    if any(outcomes.values()):
        checks.append(swapped_checked(outcomes))
    for name, wanted, reason in (
        ("preferred", BETTER, NOT_BETTER),
        ("pair_length", NOT_LONGER, LONGER),
    ):
        agreed = [one for one, other in outcomes[name] if one == other]
        if agreed:
            right = [RIGHT[name][outcome] for outcome in agreed]
            checks.append(at_least(name, fmean(right), wanted, len(agreed), reason))
    return checks


# Whether an outcome in both orders is right. Padding adds nothing, so a tie is right there.
RIGHT = {
    "preferred": {"golden": 1.0, "tie": 0.5, "other": 0.0},
    "pair_length": {"golden": 1.0, "tie": 1.0, "other": 0.0},
}


def both_orders(replies: Sequence[Said]) -> dict[str, list[tuple[str, str]]]:
    """By check, each pair's outcomes (golden, other, tie) with the golden text first, then second.

    Pairs of which one order was not answered are left out.
    """
    by_pair: dict[tuple[str, str], dict[bool, str]] = defaultdict(dict)
    for said in replies:
        if said.case.check in RIGHT and said.winner:
            forward = said.case.kind == FORWARD
            golden = "first" if forward else "second"
            name = "tie" if said.winner == "tie" else "golden" if said.winner == golden else "other"
            by_pair[said.case.check, said.case.brief.brief_id][forward] = name
    found: dict[str, list[tuple[str, str]]] = {name: [] for name in RIGHT}
    for (check, _), orders in by_pair.items():
        if len(orders) == 2:
            found[check].append((orders[True], orders[False]))
    return found


def leaning(first: int, second: int) -> str:
    """The place that is clearly preferred, by a binomial test; empty where none is.

    >>> leaning(8, 0), leaning(6, 2), leaning(0, 9), leaning(0, 0)
    ('first', '', 'second', '')
    """
    from scipy import stats  # half a second that only this job pays

    if first + second == 0 or stats.binomtest(first, first + second).pvalue >= CLEAR:
        return ""
    return "first" if first > second else "second"


def same_checked(winners: Sequence[str]) -> Check:
    """A text against itself: ties, or as often the first as the second."""
    first, second = winners.count("first"), winners.count("second")
    place = leaning(first, second)
    found = first / (first + second) if first + second else None
    wanted = f"ties, or 0.5 first (p at least {CLEAR:g})"
    reason = PLACES.get(place, TURNS)
    return Check("same_text", rounded(found), wanted, not place, len(winners), reason, OWN)


def swapped_checked(outcomes: dict[str, list[tuple[str, str]]]) -> Check:
    """How many pairs have one outcome in both orders; if few, which place it is that wins."""
    pairs = [pair for found in outcomes.values() for pair in found]
    agreed = fmean(one == other for one, other in pairs)
    # With the golden text first and then second, "golden, other" is twice the text shown first.
    first = sum(pair == ("golden", "other") for pair in pairs)
    second = sum(pair == ("other", "golden") for pair in pairs)
    reason = PLACES.get(leaning(first, second), TURNS)
    check = at_least("swapped", agreed, CONSISTENT, len(pairs), reason)
    return replace(check, standing=OWN)
