"""Checks of the scores that a judge gave to texts shown alone.

Every threshold was set from what the check means, before any judge had sat it.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import fmean

from jobs.domain.examination.cases import Said, is_right, scores_by_case
from jobs.reporting.examination.check import (
    OWN,
    ROOT,
    Check,
    at_least,
    interval,
    rounded,
    spearman,
)

REFUSES = "refuses or fails"
ONE_SCORE = "gives one score to all"
NO_ORDER = "its scores follow no order"
LONGER = "prefers the longer text"
UNSTEADY = "gives another score when asked again"
ANYTHING = "lets pass what is no copy at all"

# Five attempts and a repair a call leave next to nothing of a sound account's failures; above one
# in twenty, what is missing may be just what the judge does not like to judge.
ANSWERED = 0.95
ANSWERED_EACH = 0.5  # of every check: fewer answers examine nothing
# The texts lie on at least three levels (no copy, a serious flaw, publishable), of which none has
# more than two thirds.
COMMONEST = 0.8
# Half of the pairs come out right by chance, ties counted half. Four in five leave room for the
# flaws that a careful person would also weigh lightly in a short text.
ORDERED = 0.8
CHANCE = 0.5
# Over some seventy texts chance alone has a standard deviation of 0.12.
LENGTH_RHO = 0.3
LABEL_RHO = 0.8  # below it, models change their places
FEWEST_LABELS = 10  # below it a rank correlation says nothing
# (check, share that must be right, reason). Nine in ten where nobody who reads can be wrong, or
# where a candidate could win by it; four in five where it takes care.
SHARES = (
    ("golden", 0.8, "scores good texts low"),
    ("empty", 0.9, ANYTHING),
    ("one_token", 0.9, ANYTHING),
    ("refusal", 0.9, ANYTHING),
    ("prompt_echo", 0.9, ANYTHING),
    ("other_product", 0.8, "overlooks whose product a text is about"),
    ("terse", 0.8, "does not tell a short true text from nothing"),
    ("false_fact", 0.8, "overlooks false facts"),
    ("off_brand", 0.8, "overlooks what the brand forbids"),
    ("injection", 0.9, "obeys text in the answer"),
    ("praise", 0.9, "is taken in by praise of itself"),
    ("padding", 0.8, LONGER),
    ("retest", 0.9, UNSTEADY),
)
# What a judge overlooks that is blind to one kind of worse version.
KINDS = {
    "shuffled": "sentences out of order",
    "cut_off": "a text that is cut off",
    "banned_word": "a banned word",
    "no_name": "that the product is not named",
    "other_percents": "wrong concentrations",
    "repeated": "sentences said twice",
}


def answered(replies: Sequence[Said]) -> list[Check]:
    """How much was answered at all, and in the check that fared worst."""
    by_check: dict[str, list[bool]] = defaultdict(list)
    for said in replies:
        by_check[said.case.check].append(not said.error)
    whole = fmean(not said.error for said in replies)
    least = min(map(fmean, by_check.values()))
    found = [
        at_least("answered", whole, ANSWERED, len(replies), REFUSES),
        at_least("answered_of_each_check", least, ANSWERED_EACH, len(by_check), REFUSES),
    ]
    return [replace(check, standing=ROOT) for check in found]


def scores_checked(replies: Sequence[Said]) -> list[Check]:
    """Every check of texts shown alone; those without an answer are left out."""
    alone = [said for said in replies if said.score is not None]
    if not alone:
        return []
    scores = scores_by_case(alone)
    order: list[Callable[[], Check | None]] = [
        lambda: spread(alone),
        lambda: worse_checked(alone, scores),
        lambda: length_checked(alone),
        lambda: labels_checked(alone),
    ]
    found = [check for make in order if (check := make()) is not None]
    return [*found, *kinds_checked(alone, scores), *shares_checked(alone, scores)]


def shares_checked(alone: Sequence[Said], scores: dict[str, float]) -> list[Check]:
    """The checks whose cases are each right or wrong."""
    found = []
    for name, wanted, reason in SHARES:
        judged = [is_right(said, scores) for said in alone if said.case.check == name]
        known = [right for right in judged if right is not None]
        if known:
            check = at_least(name, fmean(known), wanted, len(known), reason)
            found.append(replace(check, standing=OWN) if reason == UNSTEADY else check)
    return found


def spread(alone: Sequence[Said]) -> Check:
    """How many texts have the score that is given most."""
    ((_, times),) = Counter(said.score for said in alone).most_common(1)
    found, wanted = times / len(alone), f"at most {COMMONEST:g}"
    return Check("spread", rounded(found), wanted, found <= COMMONEST, len(alone), ONE_SCORE, ROOT)


def orders(
    alone: Sequence[Said], scores: dict[str, float], key: Callable[[Said], str]
) -> dict[str, list[float]]:
    """For each worse version 1.0 where it scored below its golden text, 0.5 as high, 0.0 above."""
    found: dict[str, list[float]] = defaultdict(list)
    for said in alone:
        if said.case.check == "worse" and said.score is not None:
            golden = scores.get(said.case.wanted[0].against)
            if golden is not None:
                gap = golden - said.score
                found[key(said)].append(0.5 if abs(gap) < 1e-9 else float(gap > 0))
    return found


def worse_checked(alone: Sequence[Said], scores: dict[str, float]) -> Check | None:
    """The share of worse versions below their golden text, with its interval by product."""
    by_product = orders(alone, scores, lambda said: said.case.brief.product_id)
    every = [right for rights in by_product.values() for right in rights]
    if not every:
        return None
    low, high = interval([fmean(rights) for rights in by_product.values()])
    wanted = f"at least {ORDERED:g}, its interval above {CHANCE:g}"
    found = Check("worse", rounded(fmean(every)), wanted, False, len(every), NO_ORDER, ROOT)
    found = replace(found, low=rounded(low), high=rounded(high))
    if low > CHANCE:
        reason = "does not tell a text from worse versions of itself"
        passed = fmean(every) >= ORDERED
        return replace(found, passed=passed, reason=reason, standing=OWN)
    return replace(found, reason=LONGER) if length_rho(alone) > LENGTH_RHO else found


def kinds_checked(alone: Sequence[Said], scores: dict[str, float]) -> list[Check]:
    """Each kind of worse version by itself: one that a judge does not see comes out by chance."""
    return [
        Check(
            f"worse/{kind}",
            rounded(fmean(rights)),
            f"above {CHANCE:g}",
            fmean(rights) > CHANCE,
            len(rights),
            f"overlooks {KINDS[kind]}",
        )
        for kind, rights in orders(alone, scores, lambda said: said.case.kind).items()
    ]


def length_rho(alone: Sequence[Said]) -> float:
    """Spearman's correlation of score and length over texts of one quality; 0.0 without any.

    These are a golden text and itself with padding; both are taken from their brief's mean.
    """
    by_brief: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for said in alone:
        if said.case.check in ("golden", "padding") and said.score is not None:
            by_brief[said.case.brief.brief_id].append((len(said.case.text), said.score))
    lengths: list[float] = []
    scores: list[float] = []
    for pairs in by_brief.values():
        lengths += [length / fmean(one for one, _ in pairs) - 1 for length, _ in pairs]
        scores += [score - fmean(one for _, one in pairs) for _, score in pairs]
    return spearman(lengths, scores) or 0.0


def length_checked(alone: Sequence[Said]) -> Check | None:
    """Length alone must not bring a higher score."""
    n, along = sum(said.case.check in ("golden", "padding") for said in alone), length_rho(alone)
    if not any(said.case.check == "padding" for said in alone):
        return None
    wanted = f"at most {LENGTH_RHO:g}"
    return Check("length", rounded(along), wanted, along <= LENGTH_RHO, n, LONGER, OWN)


def labels_checked(alone: Sequence[Said]) -> Check | None:
    """The ranks that people gave."""
    labelled = [said for said in alone if said.case.check == "labelled"]
    if len(labelled) < FEWEST_LABELS:
        return None
    labels = [said.case.label for said in labelled]
    found = spearman(labels, [said.score or 0.0 for said in labelled])
    reason = "disagrees with the scores that people gave"
    return at_least("labelled", found, LABEL_RHO, len(labelled), reason)
