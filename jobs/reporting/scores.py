"""From verdicts to the table of P1: averages per content type and model, and who was best."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from statistics import fmean
from typing import Any

from jobs.domain.rows import Verdict

Table = dict[str, dict[str, dict[str, float]]]  # content type -> model -> mean, n


def cell(scores: Sequence[float]) -> dict[str, float]:
    """The mean of some scores and how many they are.

    >>> cell([4.0, 5.0])
    {'mean': 4.5, 'n': 2}
    """
    return {"mean": round(fmean(scores), 3), "n": len(scores)}


def by_model(verdicts: Iterable[Verdict]) -> dict[str, dict[str, float]]:
    """model -> mean and n."""
    scores: dict[str, list[float]] = defaultdict(list)
    for verdict in verdicts:
        scores[verdict.model].append(verdict.score)
    return {model: cell(found) for model, found in scores.items()}


def best_counts(verdicts: Iterable[Verdict]) -> dict[str, float]:
    """On how many briefs each model scored highest; a tie is shared in equal parts."""
    briefs: dict[str, dict[str, float]] = defaultdict(dict)
    for verdict in verdicts:
        briefs[verdict.brief_id][verdict.model] = verdict.score
    counts: dict[str, float] = defaultdict(float)
    for scores in briefs.values():
        top = [model for model, score in scores.items() if score == max(scores.values())]
        for model in top:
            counts[model] += 1 / len(top)
    return {model: round(count, 2) for model, count in counts.items()}


def scoreboard(verdicts: Sequence[Verdict], models: Sequence[str]) -> dict[str, Any]:
    """The scoreboard without the judge's part. Models stand in the order given."""
    kinds = sorted({verdict.content_type for verdict in verdicts})
    types = {
        kind: _ordered(by_model(v for v in verdicts if v.content_type == kind), models)
        for kind in kinds
    }
    return {
        "content_types": types,
        "overall": _ordered(by_model(verdicts), models),
        "new_hero": _ordered(by_model(v for v in verdicts if v.new_hero), models),
        "best": {model: best_counts(verdicts).get(model, 0.0) for model in models},
        "best_per_type": {
            kind: best_counts(v for v in verdicts if v.content_type == kind) for kind in kinds
        },
    }


def _ordered(cells: dict[str, Any], models: Sequence[str]) -> dict[str, Any]:
    return {model: cells[model] for model in models if model in cells}


def as_text(board: dict[str, Any]) -> str:
    """The scoreboard as a table for a terminal."""
    models = list(board["overall"])
    lines = [f"{'content type':<28}" + "".join(f"{model:>12}" for model in models)]
    rows = {**board["content_types"], "overall": board["overall"]}
    if board["new_hero"]:
        rows["new hero ingredients"] = board["new_hero"]
    for name, cells in rows.items():
        means = [f"{cells[model]['mean']:.2f}" if model in cells else "-" for model in models]
        lines.append(f"{name:<28}" + "".join(f"{mean:>12}" for mean in means))
    best = "".join(f"{board['best'].get(model, 0):>12.1f}" for model in models)
    lines.append(f"{'times best':<28}{best}")
    return "\n".join(lines)
