"""Brief -> Draft + Failed: a teacher writes every brief up.

python -m jobs.generate configs/demo.toml

Paid. Replies lie in the journal, so running it again costs only what is missing.
"""

from typing import Any

from pydantic import Field

from jobs.domain.brand import Guide
from jobs.domain.prompts import Message, render_request
from jobs.domain.rows import Brief, Draft, Failed
from jobs.llm.api import Api
from jobs.llm.asking import Question, ask_all, spent
from jobs.llm.budget import Budget
from jobs.llm.reach import Offline, check_key, reach
from jobs.runtime.briefs import read_briefs
from jobs.runtime.command import start
from jobs.runtime.config import Section
from jobs.runtime.progress import Watch
from jobs.runtime.stage import Counts, Job, Stage
from jobs.runtime.tables import brief_columns, write_dataset


class Generate(Section):
    """How much is written."""

    samples: int = Field(default=1, ge=1, description="drafts of each brief")


def main(run: Stage) -> Counts:
    """Ask for every sample of every train and dev brief; sort replies from failures."""
    samples = run.settings(Generate).samples
    model = run.section("teacher", Api).model

    def sampled(row: dict[str, Any]) -> list[dict[str, Any]]:
        return [
            {
                **row,
                "sample": sample,
                "model": model,
                "draft_id": f"{row['brief_id']}#{model}#{sample}",
            }
            for sample in range(samples)
        ]

    wanted = read_briefs(run, "train", "dev").flat_map(sampled).materialize()
    with reach(run, "teacher") as endpoint, Watch(run.stage_id, wanted.count()):
        question = Question(request(run.guide), draft_id, run.name, seed=sample_seed)
        replied = ask_all(wanted, endpoint, question, shape=run.profile.api, stage_id=run.stage_id)
    drafts = replied.filter(expr="error == ''").map(drafted)
    out = write_dataset(drafts, Draft, run.folder)
    failed = write_dataset(replied.filter(expr="error != ''"), Failed, run.folder)
    return Counts(wanted.count(), out, failed=failed, usd=spent(endpoint))


def request(guide: Guide) -> Any:
    """Builds a row's chat."""

    def build(row: dict[str, Any]) -> list[Message]:
        return render_request(Brief(**brief_columns(row)), guide)

    return build


def draft_id(row: dict[str, Any]) -> str:
    """What a reply that cannot be had is called."""
    return str(row["draft_id"])


def sample_seed(row: dict[str, Any]) -> int:
    """Samples of a brief differ by the seed they are asked with."""
    return int(row["sample"])


def drafted(row: dict[str, Any]) -> dict[str, Any]:
    """The reply under a draft's column names."""
    return {**row, "text": row["reply"], "journal_key": row["reply_key"]}


JOB = Job(
    name="generate",
    main=main,
    sections={"generate": Generate, "teacher": Api, "offline": Offline, "budget": Budget},
    reads=("brief",),
    sources=("prompts/write", "prompts/chat", "prompts/partials", "jobs/llm/offline/teacher"),
    check=check_key("teacher"),
)

if __name__ == "__main__":
    start("generate")
