"""From comparisons of two answers to win rates, and how the order of showing swayed the judge."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import numpy as np

from jobs.domain.rows import Comparison
from jobs.reporting.agreement import agreement
from jobs.reporting.statistics import share
from jobs.reporting.strength import Lengths, Settled, bradley_terry, length_controlled

POINTS = {"first": 1.0, "tie": 0.5, "second": 0.0}  # what the answer shown first gets


@dataclass(frozen=True)
class Duel:
    """One judge on two answers to one brief, asked in both orders."""

    brief_id: str
    product_id: str
    content_type: str
    metric: str
    judge: str
    model: str  # before `other` in the alphabet
    other: str
    said: tuple[str, str]  # first, second or tie: with `model` first, then with `other` first

    @property
    def outcome(self) -> float:
        """1 where `model` won in both orders, 0 where `other` did, else a tie."""
        points = POINTS[self.said[0]], 1 - POINTS[self.said[1]]
        return points[0] if points[0] == points[1] else 0.5

    @property
    def lean(self) -> float:
        """Above 0 where the order favoured what stood first, below 0 the second; 0: consistent."""
        return POINTS[self.said[0]] + POINTS[self.said[1]] - 1


def duels(comparisons: Iterable[Comparison]) -> list[Duel]:
    """Both orders put together; where one could not be had, there is no duel."""
    asked: dict[tuple[str, ...], dict[bool, Comparison]] = defaultdict(dict)
    for row in comparisons:
        model, other = sorted((row.first, row.second))
        asked[row.brief_id, row.metric, row.judge, model, other][row.first == model] = row
    return [
        Duel(
            brief_id=key[0],
            product_id=rows[True].product_id,
            content_type=rows[True].content_type,
            metric=key[1],
            judge=key[2],
            model=key[3],
            other=key[4],
            said=(rows[True].winner, rows[False].winner),
        )
        for key, rows in asked.items()
        if len(rows) == 2
    ]


def settle(found: Iterable[Duel]) -> list[Settled]:
    """Each brief and pair once: won where more duels are won than lost."""
    outcomes: dict[tuple[str, str, str], list[Duel]] = defaultdict(list)
    for duel in found:
        outcomes[duel.brief_id, duel.model, duel.other].append(duel)
    return [
        Settled(
            brief_id,
            alike[0].product_id,
            alike[0].content_type,
            (model, other),
            float(np.sign(fmean(duel.outcome for duel in alike) - 0.5) / 2 + 0.5),
        )
        for (brief_id, model, other), alike in outcomes.items()
    ]


def order(found: Sequence[Duel]) -> dict[str, Any] | None:
    """Swap consistency and position bias; None without a duel.

    `first_share` is the share, among the duels whose two orders disagree, that leans to what stood
    first; `p` is the exact binomial one against a half. Consistent duels say nothing of a bias.
    """
    from scipy.stats import binomtest

    if not found:
        return None
    leans = [duel.lean for duel in found if duel.lean]
    to_first = sum(lean > 0 for lean in leans)
    return {
        "n": len(found),
        "consistent": round(1 - len(leans) / len(found), 4),
        "first_share": round(to_first / len(leans), 4) if leans else None,
        "p": float(binomtest(to_first, len(leans)).pvalue) if leans else None,
    }


def win_rates(settled: Sequence[Settled], lengths: Lengths) -> dict[str, dict[str, dict[str, Any]]]:
    """model -> other -> counts and rates."""
    by_pair: dict[tuple[str, str], list[Settled]] = defaultdict(list)
    for one in settled:
        by_pair[one.pair].append(one)
    level = length_controlled(settled, lengths)
    table: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
    for (model, other), found in sorted(by_pair.items()):
        outcomes: dict[str, list[float]] = defaultdict(list)
        for one in found:
            outcomes[one.product_id].append(one.outcome)
        turned = {product: [1 - value for value in values] for product, values in outcomes.items()}
        equal = level[model, other]
        table[model][other] = rates(outcomes, equal)
        table[other][model] = rates(turned, None if equal is None else 1 - equal)
    return dict(table)


def rates(outcomes: Mapping[str, Sequence[float]], length_even: float | None) -> dict[str, Any]:
    """One cell of the head-to-head table. `outcomes`: product -> 1 won, 0.5 tied, 0 lost."""
    values = [value for found in outcomes.values() for value in found]
    span = share(outcomes)
    return {
        "wins": values.count(1.0),
        "losses": values.count(0.0),
        "ties": values.count(0.5),
        "n": len(values),
        "rate": round(fmean(values), 4),
        "low": round(span[0], 4) if span else None,
        "high": round(span[1], 4) if span else None,
        "length_controlled": None if length_even is None else round(length_even, 4),
    }


@dataclass(frozen=True)
class Resampling:
    """How intervals are drawn."""

    seed: int
    count: int


def preferences(
    comparisons: Sequence[Comparison], lengths: Lengths, resampling: Resampling
) -> dict[str, Any]:
    """The scoreboard as far as comparisons tell it; `agreement` is of the panel, on outcomes."""
    found = duels(comparisons)
    settled = settle(found)
    given: dict[str, dict[str, dict[Any, float]]] = defaultdict(lambda: defaultdict(dict))
    for duel in found:
        given[duel.metric][duel.judge][duel.brief_id, duel.model, duel.other] = duel.outcome
    return {
        "win_rates": win_rates(settled, lengths),
        "bradley_terry": bradley_terry(settled, resampling.seed, resampling.count),
        "order": order(found),
        "agreement": agreement(given),
    }
