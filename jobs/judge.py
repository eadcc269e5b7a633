"""Answer -> Verdict + Failed: every judge scores each answer alone, on every metric.

python -m jobs.judge configs/demo.toml

Paid. The judge reads the metric's criteria, what the metric may see of facts and guide, and the
text; never who wrote it. A reply that is not a verdict is filed as failed, it is never a score.
"""

import functools
from typing import Any

import pyarrow as pa
from ray.data.expressions import col

from jobs.domain.errors import PromptError
from jobs.domain.metrics import fitting, metric_in
from jobs.domain.prompts import Message, content_type, render_judgement
from jobs.domain.rows import Answer, Brief, Failed, Verdict
from jobs.domain.verdicts import parse_verdict
from jobs.llm.accounts import Accounts
from jobs.llm.api import Api
from jobs.llm.asking import Question, total_usd
from jobs.llm.budget import Budget
from jobs.llm.judges import (
    Judging,
    ask_panel,
    check_judging,
    panel,
    reply_shape,
    step_of,
    wanted_metrics,
)
from jobs.runtime.command import start
from jobs.runtime.stage import Counts, Job, Stage
from jobs.runtime.tables import brief_columns, read_dataset, write_dataset


def main(run: Stage) -> Counts:
    """Ask about every answer on every metric, read the replies strictly, write what came."""
    guide, metrics = run.guide, wanted_metrics(run)

    def build(row: dict[str, Any]) -> list[Message]:
        return render_judgement(row["metric"], Brief(**brief_columns(row)), guide, row["text"])

    answers = read_dataset(Answer, run.input("answer"))
    wanted = answers.flat_map(functools.partial(on_each, metrics=metrics)).materialize()
    shape = reply_shape("score", {"type": "number"}, verdict_of, guide.language)
    replied, bills = ask_panel(run, wanted, Question(build, answer_id, run.name, shape=shape))
    ok, broken = replied.filter(expr=col("error") == ""), replied.filter(expr=col("error") != "")
    out = write_dataset(ok.map_batches(scored, batch_format="pyarrow"), Verdict, run.folder)
    failed = write_dataset(broken.map(functools.partial(named_step, run=run)), Failed, run.folder)
    expected = wanted.count() * len(panel(run))
    return Counts(expected, out, failed=failed, usd=total_usd(bills), notes={"paid": bills})


def on_each(row: dict[str, Any], metrics: tuple[str, ...]) -> list[dict[str, Any]]:
    """An answer once for each metric that its family has. Raises PromptError where it has none."""
    family = content_type(row["content_type"], row["language"]).family
    found = [fitting(name, family, row["language"]) for name in metrics]
    rows = [{**row, "metric": metric.file} for metric in found if metric is not None]
    if not rows:
        raise PromptError(
            f"no metric of {', '.join(metrics)} has a file for the family {family!r} in "
            f"{row['language']!r}. Add one to prompts/judge/, or a metric to [judging] metrics."
        )
    return rows


def answer_id(row: dict[str, Any]) -> str:
    """What a verdict that cannot be had is called."""
    return str(row["answer_id"])


def verdict_of(row: dict[str, Any], reply: str) -> tuple[float, str]:
    """The score and reason in a reply. Raises VerdictError."""
    return parse_verdict(reply, metric_in(row["metric"], row["language"]).scale)


def scored(batch: pa.Table) -> pa.Table:
    """Each reply as a score and a reason."""
    rows = batch.select(["metric", "language", "reply"]).to_pylist()
    verdicts = [verdict_of(row, row["reply"]) for row in rows]
    batch = batch.append_column("score", pa.array([score for score, _ in verdicts], pa.float64()))
    batch = batch.append_column("reason", pa.array([why for _, why in verdicts], pa.string()))
    return batch.append_column("journal_key", batch["reply_key"])


def named_step(row: dict[str, Any], run: Stage) -> dict[str, Any]:
    """A failure that says on what metric, and which judge's."""
    return {**row, "step": step_of(run, metric=row["metric"], judge=row["judge"])}


JOB = Job(
    name="judge",
    main=main,
    sections={"judge": Api, "judges": Accounts, "judging": Judging, "budget": Budget},
    reads=("answer",),
    sources=("prompts/judge", "prompts/partials", "jobs/llm/offline/judge"),
    check=check_judging("alone", wanted_metrics),
)

if __name__ == "__main__":
    start("judge")
