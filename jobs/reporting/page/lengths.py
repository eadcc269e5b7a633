"""How long the answers are: means, shares inside the window, and box plots."""

from collections import defaultdict
from statistics import fmean
from typing import Any

from jobs.domain.prompts import content_type
from jobs.domain.text import char_count
from jobs.reporting.page.charts import box, hundredths, spread
from jobs.reporting.page.findings import Findings


def length_rows(findings: Findings) -> list[dict[str, Any]]:
    """Per content type: its window, and each model's mean characters and share inside it."""
    rows = []
    for name, found in sorted(_sizes(findings).items()):
        kind = content_type(name, findings.guide.language)
        cells = {
            model: {
                "mean": fmean(sizes),
                "inside": fmean(kind.min_chars <= size <= kind.max_chars for size in sizes),
            }
            for model, sizes in found.items()
        }
        rows.append({"kind": kind, "cells": cells})
    return rows


def length_panels(findings: Findings) -> list[dict[str, Any]]:
    """Box plots; the content types of one window share an axis, others would be squeezed on it."""
    found = _sizes(findings)
    windows: dict[tuple[int, int], list[str]] = defaultdict(list)
    for name in sorted(found):
        kind = content_type(name, findings.guide.language)
        windows[kind.min_chars, kind.max_chars].append(name)
    drawn = []
    for (low, high), names in sorted(windows.items()):
        longest = max(hundredths(sizes)[-1] for name in names for sizes in found[name].values())
        axis = spread(0, max(longest, high))
        rows = [
            {"name": name, "boxes": {m: box(axis, sizes) for m, sizes in found[name].items()}}
            for name in names
        ]
        window = {"low": low, "high": high, "from": axis.at(low), "to": axis.at(high)}
        drawn.append({"axis": axis, "window": window, "rows": rows})
    return drawn


def _sizes(findings: Findings) -> dict[str, dict[str, list[int]]]:
    """content type -> model -> characters of each answer."""
    found: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for answer in findings.judged.answers:
        found[answer.content_type][answer.model].append(char_count(answer.text))
    return found


def cut_off(findings: Findings) -> dict[str, int]:
    """model -> answers that ran into the limit of tokens."""
    answers = findings.judged.answers
    return {
        model: sum(a.model == model and a.finish_reason == "length" for a in answers)
        for model in findings.models
    }
