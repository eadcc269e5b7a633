"""Print all that one brief became, stage by stage.

python -m jobs.trace configs/demo.toml ys-001/paid_ad_bab
"""

import sys
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from rich.console import Console
from rich.table import Table

from jobs.domain.errors import InputError
from jobs.domain.rows import (
    Answer,
    Brief,
    Comparison,
    Copy,
    Draft,
    Dropped,
    Failed,
    Negative,
    Pair,
    Rollout,
    Verdict,
)
from jobs.runtime.command import discover, load, speaking, stages_of
from jobs.runtime.history import rows_about
from jobs.runtime.stage import Stage

ROWS: dict[str, tuple[type, ...]] = {
    "brief": (Brief,),
    "generate": (Draft, Failed),
    "clean": (Copy, Dropped, Failed),
    "degrade": (Negative, Failed),
    "pair": (Pair, Dropped, Failed),
    "grpo": (Rollout,),
    "answer": (Answer, Failed),
    "judge": (Verdict, Failed),
    "geval": (Verdict, Failed),
    "compare": (Comparison, Failed),
}
SHOWN_ELSEWHERE = {entry.name for entry in fields(Brief)}  # once, at the top


def history(stages: Sequence[Stage], brief_id: str) -> list[tuple[str, str, dict[str, Any]]]:
    """(stage, row type, row) in the order of the run. Raises InputError for an unknown brief."""
    found = [
        (stage.name, row_type.__name__, vars(row))
        for stage in stages
        for row_type in ROWS.get(stage.job.name, ())
        for row in rows_about(row_type, stage.folder, [brief_id])
    ]
    if not found:
        raise InputError(
            f"no stage of this run knows the brief {brief_id!r}. Wanted product_id/content_type, "
            f"as in ys-001/paid_ad_bab; the tables Brief and Answer list them."
        )
    return found


def show(rows: Sequence[tuple[str, str, dict[str, Any]]]) -> None:
    """Print the history."""
    console = Console()
    for stage, kind, row in rows:
        table = Table(title=f"{stage}: {kind}", title_justify="left", show_header=False)
        table.add_column()
        table.add_column(overflow="fold")
        for key, value in row.items():
            if kind == Brief.__name__ or key not in SHOWN_ELSEWHERE:
                table.add_row(key, str(value))
        console.print(table)


def main(arguments: Sequence[str]) -> None:
    """Read the config and show one brief's history."""
    if len(arguments) < 2 or arguments[1].startswith("-"):
        raise InputError("wanted a config and a brief: python -m jobs.trace configs/demo.toml ID")
    path, brief_id, *overrides = arguments
    known = discover()
    show(history(stages_of(load([path, *overrides], known), known), brief_id))


if __name__ == "__main__":
    speaking(lambda: main(sys.argv[1:]))
