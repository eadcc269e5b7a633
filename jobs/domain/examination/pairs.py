"""Pairs shown blind in both orders: whether the place or the length decides."""

from collections.abc import Iterator

from jobs.domain.examination.canaries import PADDED, cases_of, with_padding
from jobs.domain.examination.cases import Case, Subject
from jobs.domain.examination.words import words_of

FORWARD, BACKWARD = "golden_first", "golden_second"
# Flaws that a person who reads both texts cannot miss; they take turns.
CLEARLY_WORSE = ("false_fact", "off_brand", "other_product")


def pairs_of(subject: Subject) -> list[Case]:
    """The golden text against itself, a clearly worse one, and itself with padding."""
    if not subject.golden:
        return []
    same = Case(
        "same_text", "", subject.brief, subject.golden, other=subject.golden, winners=("tie",)
    )
    words = words_of(subject.brief.language)
    longer = with_padding(subject.golden, PADDED[1], words, subject.turn)
    return [
        same,
        *both_orders("preferred", subject, worse_text(subject), tie_is_right=False),
        *both_orders("pair_length", subject, longer, tie_is_right=True),
    ]


def worse_text(subject: Subject) -> str:
    """A clearly worse text for the same brief; empty where none can be made."""
    by_check = {case.check: case.text for case in cases_of(subject)}
    place = subject.turn % len(CLEARLY_WORSE)
    ranked = (*CLEARLY_WORSE[place:], *CLEARLY_WORSE[:place])
    return next((by_check[check] for check in ranked if check in by_check), "")


def both_orders(check: str, subject: Subject, other: str, *, tie_is_right: bool) -> Iterator[Case]:
    """The golden text and another, each shown first once; the golden one is to win."""
    if not other:
        return
    also = ("tie",) if tie_is_right else ()
    brief, text = subject.brief, subject.golden
    yield Case(check, FORWARD, brief, text, other=other, winners=("first", *also))
    yield Case(check, BACKWARD, brief, other, other=text, winners=("second", *also))
