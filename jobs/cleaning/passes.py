"""Mending drafts: check, ask the teacher for the first pass that helps, check again."""

import functools
import json
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

from ray.data import Dataset
from ray.data.expressions import col

from jobs.domain.brand import Guide
from jobs.domain.filters import Checked, reasons
from jobs.domain.prompts import Message, Prompt, content_type, prompt_files, render_cleaning
from jobs.domain.rows import Brief
from jobs.llm.asking import Question, Replied, ask_all, bill
from jobs.llm.client import Endpoint
from jobs.llm.reach import reach
from jobs.runtime.progress import Watch
from jobs.runtime.stage import Stage
from jobs.runtime.tables import brief_columns, union

REPLY_COLUMNS = [entry.name for entry in fields(Replied)]


@dataclass(frozen=True)
class Mended:
    """Drafts after all passes. Each has a `reason`, empty where it is sound."""

    rows: Dataset
    failed: Dataset | None  # drafts whose pass got no reply; None where no pass was asked for
    bill: dict[str, Any]  # what passes have cost in this run


def mend_all(run: Stage, drafts: Dataset, rounds: int) -> Mended:
    """Put each draft through passes until it is sound, cannot be mended, or was `rounds` times."""
    rows = drafts.map(functools.partial(examined, guide=run.guide, tried="")).materialize()
    ended, failed = [], []
    with reach(run, "teacher") as endpoint:
        for number in range(rounds):
            mendable = rows.filter(expr=col("mend") != "").materialize()
            if not mendable.count():
                break
            ended.append(rows.filter(expr=col("mend") == ""))
            replied = mended(run, endpoint, mendable, number)
            failed.append(replied.filter(expr=col("error") != ""))
            after = replied.filter(expr=col("error") == "").map(
                functools.partial(replaced, guide=run.guide)
            )
            rows = after.drop_columns(REPLY_COLUMNS).materialize()
        paid = bill(endpoint)
    return Mended(union([rows, *ended]).materialize(), union(failed) if failed else None, paid)


def examined(row: dict[str, Any], guide: Guide, tried: str) -> dict[str, Any]:
    """The row with its defects: `reason` is the first, `mend` the pass that may help."""
    kind = content_type(row["content_type"], row["language"])
    checked = Checked(row["text"], kind, guide, json.loads(row["facts"]))
    defects = reasons(checked)
    passes = fitting_passes(defects, kind.family, row["language"])
    return {
        **row,
        "passes": row.get("passes", tried),
        "reason": defects[0] if defects else "",
        "mend": passes[0] if passes else "",
    }


def fitting_passes(defects: list[str], family: str, language: str) -> list[str]:
    """The passes that mend these defects, in order; none where one defect cannot be mended."""
    found: list[Prompt] = []
    for defect in defects:
        menders = [
            prompt
            for prompt in cleaning_passes(language)
            if defect in prompt.front["mends"] and family in prompt.front["families"]
        ]
        if not menders:
            return []
        found.append(menders[0])
    return [prompt.name for prompt in sorted(found, key=lambda prompt: int(prompt.front["order"]))]


@functools.cache
def cleaning_passes(language: str) -> list[Prompt]:
    """Every pass there is: the files of prompts/clean/."""
    return prompt_files("clean", language)


def mended(run: Stage, endpoint: Endpoint, rows: Dataset, number: int) -> Dataset:
    """Ask the teacher to mend each row by its pass; each round asks with another seed."""

    def build(row: dict[str, Any]) -> list[Message]:
        return render_cleaning(row["mend"], Brief(**brief_columns(row)), run.guide, row["text"])

    question = Question(build, draft_id, run.name, seed=constantly(number))
    with Watch(f"{run.stage_id}", rows.count()):
        return ask_all(rows, endpoint, question, shape=run.profile.api)


def draft_id(row: dict[str, Any]) -> str:
    """What a reply that cannot be had is called."""
    return str(row["draft_id"])


def constantly(number: int) -> Callable[[dict[str, Any]], int]:
    """The same seed for each row of a round."""
    return lambda row: number


def replaced(row: dict[str, Any], guide: Guide) -> dict[str, Any]:
    """The row with the mended text, examined again."""
    passes = ",".join(filter(None, [row["passes"], row["mend"]]))
    text = row["reply"].strip()
    key = row["reply_key"]
    return examined({**row, "text": text, "journal_key": key, "passes": passes}, guide, passes)
