"""Answer -> Verdict + Failed: a judge scores each answer alone.

python -m jobs.judge configs/demo.toml

Paid. The judge reads the rubric of the content type's family, the facts and the text; never who
wrote it. A reply that is not a verdict is filed as failed, it is never a score.
"""

from typing import Any

from ray.data import Dataset
from ray.data.expressions import col

from jobs.domain.prompts import Message, content_type, load_prompt, render_judgement
from jobs.domain.rows import Answer, Brief, Failed, Verdict
from jobs.domain.verdicts import parse_verdict
from jobs.llm.api import Api
from jobs.llm.asking import Question, ask_all, bill
from jobs.llm.budget import Budget
from jobs.llm.reach import check_key, reach
from jobs.llm.shapes import Shape
from jobs.runtime.command import start
from jobs.runtime.progress import Watch
from jobs.runtime.stage import Counts, Job, Stage
from jobs.runtime.tables import brief_columns, read_dataset, write_dataset


def main(run: Stage) -> Counts:
    """Ask about every answer, read the replies strictly, write verdicts and failures."""
    guide = run.guide

    def build(row: dict[str, Any]) -> list[Message]:
        return render_judgement(metric_of(row), Brief(**brief_columns(row)), guide, row["text"])

    answers = read_dataset(Answer, run.input("answer"))
    total = answers.count()
    with reach(run, "judge") as endpoint, Watch(run.stage_id, total):
        question = Question(build, answer_id, run.name, shape=verdict_shape(guide.language))
        replied = ask_all(answers, endpoint, question, shape=run.profile.api)
    read = read_verdicts(replied)
    out = write_dataset(read.filter(expr=col("error") == ""), Verdict, run.folder)
    failed = write_dataset(read.filter(expr=col("error") != ""), Failed, run.folder)
    bills = [bill(endpoint)]
    return Counts(total, out, failed=failed, usd=bills[0]["usd"], notes={"paid": bills})


def metric_of(row: dict[str, Any]) -> str:
    """The rubric: one for each family of content types."""
    return content_type(row["content_type"], row["language"]).family


def answer_id(row: dict[str, Any]) -> str:
    """What a verdict that cannot be had is called."""
    return str(row["answer_id"])


def verdict_shape(language: str) -> Shape:
    """What a verdict looks like."""
    score, reason = {"type": "number"}, {"type": "string"}
    schema = {
        "type": "object",
        "properties": {"score": score, "reason": reason},
        "required": ["score", "reason"],
        "additionalProperties": False,
    }
    return Shape("verdict", schema, verdict_of, language)


def verdict_of(row: dict[str, Any], reply: str) -> tuple[float, str]:
    """The score and reason in a reply. Raises VerdictError."""
    low, high = load_prompt("judge", metric_of(row), row["language"]).front["scale"]
    return parse_verdict(reply, (low, high))


def read_verdicts(replied: Dataset) -> Dataset:
    """Each reply as a score and a reason; those that could not be had keep their error."""

    def read(row: dict[str, Any]) -> dict[str, Any]:
        metric = {"metric": metric_of(row), "judge": "judge", "journal_key": row["reply_key"]}
        score, reason = (0.0, "") if row["error"] else verdict_of(row, row["reply"])
        return {**row, **metric, "score": score, "reason": reason}

    return replied.map(read).materialize()


JOB = Job(
    name="judge",
    main=main,
    sections={"judge": Api, "budget": Budget},
    reads=("answer",),
    sources=("prompts/judge", "prompts/partials", "jobs/llm/offline/judge"),
    check=check_key("judge"),
)

if __name__ == "__main__":
    start("judge")
