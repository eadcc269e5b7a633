"""Texts that say the same in nearly the same words."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from jobs.domain.text import normalized

GRAM = 5  # characters
ALIKE = 0.8  # Jaccard similarity of character 5-grams, as is usual for near duplicates of prose
# In a short text every changed character spoils five of few grams: there the order decides too.
SHORT = 150  # characters
ALIKE_SHORT = 0.95  # characters in common, in order, of all characters
HINT = 0.4  # Jaccard similarity below which a short text is not looked at twice


@dataclass(frozen=True)
class Reading:
    """A text as it is compared."""

    plain: str
    grams: frozenset[str]


def letters(text: str) -> str:
    """The normalised text without white space."""
    return "".join(normalized(text).split())


def grams(text: str) -> frozenset[str]:
    """The character 5-grams of the normalised text without white space."""
    plain = letters(text)
    return frozenset(plain[start : start + GRAM] for start in range(max(1, len(plain) - GRAM + 1)))


def jaccard(left: frozenset[str], right: frozenset[str]) -> float:
    """Shared over all; 1.0 for two empty sets."""
    return len(left & right) / len(left | right) if left or right else 1.0


def alike(left: Reading, right: Reading) -> bool:
    """Near duplicates by their 5-grams or, where both are short, by their characters in order.

    >>> one = "洗完脸没多久，皮肤就开始发紧，是屏障在求助。点开详情，了解它的配方。"
    >>> other = one.replace("皮", "肌")
    >>> alike(read(one), read(other)), alike(read(one), read("点开详情，了解它的配方。"))
    (True, False)
    """
    shared = jaccard(left.grams, right.grams)
    if shared >= ALIKE:
        return True
    if shared < HINT or max(len(left.plain), len(right.plain)) >= SHORT:
        return False
    matcher = SequenceMatcher(None, left.plain, right.plain, autojunk=False)
    return matcher.ratio() >= ALIKE_SHORT


def read(text: str) -> Reading:
    """The text ready to be compared."""
    return Reading(letters(text), grams(text))


def repeats(texts: Sequence[str]) -> list[bool]:
    """For each text: is it a near duplicate of an earlier one that is kept?

    >>> repeats(["barrier first, then care", "a very different text", "barrier first, then care."])
    [False, False, True]
    """
    kept: list[Reading] = []
    marks = []
    for text in texts:
        mine = read(text)
        is_repeat = any(alike(mine, other) for other in kept)
        marks.append(is_repeat)
        if not is_repeat:
            kept.append(mine)
    return marks
