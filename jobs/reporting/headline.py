"""The report's one sentence: who beat whom, by how much, and whether that is more than chance."""

import math
import random
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from statistics import fmean

from jobs.domain.rows import Verdict

Cell = Mapping[str, float]  # mean, n
Gaps = Mapping[str, Sequence[float]]  # product_id -> score differences on its briefs
RESAMPLES = 2000
FEWEST_PRODUCTS = 5  # below this an interval from resampling products says nothing


def headline(
    overall: Mapping[str, Cell], references: Collection[str], verdicts: Sequence[Verdict]
) -> str:
    """Who beat whom and by how much. `overall` is the scoreboard's; references are no models."""
    models = [model for model in overall if model not in references]
    if not models:
        return "Only reference texts were judged; there is no model to compare."
    first, *others = sorted(models, key=lambda model: -overall[model]["mean"])
    others += [model for model in overall if model in references]
    score = overall[first]
    parts = [
        compared(other, overall[other]["mean"], gaps(verdicts, first, other)) for other in others
    ]
    subject = f"{first} (mean {score['mean']:.2f} of 5, {score['n']} answers)"
    return f"{subject} {joined(parts) if parts else 'was judged alone'}."


def joined(parts: Sequence[str]) -> str:
    """
    >>> joined(["a", "b", "c"])
    'a, b and c'
    """
    return " and ".join(filter(None, [", ".join(parts[:-1]), parts[-1]]))


def gaps(verdicts: Sequence[Verdict], model: str, other: str) -> Gaps:
    """By how much `model` is ahead of `other` on each brief and metric where both have a score."""
    scores: dict[tuple[str, str], dict[str, float]] = defaultdict(dict)
    products = {}
    for verdict in verdicts:
        scores[verdict.brief_id, verdict.metric][verdict.model] = verdict.score
        products[verdict.brief_id] = verdict.product_id
    found: dict[str, list[float]] = defaultdict(list)
    for (brief_id, _), by_model in scores.items():
        if model in by_model and other in by_model:
            found[products[brief_id]].append(by_model[model] - by_model[other])
    return found


def compared(other: str, mean: float, differences: Gaps) -> str:
    """One comparison; a difference whose interval holds zero is not called a win or a loss."""
    everything = [gap for found in differences.values() for gap in found]
    if not everything:
        return f"shares no judged brief with {other} ({mean:.2f})"
    gap = fmean(everything)
    span = interval(differences)
    if span is None:
        return f"{_outcome(gap, other, mean)} (too few products for an interval)"
    low, high = span
    if low <= 0 <= high:
        note = f"difference {_signed(gap)}, 95 % interval {_signed(low)} to {_signed(high)}"
        return f"did not clearly differ from {other} ({mean:.2f}; {note})"
    near, far = sorted((abs(low), abs(high)))
    return f"{_outcome(gap, other, mean)} (95 % interval {near:.2f} to {far:.2f})"


def _outcome(gap: float, other: str, mean: float) -> str:
    if gap == 0:
        return f"tied with {other} ({mean:.2f})"
    return f"{'beat' if gap > 0 else 'lost to'} {other} ({mean:.2f}) by {abs(gap):.2f}"


def _signed(gap: float) -> str:
    return f"{gap:+.2f}".replace("-", "\u2212")


def interval(differences: Gaps) -> tuple[float, float] | None:
    """The 95 % percentile interval of the mean, resampling whole products with a fixed seed.

    Products, not briefs, are drawn: the briefs of one product share its facts, so their scores
    are not independent. None with fewer than FEWEST_PRODUCTS.
    """
    groups = [differences[product] for product in sorted(differences)]
    if len(groups) < FEWEST_PRODUCTS:
        return None
    draw = random.Random(0)
    sums = [(math.fsum(group), len(group)) for group in groups]
    means = []
    for _ in range(RESAMPLES):
        drawn = draw.choices(sums, k=len(sums))
        means.append(math.fsum(part for part, _ in drawn) / sum(size for _, size in drawn))
    means.sort()
    return means[int(0.025 * RESAMPLES)], means[int(0.975 * RESAMPLES) - 1]
