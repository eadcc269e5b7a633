"""The scoreboard as it is shown: tables and charts of scores, differences, wins, measures."""

from collections.abc import Mapping, Sequence
from typing import Any

from jobs.domain.prompts import content_type
from jobs.reporting.page.charts import Axis, spread, whisker
from jobs.reporting.page.findings import Findings

SCALE = Axis([1, 2, 3, 4, 5])  # of every score
LEVELS = ((0.35, "far-below"), (0.45, "below"), (0.55, "even"), (0.65, "above"))  # of a win rate


def score_rows(findings: Findings) -> list[dict[str, Any]]:
    """The scoreboard's rows: name, label, cells by model, and the best that are no references."""
    board, language = findings.board, findings.guide.language
    rows = [
        {"name": kind, "label": content_type(kind, language).label, "cells": cells}
        for kind, cells in board["content_types"].items()
    ]
    rows.append({"name": "overall", "label": "", "cells": board["overall"]})
    if board.get("new_hero"):
        rows.append({"name": "new hero ingredients", "label": "", "cells": board["new_hero"]})
    for row in rows:
        means = {m: c["mean"] for m, c in row["cells"].items() if m not in findings.references}
        row["best"] = {model for model, mean in means.items() if mean == max(means.values())}
        row["dots"] = {model: whisker(SCALE, cell) for model, cell in row["cells"].items()}
    return rows


def difference_rows(findings: Findings) -> dict[str, Any] | None:
    """Every paired difference in words and on an axis: over all content types, and in each."""
    listed = findings.board.get("differences") or []
    if not listed:
        return None
    kinds: dict[str | None, list[dict[str, Any]]] = {}
    for entry in listed:
        kinds.setdefault(entry["content_type"], []).append(entry)
    return {
        "overall": forest(kinds.pop(None, [])),
        "kinds": {kind: forest(entries) for kind, entries in kinds.items()},
        "clear": sum(bool(entry["clear"]) for entry in listed),
        "listed": len(listed),
    }


def forest(entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Differences on one axis that holds zero."""
    ends = [entry[key] for entry in entries for key in ("low", "high", "mean")]
    known = [0.0, *(end for end in ends if end is not None)]
    axis = spread(min(known), max(known))
    rows = [{**entry, "drawn": whisker(axis, entry), "said": in_words(entry)} for entry in entries]
    return {"axis": axis, "zero": axis.at(0.0), "rows": rows}


def in_words(entry: Mapping[str, Any]) -> str:
    """What a difference says, to a person.

    >>> in_words({"model": "a", "other": "b", "mean": -0.3, "clear": True})
    'a is clearly below b'
    >>> in_words({"model": "a", "other": "b", "mean": 0.1, "clear": False})
    'a and b do not clearly differ'
    """
    if not entry["clear"]:
        return f"{entry['model']} and {entry['other']} do not clearly differ"
    side = "above" if entry["mean"] > 0 else "below"
    return f"{entry['model']} is clearly {side} {entry['other']}"


def head_to_head(findings: Findings) -> dict[str, Any] | None:
    """The matrix of win rates, each with the word that tells its side; None without comparisons."""
    rates = findings.board.get("win_rates") or {}
    if not rates:
        return None
    met = {name for row in rates.values() for name in row} | set(rates)
    models = [model for model in findings.models if model in met]
    rows = {
        model: {
            other: {**cell, "level": level(cell["rate"])}
            for other, cell in rates.get(model, {}).items()
            if cell.get("n")
        }
        for model in models
    }
    return {"models": models, "rows": rows, "strengths": strengths(findings)}


def level(rate: float | None) -> str:
    """
    >>> level(0.2), level(0.5), level(0.9), level(None)
    ('far-below', 'even', 'far-above', 'even')
    """
    if rate is None:
        return "even"
    return next((name for bound, name in LEVELS if rate <= bound), "far-above")


def strengths(findings: Findings) -> dict[str, Any] | None:
    """Bradley-Terry strengths on an axis of their own, the strongest first."""
    found = findings.board.get("bradley_terry") or {}
    if not found:
        return None
    ends = [cell.get(key) for cell in found.values() for key in ("strength", "low", "high")]
    known = [end for end in ends if end is not None]
    axis = spread(min(0.0, *known), max(0.0, *known))
    order = sorted(found, key=lambda model: -found[model]["strength"])
    return {
        "axis": axis,
        "zero": axis.at(0.0),
        "rows": [
            {"model": model, **found[model], "drawn": whisker(axis, found[model], "strength")}
            for model in order
        ],
    }


def measures(findings: Findings) -> list[dict[str, Any]]:
    """The metric table and the table of rule measures: those that the scoreboard has."""
    board = findings.board
    found = (
        ("Judged metrics", "Mean score of each metric.", board.get("metrics"), 2),
        ("Measured by rule", "Exact and free: no judge is asked.", board.get("rules"), 3),
    )
    return [
        {"title": title, "about": about, "rows": rows, "digits": digits}
        for title, about, rows, digits in found
        if rows
    ]
