"""How strong each model is, from who was preferred to whom: Bradley-Terry, and at equal length.

Letters: R resamples, P pairs of models, M models, B briefs.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from jobs.reporting.statistics import FEWEST_PRODUCTS, LEVEL, Floats, quantile

Lengths = Mapping[tuple[str, str], int]  # (brief_id, model) -> characters
RIDGE = 0.01  # a normal prior of SD 10 on each coefficient: who never lost gets a finite strength
STEPS = 50


@dataclass(frozen=True)
class Settled:
    """What a brief's duels between two models come to, over all judges and metrics."""

    brief_id: str
    product_id: str
    content_type: str
    pair: tuple[str, str]
    outcome: float  # 1, 0.5 or 0 for the pair's first


def length_controlled(
    settled: Sequence[Settled], lengths: Lengths
) -> dict[tuple[str, str], float | None]:
    """Each pair's win rate, had both answers been equally long; None where no length is known.

    The idea of AlpacaEval 2 (Dubois and others 2024, arxiv.org/abs/2404.04475): a logistic
    regression of the preference on who is compared and on tanh of the length difference, over its
    root mean square in the content type; ties count half. Every pair has its own intercept, and the
    taste for length is one for all, for it is the judge's. Where one model always writes longer by
    as much, its length cannot be told from its merit: then the other pairs decide, and where there
    are none the rate stays as it is.
    """
    known = [one for one in settled if all((one.brief_id, model) in lengths for model in one.pair)]
    rates_of: dict[tuple[str, str], float | None] = {one.pair: None for one in settled}
    if not known:
        return rates_of
    pairs = sorted({one.pair for one in known})
    gaps_B = np.array(
        [lengths[one.brief_id, one.pair[0]] - lengths[one.brief_id, one.pair[1]] for one in known],
        float,
    )
    kinds = np.array([one.content_type for one in known])
    longer_B = np.zeros(len(known))
    for kind in set(kinds.tolist()):
        size = math.sqrt(float((gaps_B[kinds == kind] ** 2).mean()))
        longer_B[kinds == kind] = np.tanh(gaps_B[kinds == kind] / size) if size else 0.0
    design = np.zeros((len(known), len(pairs) + 1))
    design[np.arange(len(known)), [pairs.index(one.pair) for one in known]] = 1
    design[:, -1] = longer_B
    outcomes = np.array([[one.outcome for one in known]])
    found = logistic(design, outcomes, np.ones_like(outcomes))[0]
    even = 1 / (1 + np.exp(-found[:-1]))
    return rates_of | {pair: float(rate) for pair, rate in zip(pairs, even, strict=True)}


def logistic(design: Floats, outcomes_R: Floats, weights_R: Floats) -> Floats:
    """Coefficients of R logistic regressions of shares on one design, by Newton's method.

    `design` is rows x coefficients; outcomes from 0 to 1 and weights are R x rows. Held finite by a
    penalty of RIDGE / 2 on each coefficient's square.
    """
    count = design.shape[1]
    found = np.zeros((len(outcomes_R), count))
    penalty = RIDGE * np.eye(count)
    for _ in range(STEPS):
        chance = 1 / (1 + np.exp(-found @ design.T))
        slope = (weights_R * (outcomes_R - chance)) @ design - RIDGE * found
        curve = (weights_R * chance * (1 - chance)) @ products_of(design)
        step = np.linalg.solve(curve.reshape(-1, count, count) + penalty, slope[..., None])[..., 0]
        found = found + np.clip(step, -2.0, 2.0)  # far out, a whole step would overshoot
        if np.abs(step).max() < 1e-9:
            break
    return found


def products_of(design: Floats) -> Floats:
    """Each row's outer product with itself, flat: rows x coefficients squared."""
    return (design[:, :, None] * design[:, None, :]).reshape(len(design), -1)


def bradley_terry(
    settled: Sequence[Settled], seed: int, resamples: int
) -> dict[str, dict[str, float | None]]:
    """Each model's strength, in natural log units with mean 0, and its 95 % interval.

    Two models' odds are exp(difference); a tie is half a win for each. Where some models never lost
    a point to the others (the wins do not lead from each to each, Ford 1957), the data set no bound
    to their lead: RIDGE gives the strengths, and there is no interval. The interval resamples whole
    products and takes Hesterberg's expanded percentiles (2015, doi.org/10.1080/00031305.2015.
    1089789), which are as wide as Student's t.
    """
    pairs = sorted({one.pair for one in settled})
    models = sorted({model for pair in pairs for model in pair})
    products = sorted({one.product_id for one in settled})
    if not settled:
        return {}
    design = np.zeros((len(pairs), len(models)))
    for place, (model, other) in enumerate(pairs):
        design[place, [models.index(model), models.index(other)]] = 1, -1
    won, asked = np.zeros((2, len(products), len(pairs)))
    for one in settled:
        cell = products.index(one.product_id), pairs.index(one.pair)
        won[cell] += one.outcome
        asked[cell] += 1
    strengths = strengths_of(design, won.sum(0)[None], asked.sum(0)[None])[0]
    low = high = [None] * len(models)
    if len(products) >= FEWEST_PRODUCTS and is_bounded(design, won.sum(0), asked.sum(0)):
        draws = np.random.default_rng(seed).multinomial(
            len(products), np.full(len(products), 1 / len(products)), size=resamples
        )
        spread = strengths_of(design, draws @ won, draws @ asked)
        outside = expanded(len(products))
        low, high = np.quantile(spread, [outside, 1 - outside], axis=0).round(4).tolist()
    return {
        model: {
            "strength": round(float(strengths[place]), 4),
            "low": low[place],
            "high": high[place],
        }
        for place, model in enumerate(models)
    }


def strengths_of(design: Floats, won_R: Floats, asked_R: Floats) -> Floats:
    """R x M strengths with mean 0, from R x P points won by each pair's first and times asked."""
    rate = np.where(asked_R > 0, won_R / np.maximum(asked_R, 1), 0.5)
    found = logistic(design, rate, asked_R.astype(float))
    centred: Floats = found - found.mean(axis=1, keepdims=True)
    return centred


def is_bounded(design: Floats, won: Floats, asked: Floats) -> bool:
    """Every model has taken a point, be it half, from every other, if by way of third ones."""
    from scipy.sparse.csgraph import connected_components

    count = design.shape[1]
    beaten = np.zeros((count, count))
    firsts, seconds = design.argmax(axis=1), design.argmin(axis=1)
    beaten[firsts, seconds] = won
    beaten[seconds, firsts] = asked - won
    parts, _ = connected_components(beaten > 0, directed=True, connection="strong")
    return bool(parts == 1)


def expanded(products: int) -> float:
    """The share of resamples to leave out on each side: fewer than 2.5 % with few products.

    >>> round(expanded(5), 5), round(expanded(1000), 3)
    (0.00095, 0.025)
    """
    from scipy.special import ndtr

    normal = quantile(products - 1) * math.sqrt(products / (products - 1))
    return min(float(ndtr(-normal)), (1 - LEVEL) / 2)
