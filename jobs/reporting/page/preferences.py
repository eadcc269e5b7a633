"""What was learned from pairs: how many of each kind, what their lengths tell, what a model says.

The figures are those of pairs.json (jobs/pair.py) and heldout.json (jobs/training/heldout.py).
"""

from collections.abc import Mapping
from typing import Any

from jobs.reporting.page.charts import Axis, spread
from jobs.reporting.page.findings import Findings, Record

SHARE = Axis([0.0, 0.25, 0.5, 0.75, 1.0])
SURE = Axis([0.5, 0.6, 0.7, 0.8, 0.9, 1.0])  # of the preferred text: under a half is the other one
CHANCE = 0.5

Figures = Mapping[str, Any]


def preferences(findings: Findings) -> dict[str, Any] | None:
    """Both parts, by stage; None where the run has neither pairs nor a reward model."""
    pairs = {
        stage: pair_figures(figures, degraded(findings, stage))
        for stage, figures in findings.learned.pairs.items()
    }
    scorers = {stage: scorer(figures) for stage, figures in findings.learned.heldout.items()}
    return {"pairs": pairs, "scorers": scorers} if pairs or scorers else None


def degraded(findings: Findings, stage: str) -> Record | None:
    """The degrade stage that a pair stage read."""
    reader = findings.stage(stage)
    names = reader["identity"]["inputs"] if reader else {}
    read = (record for record in findings.records if record["stage"] in names)
    return next((record for record in read if record["job"] == "degrade"), None)


def pair_figures(figures: Figures, degrade: Record | None) -> dict[str, Any]:
    """A row for each kind of negative and one for all, and the reasons why some are in no pair."""
    reasons: Mapping[str, Mapping[str, int]] = figures["reasons"]
    asked: Mapping[str, int] = degrade["counts"]["notes"].get("kinds", {}) if degrade else {}
    kinds = [*figures["kinds"], *(kind for kind in reasons if kind not in figures["kinds"])]
    rows = [
        {
            "kind": kind,
            "asked": asked.get(kind),
            "pairs": figures["kinds"].get(kind, 0),
            "dropped": sum(reasons.get(kind, {}).values()),
            "lengths": figures["lengths"].get(kind),
        }
        for kind in kinds
    ]
    total = {
        "kind": "all",
        "asked": sum(asked.values()) or None,
        "pairs": sum(row["pairs"] for row in rows),
        "dropped": sum(row["dropped"] for row in rows),
        "lengths": figures["lengths"].get("all"),
    }
    counts: dict[str, dict[str, int]] = {}
    for kind in kinds:
        for reason, count in reasons.get(kind, {}).items():
            counts.setdefault(reason, {})[kind] = count
    ordered = sorted(counts.items(), key=lambda one: (-sum(one[1].values()), one[0]))
    most = max((sum(cells.values()) for _, cells in ordered), default=1)
    return {
        "kinds": kinds,
        "rows": [*rows, total],
        "reasons": [
            {
                "name": reason,
                "cells": cells,
                "count": sum(cells.values()),
                "share": 100 * sum(cells.values()) / most,
            }
            for reason, cells in ordered
        ],
    }


def scorer(figures: Figures) -> dict[str, Any]:
    """A reward model's accuracy, margins and calibration, as figures and as places; see heldout."""
    if not figures["pairs"]:
        return {"pairs": 0}
    groups = [("all", "all held-out pairs", figures)]
    groups += [("kinds", name, cell) for name, cell in figures["kinds"].items()]
    groups += [("types", name, cell) for name, cell in figures["content_types"].items()]
    return {
        "pairs": figures["pairs"],
        "figures": figures,
        "axis": SHARE,
        "chance": SHARE.at(CHANCE),
        "groups": [
            {
                "part": part,
                "name": name,
                "cell": cell,
                "accuracy": {"at": SHARE.at(cell["accuracy"]), "low": None, "high": None},
                "length": {"at": SHARE.at(cell["length_only"]), "low": None, "high": None},
            }
            for part, name, cell in groups
        ],
        "margins": histogram(figures["margin"]["histogram"]),
        "calibration": reliability(figures["calibration"]["bins"]),
    }


def histogram(found: Figures) -> dict[str, Any]:
    """Bars of a histogram: across, width and height in percent, and on which side of 0 each lies.

    >>> told = histogram({"edges": [-1.0, 0.0, 1.0], "counts": [1, 4]})
    >>> [(bar["height"], bar["side"]) for bar in told["bars"]]
    [(25.0, 'lost'), (100.0, '')]
    """
    edges, counts = found["edges"], found["counts"]
    axis = spread(min(0.0, edges[0]), max(0.0, edges[-1]))
    bars = [
        {
            "low": low,
            "high": high,
            "count": count,
            "x": axis.at(low),
            "width": max(0.3, axis.at(high) - axis.at(low)),
            "height": round(100 * count / max(1, *counts), 2),
            "side": "lost" if high <= 0 else "soft" if low < 0 else "",
        }
        for low, high, count in zip(edges, edges[1:], counts, strict=False)
    ]
    return {"bars": bars, "ticks": axis.labels, "zero": axis.at(0.0)}


def reliability(bins: Any) -> dict[str, Any]:
    """Each bin as a point: across how sure the model was, up how often it was right.

    >>> told = reliability([{"predicted": 1.0, "observed": 0.5, "pairs": 2}])
    >>> [(point["x"], point["y"]) for point in told["points"]]
    [(98.0, 50.0)]
    """
    points = [
        {**one, "x": SURE.at(one["predicted"]), "y": round(100 - SHARE.at(one["observed"]), 2)}
        for one in bins
    ]
    line = [
        (SURE.at(value), round(100 - SHARE.at(value), 2))
        for value in (SURE.ticks[0], SURE.ticks[-1])
    ]
    return {
        "points": points,
        "line": line,
        "x_ticks": SURE.labels,
        "y_ticks": [(label, round(100 - at, 2)) for label, at in SHARE.labels],
    }
