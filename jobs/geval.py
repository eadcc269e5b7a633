"""Answer -> Verdict + Failed: DeepEval's GEval scores each answer alone, on fixed steps.

python -m jobs.geval configs/yuansu.toml

Paid. Beside the judges' own metrics, for who knows DeepEval's: how well product and value are
expressed, naturalness, creativity. The judges are those of `jobs.judge`; none learns who wrote a
text. GEval's score is 0 to 1, here 1.0 to 5.0 (1 + 4 x score). What is no verdict is filed as
failed.
"""

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from pydantic import Field
from ray.data import Dataset
from ray.data.expressions import col

from jobs.domain.rows import Answer, Failed, Verdict
from jobs.llm.accounts import Accounts
from jobs.llm.api import Api
from jobs.llm.asking import Question, total_usd
from jobs.llm.budget import Budget
from jobs.llm.geval import METRIC, Measure, geval_shape, prompt_of, verdict_of
from jobs.llm.judges import Judging, ask_panel, check_judging, panel
from jobs.runtime.command import start
from jobs.runtime.config import Section
from jobs.runtime.stage import Counts, Job, Stage
from jobs.runtime.tables import read_dataset, write_dataset


class GEval(Section):
    """What is measured."""

    metrics: tuple[str, ...] = Field(
        default=("geval_value_fit", "geval_naturalness", "geval_creativity"),
        min_length=1,
        description="files under prompts/judge/ whose front matter says `asks: geval`",
    )


def main(run: Stage) -> Counts:
    """Have every judge measure every answer on every metric; write verdicts and failures."""
    answers = read_dataset(Answer, run.input("answer"))
    asked = with_metrics(answers, metrics_of(run)).materialize()
    question = Question(prompt_of, answer_id, run.name, shape=geval_shape(run.guide.language))
    replied, bills = ask_panel(run, asked, question, actor=Measure)
    read = read_verdicts(replied)
    out = write_dataset(read.filter(expr=col("error") == ""), Verdict, run.folder)
    failed = write_dataset(read.filter(expr=col("error") != ""), Failed, run.folder)
    notes = {"deepeval": version("deepeval"), "paid": bills}
    total = asked.count() * len(panel(run))
    return Counts(total, out, failed=failed, usd=total_usd(bills), notes=notes)


def metrics_of(run: Stage) -> tuple[str, ...]:
    """The names in [geval]."""
    return run.settings(GEval).metrics


def with_metrics(answers: Dataset, metrics: Sequence[str]) -> Dataset:
    """Each answer once for each metric."""

    def each(row: dict[str, Any]) -> list[dict[str, Any]]:
        return [{**row, METRIC: metric} for metric in metrics]

    return answers.flat_map(each)


def answer_id(row: dict[str, Any]) -> str:
    """What a verdict that cannot be had is called."""
    return str(row["answer_id"])


def read_verdicts(replied: Dataset) -> Dataset:
    """GEval's results as scores and reasons; those that could not be had keep their error."""

    def read(row: dict[str, Any]) -> dict[str, Any]:
        score, reason = (0.0, "") if row["error"] else verdict_of(row["reply"])
        step = f"{row['step']}/{row[METRIC]}/{row['judge']}"
        told = {"journal_key": row["reply_key"], "score": score, "reason": reason, "step": step}
        return {**row, **told}

    return replied.map(read).materialize()


JOB = Job(
    name="geval",
    main=main,
    sections={
        "geval": GEval,
        "judge": Api,
        "judges": Accounts,
        "judging": Judging,
        "budget": Budget,
    },
    reads=("answer",),
    sources=("prompts/judge", "jobs/llm/offline/judge"),
    check=check_judging("geval", metrics_of),
)

if __name__ == "__main__":
    start("geval")
