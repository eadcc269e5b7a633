"""Lengths that tell nothing: as many pairs whose worse text is longer as pairs where it is shorter.

A reward model that is trained on pairs of which the shorter text is mostly the worse one learns to
count. `surplus` names the pairs to take out so that within each kind, among texts of one length and
differences of one size, the worse text is as often the longer as the shorter one. `clue` then
measures what is left: how often a rule that sees nothing but lengths would be right.

Texts of one length, since otherwise a few characters more in short texts are held against many
characters fewer in long ones, and a threshold on the difference is right in 60 % (measured).
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from jobs.domain.text import fingerprint

BIN = 0.04  # of the better text's length: differences within one bin are of one size
FOLDS = 5
CHANCE = 0.5

Point = tuple[float, bool]  # what a classifier sees, and the truth


@dataclass(frozen=True)
class Lengths:
    """A pair as its lengths, in characters without white space."""

    name: str  # the pair's
    kind: str  # of negative
    chosen: int
    rejected: int

    @property
    def gap(self) -> float:
        """How much longer the worse text is, as a share of the better one's length."""
        return (self.rejected - self.chosen) / max(1, self.chosen)

    @property
    def bin(self) -> tuple[str, int, int]:
        """Kind, the better text's length to a power of two, the difference to a BIN of it."""
        length = math.floor(math.log2(max(1, self.chosen)))
        return self.kind, length, math.floor(abs(self.gap) / BIN)


def surplus(pairs: Iterable[Lengths], seed: int) -> set[str]:
    """Names of the pairs that have no counterpart of their kind and size on the other side.

    Of the side that has more, those with the largest hash go, in whatever order pairs come.

    >>> pairs = [Lengths(f"p{n}", "weak", 100, 90) for n in range(5)]
    >>> pairs += [Lengths("q", "weak", 100, 110), Lengths("same", "weak", 100, 100)]
    >>> left = [pair for pair in pairs if pair.name not in surplus(pairs, 0)]
    >>> sorted(pair.gap for pair in left)
    [-0.1, 0.0, 0.1]
    """
    bins: dict[tuple[str, int, int], tuple[list[Lengths], list[Lengths]]]
    bins = defaultdict(lambda: ([], []))
    for pair in pairs:
        if pair.gap:
            bins[pair.bin][pair.gap > 0].append(pair)
    found = set[str]()
    for sides in bins.values():
        kept = min(map(len, sides))
        for side in sides:
            side.sort(key=lambda pair: fingerprint("balance", str(seed), pair.name))
            found.update(pair.name for pair in side[kept:])
    return found


def clues(pairs: Sequence[Lengths]) -> dict[str, dict[str, Any]]:
    """The figures of `clue` for all pairs together and for each kind."""
    kinds = sorted({pair.kind for pair in pairs})
    of_kind = {kind: [pair for pair in pairs if pair.kind == kind] for kind in kinds}
    return {"all": clue(pairs)} | {kind: clue(mine) for kind, mine in of_kind.items()}


def clue(pairs: Sequence[Lengths]) -> dict[str, Any]:
    """What lengths alone tell of some pairs.

    pairs: how many. mean_gap: how much longer the worse text is, in shares of the better one's
    length; mean_size: the same without its sign. Accuracies are cross-validated, 0.5 is chance: a
    threshold on the difference between the two, `by_difference`; one on the length of either text
    alone, `by_length`; and the higher of both, `accuracy`.

    >>> told = clue([Lengths(f"p{n}", "weak", 100, 80) for n in range(20)])
    >>> told["accuracy"], told["mean_gap"]
    (1.0, -0.2)
    """
    gaps = [pair.gap for pair in pairs]
    difference, length = by_difference(pairs), by_length(pairs)
    return {
        "pairs": len(pairs),
        "mean_gap": round(fmean(gaps), 4) if gaps else 0.0,
        "mean_size": round(fmean(map(abs, gaps)), 4) if gaps else 0.0,
        "by_difference": round(difference, 4),
        "by_length": round(length, 4),
        "accuracy": round(max(difference, length), 4),
    }


def by_difference(pairs: Sequence[Lengths]) -> float:
    """Held-out accuracy of telling which of two texts is better by their difference in length.

    Each pair is shown in both orders, so that what is not told apart is right half the time.
    """
    return cross_validated(
        [
            (pair, [(pair.chosen - pair.rejected, True), (pair.rejected - pair.chosen, False)])
            for pair in pairs
        ]
    )


def by_length(pairs: Sequence[Lengths]) -> float:
    """Held-out accuracy of telling a better text from a worse one by its length alone."""
    return cross_validated(
        [(pair, [(pair.chosen, True), (pair.rejected, False)]) for pair in pairs]
    )


def cross_validated(shown: Sequence[tuple[Lengths, list[Point]]]) -> float:
    """The accuracy of a threshold on points that it was not chosen by; chance for too few pairs."""
    folds: list[list[Point]] = [[] for _ in range(FOLDS)]
    for pair, points in shown:
        folds[int(fingerprint("fold", pair.name), 16) % FOLDS] += points
    right = total = 0
    for held in range(FOLDS):
        learned = [point for place, fold in enumerate(folds) if place != held for point in fold]
        if not learned or not folds[held]:
            continue
        threshold, above = best_threshold(learned)
        right += sum(((seen > threshold) == above) == truth for seen, truth in folds[held])
        total += len(folds[held])
    return right / total if total else CHANCE


def best_threshold(points: Sequence[Point]) -> tuple[float, bool]:
    """(threshold, whether what lies above it is called true) with the fewest errors.

    >>> best_threshold([(1, False), (2, False), (3, True), (9, True)])
    (2, True)
    """
    ordered = sorted(points)
    trues = sum(truth for _, truth in ordered)
    best, chosen = trues, (-math.inf, True)  # all are called true
    below_true = below = 0
    for place, (seen, truth) in enumerate(ordered):
        below, below_true = below + 1, below_true + truth
        if place + 1 < len(ordered) and ordered[place + 1][0] == seen:
            continue
        right = (below - below_true) + (trues - below_true)
        for score, above in ((right, True), (len(ordered) - right, False)):
            if score > best:
                best, chosen = score, (seen, above)
    return chosen
