"""Draft -> Copy + Dropped + Failed: rules, then LLM passes.

python -m jobs.clean configs/demo.toml

A draft whose defects can all be mended goes through the first pass that fits, is checked again, and
so on, until it meets its content type's front matter or its rounds are used up. Passes are paid;
rules, and what was paid before, are free.
"""

import functools
import json
from collections.abc import Callable
from typing import Any

import pyarrow as pa
from pydantic import Field
from ray.data import Dataset

from jobs.domain.brand import Guide
from jobs.domain.duplicates import repeats
from jobs.domain.filters import Checked, reasons
from jobs.domain.prompts import Message, Prompt, content_type, prompt_files, render_cleaning
from jobs.domain.rows import Brief, Copy, Draft, Dropped, Failed
from jobs.llm.api import Api
from jobs.llm.asking import Question, ask_all, spent
from jobs.llm.budget import Budget
from jobs.llm.client import Endpoint
from jobs.llm.reach import Offline, check_key, reach
from jobs.runtime.command import start
from jobs.runtime.config import Section
from jobs.runtime.progress import Watch
from jobs.runtime.stage import Counts, Job, Stage
from jobs.runtime.tables import brief_columns, read_dataset, write_dataset


class Clean(Section):
    """How long a draft is worked on."""

    rounds: int = Field(default=3, ge=0, description="passes a draft may go through")


def main(run: Stage) -> Counts:
    """Check, mend, check again; then drop near duplicates among a brief's copies."""
    drafts = read_dataset(Draft, run.input("generate"))
    rows = drafts.map(functools.partial(examined, guide=run.guide, tried="")).materialize()
    ended, failed = [], []
    with reach(run, "teacher") as endpoint:
        for number in range(run.settings(Clean).rounds):
            mendable = rows.filter(expr="mend != ''").materialize()
            if not mendable.count():
                break
            ended.append(rows.filter(expr="mend == ''"))
            replied = mended(run, endpoint, mendable, number)
            failed.append(replied.filter(expr="error != ''"))
            after = replied.filter(expr="error == ''").map(
                functools.partial(replaced, guide=run.guide)
            )
            rows = after.drop_columns(REPLY_COLUMNS).materialize()
        usd = spent(endpoint)
    finished = without_repeats(union([rows, *ended])).materialize()
    copies = write_dataset(finished.filter(expr="reason == ''"), Copy, run.folder)
    dropped = write_dataset(finished.filter(expr="reason != ''"), Dropped, run.folder)
    lost = write_dataset(union(failed), Failed, run.folder) if failed else 0
    notes = {"reasons": tally(finished)}
    return Counts(drafts.count(), copies, dropped=dropped, failed=lost, usd=usd, notes=notes)


REPLY_COLUMNS = [
    "reply", "reply_key", "paid_tokens_in", "paid_tokens_out", "row_id", "step", "error", "message",
]  # fmt: skip


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
        return ask_all(rows, endpoint, question, shape=run.profile.api, stage_id=run.stage_id)


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


def union(parts: list[Dataset]) -> Dataset:
    """All rows of some datasets; Ray Data refuses the union of one."""
    return parts[0].union(*parts[1:]) if len(parts) > 1 else parts[0]


def without_repeats(rows: Dataset) -> Dataset:
    """Give a brief's near duplicates the reason `near_duplicate`, all but the first."""

    def mark(group: pa.Table) -> pa.Table:
        group = group.sort_by("draft_id")
        found = group.to_pylist()
        sound = [row for row in found if not row["reason"]]
        for row, is_repeat in zip(sound, repeats([row["text"] for row in sound]), strict=True):
            row["reason"] = "near_duplicate" if is_repeat else ""
        column = pa.array([row["reason"] for row in found], pa.string())
        return group.set_column(group.column_names.index("reason"), "reason", column)

    return rows.groupby("brief_id", num_partitions=2).map_groups(mark, batch_format="pyarrow")


def tally(rows: Dataset) -> dict[str, int]:
    """How many rows each reason took."""
    counted = rows.filter(expr="reason != ''")
    if not counted.count():
        return {}
    table = counted.select_columns(["reason"]).to_pandas()["reason"].value_counts()
    return {str(reason): int(count) for reason, count in table.items()}


JOB = Job(
    name="clean",
    main=main,
    sections={"clean": Clean, "teacher": Api, "offline": Offline, "budget": Budget},
    reads=("generate",),
    sources=("prompts/write", "prompts/clean", "jobs/domain", "jobs/llm/offline/teacher"),
    check=check_key("teacher"),
)

if __name__ == "__main__":
    start("clean")
