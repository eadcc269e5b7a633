"""Two runs side by side: their scoreboards, what differs in score, and which settings differ."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jobs.domain.brand import Guide
from jobs.domain.prompts import content_type
from jobs.reporting.page.findings import Judged, Record, answer_scores
from jobs.reporting.page.scores import forest
from jobs.reporting.statistics import ALPHA, estimate, holm


@dataclass(frozen=True)
class Side:
    """One of the two runs."""

    run: str  # as the page calls it
    judged: Judged
    records: Sequence[Record]


@dataclass(frozen=True)
class Pairing:
    """Both runs: `was` is what `now` is held against."""

    now: Side
    was: Side
    guide: Guide

    @property
    def sides(self) -> tuple[Side, Side]:
        """Both, the one that is looked at first."""
        return self.now, self.was


def compared(pairing: Pairing) -> dict[str, Any]:
    """What the page of two runs shows."""
    gaps = score_gaps(pairing)
    return {
        "rows": score_rows(pairing),
        "models": list(gaps),
        "differences": difference_rows(gaps, pairing.guide.language),
        "settings": changed_settings(pairing.now.records, pairing.was.records),
        "warnings": warnings(pairing),
        "costs": cost_rows(pairing),
    }


def score_rows(pairing: Pairing) -> list[dict[str, Any]]:
    """Each content type with each model's cell in both runs."""
    boards = [side.judged.board for side in pairing.sides]
    names = sorted({name for board in boards for name in board["content_types"]})
    found = [
        (name, content_type(name, pairing.guide.language).label,
         [board["content_types"].get(name, {}) for board in boards])
        for name in names
    ]  # fmt: skip
    found.append(("overall", "", [board["overall"] for board in boards]))
    models = list(dict.fromkeys(model for side in pairing.sides for model in side.judged.models))
    return [
        {
            "name": name,
            "label": label,
            "cells": {m: [cells.get(m) for cells in both] for m in models},
        }
        for name, label, both in found
    ]


Gaps = dict[str, dict[str, dict[str, list[float]]]]  # model -> type ("" all) -> product -> gaps


def score_gaps(pairing: Pairing) -> Gaps:
    """By how much a model's answer in `now` is above that in `was`, on briefs common to both."""
    language = pairing.guide.language
    now, was = (answer_scores(side.judged.verdicts, language) for side in pairing.sides)
    found: Gaps = {model: {} for model in pairing.now.judged.models}
    for key, score in now.items():
        if key in was:
            for name in ("", score.content_type):
                products = found[score.model].setdefault(name, {})
                gap = score.value - was[key].value
                products.setdefault(score.product_id, []).append(gap)
    return {model: kinds for model, kinds in found.items() if kinds}


def difference_rows(gaps: Gaps, language: str) -> dict[str, Any] | None:
    """Each model's mean difference with its interval over products; None without a common brief.

    p is adjusted over all that are listed (Holm); a difference is clear where it is below ALPHA.
    """
    found = [
        (model, name, estimate(products))
        for model, kinds in gaps.items()
        for name, products in sorted(kinds.items())
    ]
    if not found:
        return None
    known = [told.p for _, _, told in found if told.p is not None]
    adjusted = iter(holm(known)) if known else iter(())
    rows = []
    for model, name, told in found:
        low, high = told.span or (None, None)
        p = None if told.p is None else next(adjusted)
        row = {
            "model": model,
            "other": "",
            "same": not any(itertools.chain.from_iterable(gaps[model][name].values())),
            "content_type": name,
            "n": told.n,
            "products": told.products,
        }
        row |= {"label": content_type(name, language).label if name else ""}
        row |= {"mean": told.mean, "low": low, "high": high, "p_adjusted": p}
        rows.append(row | {"clear": p is not None and p < ALPHA})
    every = [row for row in rows if not row["content_type"]]
    return {
        "rows": rows,
        "overall": forest(every),
        "by_type": {
            model: forest([row for row in rows if row["model"] == model and row["content_type"]])
            for model in gaps
        },
    }


def changed_settings(now: Sequence[Record], was: Sequence[Record]) -> list[dict[str, Any]]:
    """Every setting, source and stage in which the runs differ: stage, key, both values.

    Fingerprints of inputs are left out: they say again what an earlier stage says.
    """
    told = [{record["stage"]: _flat(record) for record in records} for records in (now, was)]
    rows = []
    for stage in dict.fromkeys([*told[0], *told[1]]):
        if stage not in told[0] or stage not in told[1]:
            here, there = ("has it" if stage in side else "has it not" for side in told)
            rows.append({"stage": stage, "key": "the stage itself", "now": here, "was": there})
            continue
        first, second = told[0][stage], told[1][stage]
        for key in dict.fromkeys([*first, *second]):
            if first.get(key) != second.get(key):
                pair = {"now": first.get(key), "was": second.get(key)}
                rows.append({"stage": stage, "key": key, **pair})
    return rows


def _flat(record: Record) -> dict[str, Any]:
    identity = record["identity"]
    found = _flattened(identity.get("settings", {}), "")
    found |= {f"content of {name}": mark for name, mark in identity.get("sources", {}).items()}
    return found | {"job": record["job"]}


def _flattened(value: Any, path: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        return {path: value}
    found: dict[str, Any] = {}
    for key, part in value.items():
        found |= _flattened(part, f"{path}.{key}".lstrip("."))
    return found


def warnings(pairing: Pairing) -> list[str]:
    """What makes the comparison unsound."""
    now, was = (side.judged.board for side in pairing.sides)
    found = []
    if now["judge"].get("hash") != was["judge"].get("hash"):
        found.append(
            "The judges differ (model, rubrics or rules): a difference below may be the judge's, "
            "not the model's. Judge both runs' answers with one judge before believing it."
        )
    briefs = [
        {answer.brief_id: answer.facts for answer in side.judged.answers} for side in pairing.sides
    ]
    common = set(briefs[0]) & set(briefs[1])
    if any(briefs[0][name] != briefs[1][name] for name in common):
        found.append("Some briefs of the same name state other facts in the two runs.")
    alone = len(set(briefs[0]) ^ set(briefs[1]))
    if alone:
        found.append(
            f"{alone} briefs were answered in one run only; the differences leave them out, the "
            f"scoreboards do not."
        )
    return found


def cost_rows(pairing: Pairing) -> list[dict[str, Any]]:
    """Each stage's seconds and money in both runs."""
    told = [{record["stage"]: record for record in side.records} for side in pairing.sides]
    return [
        {"stage": stage, "both": [side.get(stage) for side in told]}
        for stage in dict.fromkeys([*told[0], *told[1]])
    ]
