"""What a reward model says of pairs it has not seen: `heldout.json`, from scores alone."""

import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

OWN = "own"  # the content type of pairs that belong to no brief
BINS = 5  # of confidence, from a half to 1
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
BARS = 20  # of the margins' histogram


@dataclass(frozen=True)
class Scored:
    """A held-out pair and its two scores."""

    kind: str
    content_type: str
    chosen: float
    rejected: float
    longer: int  # characters that the chosen text has more

    @property
    def margin(self) -> float:
        """By how much the better text is ahead."""
        return self.chosen - self.rejected


def content_type(brief_id: str) -> str:
    """The content type in a brief's id.

    >>> content_type("p1/paid_ad_fab"), content_type("")
    ('paid_ad_fab', 'own')
    """
    return brief_id.rpartition("/")[2] or OWN


def heldout(pairs: Sequence[Scored]) -> dict[str, Any]:
    """All figures; without a pair only that there is none."""
    if not pairs:
        return {"pairs": 0}
    centre, scale = centre_and_scale(pairs)
    return {
        **group(pairs),
        "kinds": groups(pairs, lambda pair: pair.kind),
        "content_types": groups(pairs, lambda pair: pair.content_type),
        "margin": margins([pair.margin for pair in pairs]),
        "calibration": calibration([pair.margin for pair in pairs]),
        "centre": centre,
        "scale": scale,
    }


def groups(pairs: Sequence[Scored], key: Callable[[Scored], str]) -> dict[str, Any]:
    """The figures of each group, by name."""
    return {
        name: group([pair for pair in pairs if key(pair) == name])
        for name in sorted({key(pair) for pair in pairs})
    }


def group(pairs: Sequence[Scored]) -> dict[str, Any]:
    """How many, the share that is ordered rightly, and what length alone would get."""
    return {
        "pairs": len(pairs),
        "accuracy": accuracy(pair.margin for pair in pairs),
        "length_only": length_only([pair.longer for pair in pairs]),
    }


def accuracy(margins: Iterable[float]) -> float:
    """The share above 0; a tie is half right.

    >>> accuracy([1.0, -1.0, 2.0, 0.0])
    0.625
    """
    return statistics.fmean(0.5 * (margin > 0) + 0.5 * (margin >= 0) for margin in margins)


def length_only(longer: Sequence[int]) -> float:
    """The accuracy of preferring the longer text, or the shorter, whichever is better here.

    >>> length_only([-3, -1, 5, -2])
    0.75
    """
    share = accuracy(longer)
    return max(share, 1 - share)


def margins(values: Sequence[float]) -> dict[str, Any]:
    """Mean, quantiles and histogram."""
    low, high = min(values), max(values)
    width = (high - low) / BARS or 1.0
    counts = [0] * BARS
    for value in values:
        counts[min(BARS - 1, int((value - low) / width))] += 1
    return {
        "mean": statistics.fmean(values),
        "quantiles": {str(at): quantile(values, at) for at in QUANTILES},
        "histogram": {"edges": [low + width * i for i in range(BARS + 1)], "counts": counts},
    }


def quantile(values: Sequence[float], at: float) -> float:
    """Linear between the two nearest.

    >>> quantile([4.0, 1.0, 3.0, 2.0], 0.5)
    2.5
    """
    ordered = sorted(values)
    place = at * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])


def calibration(values: Sequence[float]) -> dict[str, Any]:
    """How sure the model is of the text that it prefers, against how often it is right.

    Sure is the logistic of the margin's size, from a half to 1: the better text is known here, so
    the logistic of the margin itself has nothing to be compared with. The expected error is the
    bins' mean distance, weighted by their pairs (Guo et al. 2017, arXiv 1706.04599).
    """
    sure = [1 / (1 + math.exp(-min(abs(value), 700.0))) for value in values]
    bins, error = [], 0.0
    for place in range(BINS):
        low, high = (0.5 + 0.5 * edge / BINS for edge in (place, place + 1))
        inside = [
            (said, value)
            for said, value in zip(sure, values, strict=True)
            if low <= said < high or (said >= high and place == BINS - 1)
        ]
        if inside:
            predicted = statistics.fmean(said for said, _ in inside)
            observed = accuracy(value for _, value in inside)
            error += len(inside) / len(values) * abs(predicted - observed)
            bins.append(
                {"from": low, "to": high, "pairs": len(inside)}
                | {"predicted": predicted, "observed": observed}
            )
    return {"bins": bins, "expected_error": error}


def centre_and_scale(pairs: Sequence[Scored]) -> tuple[float, float]:
    """What brings a score into [0, 1]: the logistic of (score - centre) / scale.

    The centre is the median of the pairs' midpoints, so that a text between good and bad gets a
    half. The scale is half the way from the 16th to the 84th of all scores' percentiles (a normal
    distribution's standard deviation): most texts then get 0.2 to 0.8, and better still pays.
    """
    centre = statistics.median((pair.chosen + pair.rejected) / 2 for pair in pairs)
    scores = [score for pair in pairs for score in (pair.chosen, pair.rejected)]
    scale = (quantile(scores, 0.84) - quantile(scores, 0.16)) / 2
    return centre, scale or 1.0
