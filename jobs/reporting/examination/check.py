"""One line of a judge's certificate, and the sums behind several of them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

FOLLOWS, OWN, ROOT = "follows", "own", "root"


@dataclass(frozen=True)
class Check:
    """What was found, what was wanted, and what is said of a judge that does not pass."""

    name: str
    found: float | None  # None: it could not be computed
    wanted: str
    passed: bool
    n: int  # answers that it rests on
    reason: str  # where it does not pass
    # root: a judge that fails here does not judge at all, and the rest follows from it; own: it
    # fails for a cause of its own, whatever else is wrong; follows: else.
    standing: str = FOLLOWS
    low: float | None = None  # 95 % interval by product, where there is one
    high: float | None = None


def at_least(name: str, found: float | None, wanted: float, n: int, reason: str) -> Check:
    """A check of a figure that must not be lower."""
    passed = found is not None and found >= wanted - 1e-9
    return Check(name, rounded(found), f"at least {wanted:g}", passed, n, reason)


def interval(shares: Sequence[float]) -> tuple[float, float]:
    """Student's 95 % interval of a mean of products' shares; all of 0 to 1 for a single product.

    >>> [round(end, 3) for end in interval([0.6, 0.8, 1.0])]
    [0.303, 1.0]
    """
    from scipy import stats  # half a second that only this job pays

    if len(shares) < 2:
        return 0.0, 1.0
    half = float(stats.t.ppf(0.975, len(shares) - 1)) * stdev(shares) / math.sqrt(len(shares))
    return max(0.0, fmean(shares) - half), min(1.0, fmean(shares) + half)


def spearman(first: Sequence[float], second: Sequence[float]) -> float | None:
    """The rank correlation; None where one of them does not vary."""
    from scipy import stats  # half a second that only this job pays

    rounded_scores = [round(value, 6) for value in second]
    if len(set(first)) < 2 or len(set(rounded_scores)) < 2:
        return None
    return float(stats.spearmanr(first, rounded_scores).statistic)


def rounded(value: float | None) -> float | None:
    """Three digits, as tables show it."""
    return None if value is None else round(value, 3)
