"""The report's one sentence: who beat whom, by how much, and whether that is more than chance."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

Cells = Mapping[str, Mapping[str, Any]]  # model -> mean, n, ...
Difference = Mapping[str, Any]  # a row of the scoreboard's differences


def sentence(overall: Cells, references: Collection[str], listed: Sequence[Difference]) -> str:
    """Who beat whom and by how much, as the scoreboard has it. References are no models."""
    models = [model for model in overall if model not in references]
    if not models:
        return "Only reference texts were judged; there is no model to compare."
    first, *others = sorted(models, key=lambda model: -overall[model]["mean"])
    others += [model for model in overall if model in references]
    score = overall[first]
    parts = [
        compared(other, overall[other]["mean"], between(listed, first, other)) for other in others
    ]
    subject = f"{first} (mean {score['mean']:.2f} of 5, {score['n']} answers)"
    return f"{subject} {joined(parts) if parts else 'was judged alone'}."


def joined(parts: Sequence[str]) -> str:
    """
    >>> joined(["a", "b", "c"])
    'a, b and c'
    """
    return " and ".join(filter(None, [", ".join(parts[:-1]), parts[-1]]))


def between(listed: Sequence[Difference], model: str, other: str) -> Difference | None:
    """The overall difference of two models, as the lead of `model`; None if they share no brief."""
    for row in listed:
        if row["content_type"] is None and {row["model"], row["other"]} == {model, other}:
            return row if row["model"] == model else turned(row)
    return None


def turned(row: Difference) -> Difference:
    """The same difference seen from the other model."""
    low, high = row["low"], row["high"]
    return {
        **row,
        "model": row["other"],
        "other": row["model"],
        "mean": -row["mean"],
        "low": None if high is None else -high,
        "high": None if low is None else -low,
    }


def compared(other: str, mean: float, row: Difference | None) -> str:
    """One comparison; a difference that is not clear is not called a win or a loss."""
    if row is None:
        return f"shares no judged brief with {other} ({mean:.2f})"
    gap, low, high = row["mean"], row["low"], row["high"]
    if low is None:
        return f"{_outcome(gap, other, mean)} (too few products for an interval)"
    if not row["clear"]:
        note = f"difference {_signed(gap)}, 95 % interval {_signed(low)} to {_signed(high)}"
        if not low <= 0 <= high:
            note += (
                f"; too little to be sure of among so many comparisons, p {row['p_adjusted']:.2f}"
            )
        return f"did not clearly differ from {other} ({mean:.2f}; {note})"
    near, far = sorted((abs(low), abs(high)))
    return f"{_outcome(gap, other, mean)} (95 % interval {near:.2f} to {far:.2f})"


def _outcome(gap: float, other: str, mean: float) -> str:
    if gap == 0:
        return f"tied with {other} ({mean:.2f})"
    return f"{'beat' if gap > 0 else 'lost to'} {other} ({mean:.2f}) by {abs(gap):.2f}"


def _signed(gap: float) -> str:
    return f"{gap:+.2f}".replace("-", "\u2212")
