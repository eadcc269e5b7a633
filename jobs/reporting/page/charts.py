"""Charts as places on an axis: figures in, percent of the drawing's width or height out.

The templates draw them with widths in percent, so that lines and letters keep their size on a
phone as on a desktop.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import quantiles
from typing import Any

EDGE = 2.0  # percent left free at both ends, so that a mark at the end is drawn whole
POINTS = 400  # of a curve that are drawn; more cannot be told apart
NUMBERS = 40  # of a curve that are written below it
NOT_DRAWN = ("_runtime", "_per_second", "total_flos")  # endings of what says how fast, not how well
PAIRED = {"loss": "training loss", "eval_loss": "dev loss"}  # drawn together


@dataclass(frozen=True)
class Axis:
    """A scale with its ticks, the first and the last at its ends."""

    ticks: Sequence[float]

    def at(self, value: float) -> float:
        """Where a value lies, in percent; what is beyond the ends lies at the end.

        >>> Axis([1, 3, 5]).at(3.0)
        50.0
        """
        low, high = self.ticks[0], self.ticks[-1]
        share = min(1.0, max(0.0, (value - low) / (high - low)))
        return round(EDGE + (100 - 2 * EDGE) * share, 2)

    @property
    def labels(self) -> list[tuple[str, float]]:
        """Each tick as text and its place."""
        return [(_label(tick), self.at(tick)) for tick in self.ticks]


def _label(tick: float) -> str:
    return f"{tick:g}".replace("-", "\u2212")


def spread(low: float, high: float) -> Axis:
    """An axis of round numbers that holds both, of at most eight steps.

    >>> spread(-0.31, 0.52).ticks
    [-0.4, -0.2, 0.0, 0.2, 0.4, 0.6]
    """
    if high <= low:
        low, high = low - 0.5 * (abs(low) or 1), high + 0.5 * (abs(high) or 1)
    power: float = 10 ** math.floor(math.log10((high - low) / 5))
    step = next(size * power for size in (1, 2, 5, 10) if size * power >= (high - low) / 5)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return Axis([round(step * count, 10) for count in range(first, last + 1)])


def whisker(axis: Axis, cell: Mapping[str, Any], name: str = "mean") -> dict[str, Any]:
    """A mean with its interval, where it has one."""
    low, high = cell.get("low"), cell.get("high")
    known = low is not None and high is not None
    return {
        "at": axis.at(cell[name]),
        "low": axis.at(low) if known else None,
        "high": axis.at(high) if known else None,
    }


def box(axis: Axis, sizes: Sequence[int]) -> dict[str, float]:
    """A box plot's five places."""
    names = ("least", "lower", "middle", "upper", "most")
    return {name: axis.at(value) for name, value in zip(names, hundredths(sizes), strict=True)}


def hundredths(sizes: Sequence[int]) -> tuple[float, ...]:
    """The 5th, 25th, 50th, 75th and 95th hundredth.

    >>> hundredths(range(101))
    (5.0, 25.0, 50.0, 75.0, 95.0)
    """
    if len(sizes) == 1:
        return (float(sizes[0]),) * 5
    cuts = quantiles(sizes, n=20, method="inclusive")
    return cuts[0], cuts[4], cuts[9], cuts[14], cuts[18]


def panels(curve: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Every numeric series of a training's log over its steps; the two losses share a panel."""
    found: dict[str, dict[str, list[tuple[float, float]]]] = {}
    for key in series(curve):
        title = "loss" if key in PAIRED else key.replace("_", " ")
        name = PAIRED.get(key, key.replace("_", " "))
        found.setdefault(title, {})[name] = points_of(curve, key)
    return [panel(title, lines) for title, lines in found.items()]


def points_of(curve: Sequence[Mapping[str, Any]], key: str) -> list[tuple[float, float]]:
    """(step, value) of each entry that has both as numbers."""
    return [
        (float(entry["step"]), float(entry[key]))
        for entry in curve
        if _is_number(entry.get(key)) and _is_number(entry.get("step"))
    ]


def series(curve: Iterable[Mapping[str, Any]]) -> list[str]:
    """The keys of numbers that say how well, losses first."""
    keys = dict.fromkeys(key for entry in curve for key in entry if _is_number(entry[key]))
    kept = [key for key in keys if key not in ("step", "epoch") and not key.endswith(NOT_DRAWN)]
    losses = list(PAIRED)
    rank = {key: losses.index(key) if key in PAIRED else len(losses) for key in kept}
    return sorted(kept, key=lambda key: (rank[key], "reward" not in key, key))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def panel(
    title: str, lines: Mapping[str, Sequence[tuple[float, float]]], up: Axis | None = None
) -> dict[str, Any]:
    """One drawing: both axes, each line as places (across and down), and its numbers.

    Without an axis of its own for its values it has one that holds them and zero.
    """
    points = [point for line in lines.values() for point in line]
    steps, values = [step for step, _ in points], [value for _, value in points]
    across = spread(0, max(steps))
    up = up or spread(min(0.0, *values), max(values))
    drawn = {
        name: [
            (across.at(step), round(100 - up.at(value), 2)) for step, value in thinned(line, POINTS)
        ]
        for name, line in lines.items()
    }
    return {
        "title": title,
        "across": across,
        "x_ticks": across.labels,
        "y_ticks": [(label, round(100 - at, 2)) for label, at in up.labels],
        "lines": drawn,
        "few": {name: len(line) <= 40 for name, line in lines.items()},  # then with dots
        "numbers": {name: thinned(line, NUMBERS) for name, line in lines.items()},
    }


def thinned(line: Sequence[tuple[float, float]], most: int) -> list[tuple[float, float]]:
    """At most about `most` of the points, evenly taken, the last always among them.

    >>> thinned([(1, 1), (2, 2), (3, 3), (4, 4)], 2)
    [(1, 1), (3, 3), (4, 4)]
    """
    kept = list(line[:: max(1, math.ceil(len(line) / most))])
    return kept if kept[-1] == line[-1] else [*kept, line[-1]]
