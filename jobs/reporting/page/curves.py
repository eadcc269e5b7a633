"""Which series of a training's log are drawn, and together with which.

A policy's log has some sixty series, most of them a least, a most, a spread or a clipped share of
one that matters. So of the logs that a layout knows only what the layout names is drawn, and the
page says how many series stand in curve.json alone; of any other log everything is drawn.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jobs.reporting.page.charts import Axis, panel, panels, points_of, series, spread

UNIT = Axis([0.0, 0.25, 0.5, 0.75, 1.0])


@dataclass(frozen=True)
class Panel:
    """A drawing that is wanted: lines by the series' name, in which * stands for any part.

    What * stood for fills the {} in a line's name. A title with a {} makes a panel of each series.
    """

    title: str
    lines: Mapping[str, str]
    unit: bool = False  # its values lie between 0 and 1, and so does its axis
    near: bool = False  # its axis holds its values alone, not zero: what matters is the change


@dataclass(frozen=True)
class Layout:
    """What is drawn of a kind of log, under headings."""

    known_by: str  # a series that no other kind of log has
    groups: Mapping[str, Sequence[Panel]]

    def knows(self, keys: Sequence[str]) -> bool:
        """The log with these series is of this kind."""
        return any(matches(self.known_by, key) is not None for key in keys)


POLICY = Layout(
    "rewards/*/mean",
    {
        "Reward and policy": (
            Panel("reward, the weighted sum (axis without 0)", {"reward": "reward"}, near=True),
            Panel("KL to the reference", {"kl": "kl"}),
            Panel("entropy of a token", {"entropy": "entropy"}),
            Panel("mean completion length, in tokens", {"completions/mean_length": "tokens"}),
            Panel("loss", {"loss": "loss"}),
        ),
        "Components of the reward, their means": (
            Panel("{}", {"rewards/*/mean": "{}"}, unit=True),
        ),
        "Engines": (
            Panel("distance from the learner after a sync, in nats", {"sync/nats": "nats"}),
            Panel("seconds of a step", {"step_time": "whole step", "seconds/*": "{}"}),
        ),
    },
)
SCORER = Layout(
    "margin",
    {
        "": (
            Panel("loss", {"loss": "training loss", "eval_loss": "dev loss"}),
            Panel("accuracy", {"accuracy": "training", "eval_accuracy": "dev"}, unit=True),
            Panel("margin of the better text", {"margin": "training", "eval_margin": "dev"}),
        )
    },
)
DIRECT = Layout(
    "rewards/margins",
    {
        "": (
            Panel("loss", {"loss": "training loss", "eval_loss": "dev loss"}),
            Panel(
                "accuracy",
                {"rewards/accuracies": "training", "eval_rewards/accuracies": "dev"},
                unit=True,
            ),
            Panel(
                "margin of the better text",
                {"rewards/margins": "training", "eval_rewards/margins": "dev"},
            ),
            Panel(
                "implied reward",
                {"rewards/chosen": "better text", "rewards/rejected": "worse text"},
            ),
        )
    },
)
LAYOUTS = (POLICY, SCORER, DIRECT)

Curve = Sequence[Mapping[str, Any]]


def drawn(curve: Curve, marked: Sequence[int] = ()) -> dict[str, Any]:
    """`groups`: panels under their headings; `left_out`: series that are not drawn, by count.

    A line is drawn through the first group's panels at each of the `marked` steps.
    """
    keys = series(curve)
    layout = next((one for one in LAYOUTS if one.knows(keys)), None)
    if layout is None:
        return {"groups": {"": panels(curve)}, "left_out": 0}
    groups = {
        title: [one for wanted in group for one in panels_of(wanted, curve, keys)]
        for title, group in layout.groups.items()
    }
    for one in next(iter(groups.values())):
        one["marks"] = [one["across"].at(step) for step in marked]
    shown = sum(len(one["lines"]) for group in groups.values() for one in group)
    return {
        "groups": {title: group for title, group in groups.items() if group},
        "left_out": len(keys) - shown,
    }


def panels_of(wanted: Panel, curve: Curve, keys: Sequence[str]) -> list[dict[str, Any]]:
    """The panels that a wanted one makes of a log: none where the log has none of its series."""
    found: dict[str, dict[str, list[tuple[float, float]]]] = {}
    for pattern, line in wanted.lines.items():
        for key in keys:
            part = matches(pattern, key)
            if part is not None and (points := points_of(curve, key)):
                name = part.replace("_", " ")
                found.setdefault(wanted.title.format(name), {})[line.format(name)] = points
    return [panel(title, lines, axis_of(wanted, lines)) for title, lines in found.items()]


def axis_of(wanted: Panel, lines: Mapping[str, Sequence[tuple[float, float]]]) -> Axis | None:
    """The axis that a panel asks for; None where it holds the values and zero."""
    values = [value for line in lines.values() for _, value in line]
    if wanted.near:
        return spread(min(values), max(values))
    return UNIT if wanted.unit and min(values) >= 0 and max(values) <= 1 else None


def matches(pattern: str, key: str) -> str | None:
    """What * stood for, empty where the pattern has none; None where the key is another.

    >>> matches("rewards/*/mean", "rewards/calm/mean"), matches("kl", "kl"), matches("kl", "loss")
    ('calm', '', None)
    """
    parts = re.fullmatch("(.+)".join(map(re.escape, pattern.split("*"))), key)
    return None if parts is None else "".join(parts.groups())
