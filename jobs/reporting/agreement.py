"""How far judges agree with each other, and a judge with itself."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Literal, TypeVar

import numpy as np

from jobs.reporting.statistics import NOTHING, Floats

Level = Literal["interval", "ordinal"]
Unit = TypeVar("Unit", bound=Hashable)


def alpha(units: Sequence[Sequence[float]], level: Level = "interval") -> float | None:
    """Krippendorff's alpha: 1 full agreement, 0 that of chance. None where nothing varies.

    A unit is what several judges gave one answer; units with fewer than two values are left out.
    Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability". The library for it is under the
    GPL, which this project is not.
    """
    paired = [unit for unit in units if len(unit) > 1]
    if not paired:
        return None
    values, places = np.unique(
        np.concatenate([np.asarray(u, float) for u in paired]), return_inverse=True
    )
    sizes = np.array([len(unit) for unit in paired])
    counts = np.zeros((len(paired), len(values)))  # units x values
    np.add.at(counts, (np.repeat(np.arange(len(paired)), sizes), places), 1)
    totals = counts.sum(axis=0)
    distance = distances(values, totals, level)
    within = (counts @ distance * counts).sum(axis=1) / (sizes - 1)
    expected = totals @ distance @ totals / (totals.sum() - 1)
    return None if expected < NOTHING else float(1 - within.sum() / expected)


def distances(values: Floats, totals: Floats, level: Level) -> Floats:
    """Squared distances between values: of the numbers, or of how many values lie between."""
    scale = values if level == "interval" else np.cumsum(totals) - totals / 2
    return (scale[:, None] - scale[None, :]) ** 2


def agreement(scores: Mapping[str, Mapping[str, Mapping[Unit, float]]]) -> dict[str, Any]:
    """metric -> alpha of its judges. `scores`: metric -> judge -> unit -> score.

    `n` counts the units that two or more judges scored. Metrics with one judge are left out.
    """
    found = {}
    for metric, by_judge in sorted(scores.items()):
        if len(by_judge) < 2:
            continue
        units = [
            [given[unit] for given in by_judge.values() if unit in given]
            for unit in {unit: None for given in by_judge.values() for unit in given}
        ]
        value = alpha(units)
        found[metric] = {
            "alpha": None if value is None else round(value, 4),
            "judges": len(by_judge),
            "n": sum(len(unit) > 1 for unit in units),
        }
    return found


def retest(first: Sequence[float], second: Sequence[float]) -> dict[str, float | None]:
    """The same questions asked twice: alpha, the share answered alike, the mean distance.

    >>> retest([1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 4.0])
    {'alpha': 1.0, 'same': 1.0, 'distance': 0.0}
    """
    pairs = list(zip(first, second, strict=True))
    gaps = [abs(before - after) for before, after in pairs]
    return {
        "alpha": alpha(pairs),
        "same": sum(gap < NOTHING for gap in gaps) / len(gaps),
        "distance": sum(gaps) / len(gaps),
    }
