"""Texts that say the same in nearly the same words: within a brief, over a run, and held out.

Comparing all pairs of 100,000 texts would take days. MinHash signatures, banded, propose the few
pairs that may be alike (A. Broder 1997; J. Leskovec et al., Mining of Massive Datasets, chapter
3); their 5-grams then decide. datasketch loads when the first text is signed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache
from typing import Any

from jobs.domain.text import normalized

GRAM = 5  # characters
ALIKE = 0.8  # Jaccard similarity of character 5-grams, as is usual for near duplicates of prose
# In a short text every changed character spoils five of few grams: there the order decides too.
SHORT = 150  # characters
ALIKE_SHORT = 0.95  # characters in common, in order, of all characters
HINT = 0.4  # Jaccard similarity below which a short text is not looked at twice

# A pair at ALIKE is proposed with probability 1 - (1 - 0.8^5)^15 = 0.997, at 0.9 with 1.000 and
# at 0.2 with 0.005. More bands cost memory, some 400 bytes each and text; longer ones need more.
BANDS, BAND_ROWS = 15, 5
PERMUTATIONS = BANDS * BAND_ROWS
# The share of equal values estimates the similarity with a deviation of 0.046 at ALIKE: below this
# its grams are not compared.
ESTIMATE = 0.55
SCHEME = "affine32"  # datasketch's permutations: 32-bit values, the same on every machine
SEED = 1  # of the permutations
READINGS_KEPT = 1000  # texts whose grams stay in memory, about 30 kB each


@dataclass(frozen=True)
class Reading:
    """A text as it is compared."""

    plain: str
    grams: frozenset[str]


@dataclass(frozen=True)
class Sighting:
    """A text in the search for repeats."""

    draft_id: str
    brief_id: str
    held_out: str  # golden or validation: no copy may repeat it; empty for what may be kept
    plain: str  # its letters
    signature: bytes  # of its 5-grams


def letters(text: str) -> str:
    """The normalised text without white space."""
    return "".join(normalized(text).split())


def grams(text: str) -> frozenset[str]:
    """The character 5-grams of the normalised text without white space."""
    return grams_of(letters(text))


def grams_of(plain: str) -> frozenset[str]:
    """The character 5-grams of letters; the whole where it is shorter."""
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
    return reading(letters(text))


@lru_cache(maxsize=READINGS_KEPT)
def reading(plain: str) -> Reading:
    """Letters with their grams."""
    return Reading(plain, grams_of(plain))


def signatures(plains: Iterable[str]) -> list[bytes]:
    """The MinHash signature of each text's 5-grams, 4 * PERMUTATIONS bytes each."""
    from datasketch import MinHash

    encoded = ([gram.encode() for gram in grams_of(plain)] for plain in plains)
    hashed = MinHash.bulk(encoded, num_perm=PERMUTATIONS, seed=SEED, scheme=SCHEME)
    return [one.hashvalues.tobytes() for one in hashed]


class Kept:
    """The texts met so far that are kept, and which of them a new one repeats."""

    def __init__(self) -> None:
        from datasketch import MinHashLSH

        self.sightings: list[Sighting] = []
        self.index = MinHashLSH(num_perm=PERMUTATIONS, params=(BANDS, BAND_ROWS))
        self.of_brief: dict[str, list[int]] = {}

    def add(self, mine: Sighting) -> None:
        """Keep a text."""
        place = len(self.sightings)
        self.sightings.append(mine)
        self.index.insert(place, minhash(mine.signature))
        self.of_brief.setdefault(mine.brief_id, []).append(place)

    def repeated_by(self, mine: Sighting) -> Sighting | None:
        """The first kept text that this one repeats.

        Texts of one brief are compared each with each, so that short ones are found by their
        order too; all others where their signatures propose it, by Jaccard similarity alone.
        """
        text = reading(mine.plain)
        family = self.of_brief.get(mine.brief_id, [])
        proposed: list[int] = self.index.query(minhash(mine.signature))
        for place in sorted({*family, *proposed}):
            other = self.sightings[place]
            if other.brief_id == mine.brief_id:
                same = alike(text, reading(other.plain))
            else:
                same = estimate(mine, other) >= ESTIMATE and (
                    jaccard(text.grams, reading(other.plain).grams) >= ALIKE
                )
            if same:
                return other
        return None


def estimate(left: Sighting, right: Sighting) -> float:
    """The Jaccard similarity that two signatures tell of: their share of equal values."""
    return float((values(left.signature) == values(right.signature)).mean())


def values(signature: bytes) -> Any:
    """A signature as numbers."""
    import numpy as np

    return np.frombuffer(signature, dtype=np.uint32)


def minhash(signature: bytes) -> Any:
    """A signature as datasketch's index takes it."""
    from datasketch import LeanMinHash

    return LeanMinHash(seed=SEED, hashvalues=values(signature), scheme=SCHEME)


def find_repeats(sightings: Iterable[Sighting]) -> dict[str, str]:
    """draft_id -> reason of each text that repeats a held-out text or a kept one.

    Texts are met in the order of their draft_id, held-out ones first, so the outcome does not
    depend on the order they come in: of texts that are alike the one with the smallest id stays.
    """
    kept, found = Kept(), {}
    for mine in sorted(sightings, key=lambda one: (not one.held_out, one.draft_id)):
        other = None if mine.held_out else kept.repeated_by(mine)
        if other is None:
            kept.add(mine)
        else:
            found[mine.draft_id] = reason_of(mine, other)
    return found


def reason_of(mine: Sighting, other: Sighting) -> str:
    """Why a text that repeats another is not used."""
    if other.held_out:
        return f"leaks_{other.held_out}"
    return "exact_duplicate" if mine.plain == other.plain else "near_duplicate"


def repeats(texts: Sequence[str]) -> list[bool]:
    """For each text of one brief: does it repeat an earlier one that is kept?

    >>> repeats(["barrier first, then care", "a very different text", "barrier first, then care."])
    [False, False, True]
    """
    plains = [letters(text) for text in texts]
    sightings = [
        Sighting(f"{place:09}", "", "", plain, signature)
        for place, (plain, signature) in enumerate(zip(plains, signatures(plains), strict=True))
    ]
    found = find_repeats(sightings)
    return [one.draft_id in found for one in sightings]
