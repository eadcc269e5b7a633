"""From verdicts to the scoreboard: averages per content type and model, and who was best."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import fsum
from statistics import fmean
from types import MappingProxyType
from typing import Any

from jobs.domain.metrics import Metric
from jobs.domain.rows import Verdict
from jobs.reporting.agreement import agreement
from jobs.reporting.differences import Score, differences, sample_size
from jobs.reporting.statistics import Span, estimate

Cell = dict[str, float | None]  # mean, n, low, high
Metrics = Mapping[str, Metric]  # by file name; what is not there is of PLAIN's kind
PLAIN = Metric("", "", "", "alone", (1.0, 5.0), 1.0, 1)
NONE: Metrics = MappingProxyType({})
BEST, WORST = 5.0, 1.0  # of the scale on which metrics are averaged


def kind_of(file: str, metrics: Metrics) -> Metric:
    """The metric of a file under prompts/judge/."""
    return metrics.get(file, PLAIN)


def name_of(file: str, metrics: Metrics) -> str:
    """What settings call a file's metric: the families' rubrics are one."""
    return kind_of(file, metrics).name or file


def on_scale(verdict: Verdict, metrics: Metrics) -> float:
    """The score on the one scale from 1 to 5, to which a metric's own is stretched."""
    low, high = kind_of(verdict.metric, metrics).scale
    return WORST + (BEST - WORST) * (verdict.score - low) / (high - low)


@dataclass(frozen=True)
class Counted:
    """The answers' main scores, and how many answers have none though some verdict is there."""

    scores: Sequence[Score]
    incomplete: int


def main_scores(verdicts: Sequence[Verdict], metrics: Metrics = NONE) -> Counted:
    """Each answer's score: the weighted mean of its metrics, each the mean of its judges.

    An answer counts only where every judge gave every metric that weighs in its content type:
    judges and metrics differ in severity, so with one missing it would look better or worse.
    Where no metric that was asked weighs anything, all weigh alike.
    """
    weights = {name: kind_of(name, metrics).weight for name in {v.metric for v in verdicts}}
    if not any(weights.values()):
        weights = dict.fromkeys(weights, 1.0)
    said: dict[str, list[Verdict]] = defaultdict(list)
    asked: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for verdict in verdicts:
        if weights[verdict.metric]:
            said[verdict.answer_id].append(verdict)
            asked[verdict.content_type].add((verdict.metric, verdict.judge))
    scores = []
    for found in said.values():
        if len({(verdict.metric, verdict.judge) for verdict in found}) < len(
            asked[found[0].content_type]
        ):
            continue
        by_metric: dict[str, list[float]] = defaultdict(list)
        for verdict in found:
            by_metric[verdict.metric].append(on_scale(verdict, metrics))
        total = fsum(weights[name] for name in by_metric)
        value = fsum(weights[name] * fmean(given) for name, given in by_metric.items()) / total
        scores.append(scored(found[0], value))
    return Counted(scores, len({verdict.answer_id for verdict in verdicts}) - len(scores))


def scored(verdict: Verdict, value: float) -> Score:
    """A score of the answer that the verdict is about."""
    return Score(
        verdict.brief_id,
        verdict.product_id,
        verdict.new_hero,
        verdict.content_type,
        verdict.model,
        value,
    )


def cell(scores: Iterable[Score], within: Span = (WORST, BEST)) -> Cell:
    """The mean of some scores with its 95 % interval over products, and how many they are.

    A mean cannot lie outside `within`, so the interval ends there.
    """
    by_product: dict[str, list[float]] = defaultdict(list)
    for score in scores:
        by_product[score.product_id].append(score.value)
    found = estimate(by_product)
    span = found.span
    return {
        "mean": round(found.mean, 3),
        "n": found.n,
        "low": round(max(within[0], span[0]), 3) if span else None,
        "high": round(min(within[1], span[1]), 3) if span else None,
    }


def by_model(
    scores: Iterable[Score], models: Sequence[str], within: Span = (WORST, BEST)
) -> dict[str, Cell]:
    """model -> its cell, in the order of `models`; those without a score are left out."""
    found: dict[str, list[Score]] = defaultdict(list)
    for score in scores:
        found[score.model].append(score)
    return {model: cell(found[model], within) for model in models if model in found}


def by_metric(
    verdicts: Iterable[Verdict], models: Sequence[str], metrics: Metrics
) -> dict[str, dict[str, Cell]]:
    """metric -> model -> cell, on the scale from 1 to 5, for those that weigh nothing too."""
    found: dict[str, list[Verdict]] = defaultdict(list)
    for verdict in verdicts:
        found[name_of(verdict.metric, metrics)].append(verdict)
    return {
        name: by_model(main_scores(said, metrics).scores, models)
        for name, said in sorted(found.items())
    }


def best_counts(scores: Iterable[Score]) -> dict[str, float]:
    """On how many briefs each model scored highest; a tie is shared in equal parts."""
    briefs: dict[str, dict[str, float]] = defaultdict(dict)
    for score in scores:
        briefs[score.brief_id][score.model] = score.value
    counts: dict[str, float] = defaultdict(float)
    for found in briefs.values():
        top = [model for model, value in found.items() if value == max(found.values())]
        for model in top:
            counts[model] += 1 / len(top)
    return {model: round(count, 2) for model, count in counts.items()}


def agreements(verdicts: Iterable[Verdict], metrics: Metrics) -> dict[str, Any]:
    """metric -> Krippendorff's alpha of the judges that gave it."""
    given: dict[str, dict[str, dict[str, float]]] = defaultdict(lambda: defaultdict(dict))
    for verdict in verdicts:
        name = name_of(verdict.metric, metrics)
        given[name][verdict.judge][verdict.answer_id] = on_scale(verdict, metrics)
    return agreement(given)


def scoreboard(
    verdicts: Sequence[Verdict], models: Sequence[str], metrics: Metrics = NONE
) -> dict[str, Any]:
    """The scoreboard as far as verdicts tell it. Models stand in the order given."""
    counted = main_scores(verdicts, metrics)
    by_kind: dict[str, list[Score]] = defaultdict(list)
    for score in counted.scores:
        by_kind[score.content_type].append(score)
    kinds = sorted(by_kind)
    best = best_counts(counted.scores)
    return {
        "content_types": {kind: by_model(by_kind[kind], models) for kind in kinds},
        "overall": by_model(counted.scores, models),
        "new_hero": by_model([score for score in counted.scores if score.new_hero], models),
        "best": {model: best.get(model, 0.0) for model in models},
        "best_per_type": {kind: best_counts(by_kind[kind]) for kind in kinds},
        "differences": differences(counted.scores, models),
        "sample_size": sample_size(counted.scores, models),
        "metrics": by_metric(verdicts, models, metrics),
        "agreement": agreements(verdicts, metrics),
        "incomplete": counted.incomplete,
    }
