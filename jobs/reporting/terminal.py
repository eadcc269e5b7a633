"""The scoreboard for a terminal: means, how sure they are, and which differences are clear."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

Board = Mapping[str, Any]  # scoreboard.json


def as_text(board: Board) -> str:
    """The whole table. Its first line says where a judge is not to be believed."""
    return "\n".join([*unfit_lines(board), *table(board), *clear_lines(board), *notes(board)])


def unfit_lines(board: Board) -> list[str]:
    """A line for each judge that failed its examination, with the reasons."""
    return [
        f"THE JUDGE {name} IS UNFIT: {'; '.join(told['reasons'])}. Do not rely on these scores."
        for name, told in (board.get("examination") or {}).items()
        if not told["fit"]
    ]


def table(board: Board) -> list[str]:
    """Content types by models."""
    models = list(board["overall"])
    width = max([12, *(len(model) + 2 for model in models)])
    lines = [f"{'content type':<28}" + "".join(f"{model:>{width}}" for model in models)]
    rows = {**board["content_types"], "overall": board["overall"]}
    if board["new_hero"]:
        rows["new hero ingredients"] = board["new_hero"]
    for name, cells in rows.items():
        shown = [
            mean_of(cells[model], with_half=name == "overall") if model in cells else "-"
            for model in models
        ]
        lines.append(f"{name:<28}" + "".join(f"{one:>{width}}" for one in shown))
    best = "".join(f"{board['best'].get(model, 0):>{width}.1f}" for model in models)
    return [*lines, f"{'times best':<28}{best}"]


def mean_of(cell: Mapping[str, Any], *, with_half: bool) -> str:
    """
    >>> mean_of({"mean": 4.1, "low": 3.9, "high": 4.3}, with_half=True)
    '4.10 ±0.20'
    """
    if not with_half or cell["low"] is None:
        return f"{cell['mean']:.2f}"
    return f"{cell['mean']:.2f} ±{(cell['high'] - cell['low']) / 2:.2f}"


def clear_lines(board: Board) -> list[str]:
    """A line for each two models that clearly differ, with the content types where they do."""
    pairs: dict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for row in board["differences"]:
        if row["clear"]:
            pairs[row["model"], row["other"]].append(row)
    lines = []
    for (model, other), rows in pairs.items():
        first = next(row for row in rows if row["content_type"] is None)
        side = "above" if first["mean"] > 0 else "below"
        lines.append(
            f"{model} is clearly {side} {other}: {first['mean']:+.2f} ({first['low']:+.2f} to "
            f"{first['high']:+.2f}, p {first['p_adjusted']:.2g}, {first['n']} briefs)"
        )
        kinds = [f"{row['content_type']} {row['mean']:+.2f}" for row in rows if row is not first]
        if len(kinds) == len(board["content_types"]) > 1:
            kinds = [f"each of the {len(kinds)} content types"]
        lines += [f"  also in {', '.join(kinds)}"] * bool(kinds)
    if board["differences"] and not lines:
        lines.append("No two models clearly differ.")
    return lines


def notes(board: Board) -> list[str]:
    """What a reader has to know of the figures above."""
    size = board["sample_size"]
    lines = [
        f"Warning, {name}: {warning}"
        for name, told in (board.get("examination") or {}).items()
        for warning in told.get("warnings", ())
    ]
    if size["detectable_gap"] is not None:
        lines.append(
            f"So many products tell two models apart that differ by {size['detectable_gap']:.2f}, "
            f"in 8 of 10 runs; for {size['gap']:g} it takes {size['products_needed']}."
        )
    if board["incomplete"]:
        lines.append(
            f"{board['incomplete']} answers are not counted: a judgement of theirs is missing."
        )
    return lines
