"""Which models differ: paired on the briefs they share, corrected for how many pairs are looked at.

The two models' scores of one brief are subtracted before anything is averaged. What makes a product
or a brief easy for both alike cancels; what does not (a product that suits one model) stays in the
differences and is their spread between products, from which the error comes. Nothing is assumed of
how much cancels. Where scores vary by 1.0, with a correlation of 0.3 within products, 19 products
of 9 briefs find a gap of 0.3 in 9 of 10 runs if the product's part is shared by both models, and in
3 of 10 if it is not (`python -m tests.bench.coverage`).
"""

import itertools
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from jobs.reporting.statistics import (
    ALPHA,
    ByProduct,
    Floats,
    detectable_gap,
    estimate,
    handed_on,
    products_needed,
    spread,
)

GAP = 0.3  # of five: what one would not want to miss


@dataclass(frozen=True)
class Score:
    """One answer's score on the scale from 1 to 5."""

    brief_id: str
    product_id: str
    new_hero: bool
    content_type: str
    model: str
    value: float


def differences(scores: Sequence[Score], models: Sequence[str]) -> list[dict[str, Any]]:
    """Every pair of models, overall (content_type None) and in each content type they share.

    `mean` is the first model's lead. `clear` means that p_adjusted is below 5 %.
    """
    rows: list[dict[str, Any]] = []
    for model, other in itertools.combinations(models, 2):
        for kind, by_product in gaps(scores, model, other).items():
            found = estimate(by_product)
            span = found.span
            rows.append(
                {
                    "model": model,
                    "other": other,
                    "content_type": kind,
                    "mean": round(found.mean, 3),
                    "low": round(span[0], 3) if span else None,
                    "high": round(span[1], 3) if span else None,
                    "n": found.n,
                    "products": found.products,
                    "p": found.p,
                }
            )
    adjusted = corrected(rows)
    return [
        row | {"p_adjusted": p, "clear": p is not None and p < ALPHA}
        for row, p in zip(rows, adjusted, strict=True)
    ]


def gaps(scores: Sequence[Score], model: str, other: str) -> dict[str | None, ByProduct]:
    """content type (None: all) -> product -> by how much `model` leads on each shared brief."""
    found: dict[str, dict[str, Score]] = {model: {}, other: {}}
    for score in scores:
        if score.model in found:
            found[score.model][score.brief_id] = score
    kinds: dict[str | None, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for brief_id, score in found[model].items():
        rival = found[other].get(brief_id)
        if rival is not None:
            for kind in (None, score.content_type):
                kinds[kind][score.product_id].append(score.value - rival.value)
    order = sorted(kinds, key=lambda kind: kind or "")
    return {kind: kinds[kind] for kind in order}


def corrected(rows: Sequence[Mapping[str, Any]]) -> list[float | None]:
    """p values such that any false claim among all rows comes in at most 5 % of runs.

    Holm's correction with the overall rows first: they share the 5 % equally. A pair found to
    differ hands its part on, half to the other pairs and half to its own content types; these to
    one another and to the other pairs. So looking into content types costs the overall comparison
    nothing: plain Holm over ten rows finds a gap of 0.3 in 5 of 10 runs where this finds it
    in 9.
    """
    tested = [place for place, row in enumerate(rows) if row["p"] is not None]
    if not tested:
        return [None] * len(rows)
    kept = [rows[place] for place in tested]
    overall = np.array([row["content_type"] is None for row in kept])
    weights = overall / max(int(overall.sum()), 1)
    found = handed_on([row["p"] for row in kept], weights, handing(kept, overall))
    by_place = dict(zip(tested, found, strict=True))
    return [by_place.get(place) for place in range(len(rows))]


def handing(rows: Sequence[Mapping[str, Any]], overall: Floats) -> Floats:
    """Who hands what part of its 5 % to whom: rows x rows."""
    pairs = [(row["model"], row["other"]) for row in rows]
    pass_on = np.zeros((len(rows), len(rows)))
    for i, pair in enumerate(pairs):
        kin = [j for j in range(len(rows)) if j != i and pairs[j] == pair and not overall[j]]
        rivals = [j for j in range(len(rows)) if overall[j] and pairs[j] != pair]
        for group in (kin, rivals):
            part = 1.0 if not (kin and rivals) else 0.5
            pass_on[i, group] = part / max(len(group), 1)
    return pass_on


def sample_size(scores: Sequence[Score], models: Sequence[str]) -> dict[str, Any]:
    """How many products a gap needs, and what gap the products at hand can show.

    At 80 % power and 5 %, for one pair, uncorrected; of the pair whose differences vary most, so
    that it is enough for every pair. None where no pair shares FEWEST_PRODUCTS products.
    """
    found = []
    for model, other in itertools.combinations(models, 2):
        by_product = gaps(scores, model, other).get(None, {})
        varied = spread(by_product)
        if varied is not None:
            found.append((detectable_gap(varied, len(by_product)), varied))
    if not found:
        return dict.fromkeys(("products_needed", "briefs_per_product", "detectable_gap")) | {
            "gap": GAP
        }
    detectable, widest = max(found, key=lambda entry: entry[0])
    return {
        "gap": GAP,
        "products_needed": products_needed(GAP, widest),
        "briefs_per_product": round(widest.briefs, 1),
        "detectable_gap": round(detectable, 3),
    }
