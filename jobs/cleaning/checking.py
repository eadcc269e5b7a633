"""Asking the rater about negatives that the rules let pass, and about their copies in doubt.

A row has the columns of its brief, of its negative (`negative_id`, `kind`, `text`), and `copy`, the
copy's text; `evidence`, what rules found of its own defect; `reason`, why they drop it.
"""

import functools
from typing import Any

from ray.data import Dataset
from ray.data.expressions import col

from jobs.cleaning.passes import REPLY_COLUMNS
from jobs.domain.degrading import defect_of
from jobs.domain.negatives import final_reason, rests_on_rater
from jobs.domain.prompts import Message
from jobs.domain.ratings import DEFECTS, parse_check, render_check
from jobs.domain.rows import Brief
from jobs.llm.asking import Question, ask_all, bill
from jobs.llm.reach import reach
from jobs.llm.shapes import Shape
from jobs.runtime.progress import Watch
from jobs.runtime.stage import Stage
from jobs.runtime.tables import brief_columns, union

SAID = ("said", "said_of_copy", "doubtful")  # columns for the rater's replies while they are needed

Row = dict[str, Any]


def by_rater(
    run: Stage, ruled: Dataset, *, ask: bool
) -> tuple[Dataset, Dataset | None, list[dict[str, Any]]]:
    """All rows with their final reason, those without a reply apart, and what the rater cost.

    It is asked about the negative and, where its word alone would decide, about the copy too.
    """
    passed = ruled.filter(expr=col("reason") == "").materialize()
    if not ask or not passed.count():
        return ruled.map(decided), None, []
    rows, failed = [ruled.filter(expr=col("reason") != "")], []
    with Watch(run.stage_id, passed.count()), reach(run, "rater") as endpoint:
        for column, said in (("text", SAID[0]), ("copy", SAID[1])):
            replied = ask_all(passed, endpoint, asking(run, column), shape=run.profile.api)
            failed.append(replied.filter(expr=col("error") != ""))
            kept = functools.partial(remembered, said=said)
            answered = replied.filter(expr=col("error") == "").map(kept).materialize()
            rows.append(answered.filter(expr=~col("doubtful")).map(decided))
            passed = answered.filter(expr=col("doubtful")).materialize()
            if not passed.count():
                break
        paid = bill(endpoint)
    return union(rows), union(failed), [paid]


def asking(run: Stage, column: str) -> Question:
    """How the rater is asked about a text: never what it was asked to be, nor what it came from."""
    guide = run.guide

    def build(row: Row) -> list[Message]:
        return render_check(Brief(**brief_columns(row)), guide, row[column])

    return Question(build, negative_id, run.name, shape=check_shape(guide.language))


def remembered(row: Row, said: str) -> Row:
    """The row with the reply under a name of its own; doubtful where the copy is to be asked about.

    Once the copy was asked about, nothing is.
    """
    row = {key: value for key, value in row.items() if key not in REPLY_COLUMNS} | {
        said: row["reply"]
    }
    own, evidence = defect_of(row["kind"], row["language"]), found_in(row)
    first = parse_check(row[SAID[0]])
    doubtful = SAID[1] not in row and rests_on_rater(own, evidence, first)
    return {**row, "doubtful": doubtful}


def found_in(row: Row) -> list[str]:
    """The names of what rules found of the row's own defect."""
    return [name for name in row["evidence"].split(",") if name]


def negative_id(row: Row) -> str:
    """What a check that cannot be had is called."""
    return str(row["negative_id"])


def check_shape(language: str) -> Shape:
    """What the rater's reply has to look like."""
    kinds: dict[str, Any] = {name: {"type": "boolean"} for name in DEFECTS}
    schema = {
        "type": "object",
        "properties": kinds | {"reason": {"type": "string"}},
        "required": [*DEFECTS, "reason"],
        "additionalProperties": False,
    }
    return Shape("check", schema, lambda row, reply: parse_check(reply), language)


def decided(row: Row) -> Row:
    """The row with its final reason, by the rules' evidence and what was said, if anything."""
    if row["reason"]:
        return row
    own = defect_of(row["kind"], row["language"])
    checks = [parse_check(row[said]) for said in SAID[:2] if said in row]
    reason = final_reason(own, found_in(row), *(checks or [None]))
    columns = {key: value for key, value in row.items() if key not in SAID}
    return {**columns, "reason": reason}
