"""Brief -> Draft + Failed: a teacher, or several, write every brief up.

python -m jobs.generate configs/demo.toml

Paid. Replies lie in the journal, so running it again costs only what is missing.
"""

import functools
import itertools
import random
from collections.abc import Callable
from typing import Any

from pydantic import Field, model_validator
from ray.data import Dataset
from ray.data.expressions import col

from jobs.domain.brand import Guide
from jobs.domain.errors import InputError
from jobs.domain.exemplars import drawn, fitting
from jobs.domain.prompts import Message, render_request
from jobs.domain.rows import Brief, Draft, Exemplar, Failed
from jobs.domain.text import fingerprint
from jobs.llm.accounts import Accounts
from jobs.llm.api import Api
from jobs.llm.asking import Question, ask_all, bill, total_usd
from jobs.llm.budget import Budget
from jobs.llm.reach import Offline, reach
from jobs.llm.teachers import by_model, check_teachers
from jobs.runtime.briefs import read_briefs
from jobs.runtime.command import start
from jobs.runtime.config import Section
from jobs.runtime.progress import Watch
from jobs.runtime.stage import Counts, Job, Stage
from jobs.runtime.tables import brief_columns, read_rows, union, write_dataset


class Generate(Section):
    """How much is written, by whom, and after which examples."""

    samples: int = Field(default=1, ge=1, description="drafts of each brief, by each teacher")
    exemplars: int = Field(default=0, ge=0, description="of collect, shown with each request")
    teachers: tuple[str, ...] = Field(default=(), description="[teachers.*]; none: [teacher]")
    shares: tuple[float, ...] = Field(
        default=(), description="of the drafts, one a teacher; none: every teacher writes them all"
    )
    seed: int = Field(default=0, description="of drawing exemplars and, by shares, teachers")

    @model_validator(mode="after")
    def one_share_each(self) -> "Generate":
        """Shares are positive and there is one for each teacher."""
        if self.shares and (len(self.shares) != len(self.teachers) or min(self.shares) <= 0):
            raise ValueError(
                f"shares {self.shares} of {len(self.teachers)} teachers; wanted a positive number "
                f"for each of teachers, or none at all"
            )
        return self


def main(run: Stage) -> Counts:
    """Ask for every sample of every train and dev brief; sort replies from failures."""
    settings, teachers = run.settings(Generate), by_model(run, run.settings(Generate).teachers)
    wanted = (
        read_briefs(run, "train", "dev")
        .flat_map(functools.partial(sampled, models=list(teachers), settings=settings))
        .materialize()
    )
    question = Question(
        request(run.guide, exemplars_of(run), settings), draft_id, run.name, seed=sample_seed
    )
    parts: list[Dataset] = []
    bills: list[dict[str, Any]] = []
    with Watch(run.stage_id, wanted.count()):
        for model, teacher in teachers.items():
            mine = wanted.filter(expr=col("model") == model).materialize()
            if not mine.count():
                continue
            with reach(teacher, "teacher") as endpoint:
                parts.append(ask_all(mine, endpoint, question, shape=run.profile.api))
                bills.append(bill(endpoint))
    replied = union(parts)
    drafts = replied.filter(expr=col("error") == "").map(drafted)
    out = write_dataset(drafts, Draft, run.folder)
    failed = write_dataset(replied.filter(expr=col("error") != ""), Failed, run.folder)
    return Counts(wanted.count(), out, failed=failed, usd=total_usd(bills), notes={"paid": bills})


def sampled(row: dict[str, Any], models: list[str], settings: Generate) -> list[dict[str, Any]]:
    """A brief as the drafts that are wanted of it."""
    return [
        {**row, "sample": sample, "model": model, "draft_id": f"{row['brief_id']}#{model}#{sample}"}
        for sample in range(settings.samples)
        for model in writers(row["brief_id"], sample, models, settings)
    ]


def writers(brief_id: str, sample: int, models: list[str], settings: Generate) -> list[str]:
    """Who writes a sample: every teacher, or one by the shares and a hash of brief and sample."""
    if not settings.shares:
        return models
    name = fingerprint("writer", str(settings.seed), brief_id, str(sample))
    limits = list(itertools.accumulate(settings.shares))
    point = random.Random(int(name, 16)).random() * limits[-1]
    return [next(model for model, limit in zip(models, limits, strict=True) if point < limit)]


def exemplars_of(run: Stage) -> list[Exemplar]:
    """The texts that may be shown. Raises InputError where some are wanted and there are none."""
    if not run.settings(Generate).exemplars:
        return []
    pool = read_rows(Exemplar, run.input("collect"))
    if not any(exemplar.language == run.guide.language for exemplar in pool):
        raise InputError(
            f"[{run.name}] exemplars wants texts in {run.guide.language!r}, and {len(pool)} texts "
            f"were collected, none in it. Add some to [collect] sources, or set exemplars = 0."
        )
    return pool


def request(
    guide: Guide, pool: list[Exemplar], settings: Generate
) -> Callable[[dict[str, Any]], list[Message]]:
    """Builds a row's chat."""

    def build(row: dict[str, Any]) -> list[Message]:
        brief = Brief(**brief_columns(row))
        fits = fitting(pool, brief)
        texts = drawn(fits, settings.exemplars, seed=settings.seed, draft_id=row["draft_id"])
        return render_request(brief, guide, texts)

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


def chosen_teachers(run: Stage) -> tuple[str, ...]:
    """The names in the stage's settings."""
    return run.settings(Generate).teachers


JOB = Job(
    name="generate",
    main=main,
    sections={
        "generate": Generate,
        "teacher": Api,
        "teachers": Accounts,
        "offline": Offline,
        "budget": Budget,
    },
    reads=("brief", "collect"),
    sources=("prompts/write", "prompts/chat", "prompts/partials", "jobs/llm/offline/teacher"),
    check=check_teachers(chosen_teachers),
)

if __name__ == "__main__":
    start("generate")
