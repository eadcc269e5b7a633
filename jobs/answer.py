"""Validation briefs x candidate models -> Answer.   python -m jobs.answer configs/demo.toml

Every candidate gets the same short chat; one that is `guided` gets the brand's guide with it.
Golden texts are candidates too, and so is a model behind an API (paid): what it could not write is
Failed. What each model costs, in money and seconds, is kept in the stage's notes.
"""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
from pydantic import Field, field_validator, model_validator
from ray.data import ActorPoolStrategy, Dataset
from ray.data.expressions import col

from jobs.domain.errors import InputError, SettingsError
from jobs.domain.golden import read_golden
from jobs.domain.prompts import Message, render_brief, render_guided
from jobs.domain.rows import Answer, Brief, Failed
from jobs.engines.models import BaseModelSettings, model_path
from jobs.engines.writer import Engine, Writer
from jobs.llm.accounts import Accounts, account, check_account, in_role
from jobs.llm.asking import Question, ask_all, bill, total_usd
from jobs.llm.budget import Budget
from jobs.llm.costs import Priced, of_a_thousand
from jobs.llm.reach import Offline, reach
from jobs.runtime.briefs import read_briefs
from jobs.runtime.command import start
from jobs.runtime.config import Section
from jobs.runtime.passthrough import check_passthrough, class_fields
from jobs.runtime.progress import Watch
from jobs.runtime.stage import Counts, Job, Stage
from jobs.runtime.tables import brief_columns, union, write_dataset

SECONDS = "seconds"  # a column of written answers: each one's share of its batch's time
SAMPLING_OURS = frozenset({"n", "max_tokens", "temperature", "seed", "prompt_logprobs", "logprobs"})


class Candidate(Section):
    """One model in the comparison."""

    name: str = Field(description="how tables and reports call it")
    source: str = Field(description="golden, base, api, or the stage that wrote the model")
    guided: bool = Field(default=False, description="the brand's guide is in its prompt")
    account: str = Field(default="", description="of source api: [accounts.*]")

    @model_validator(mode="after")
    def _api_has_an_account(self) -> "Candidate":
        if (self.source == "api") != bool(self.account):
            raise ValueError(
                f"candidate {self.name!r} has source {self.source!r} and account "
                f"{self.account!r}; wanted an account where the source is api, and only there"
            )
        return self


class AnswerSettings(Section):
    """Who answers, and how answers are sampled."""

    candidates: tuple[Candidate, ...] = (
        Candidate(name="golden", source="golden"),
        Candidate(name="base", source="base"),
        Candidate(name="base_guide", source="base", guided=True),
        Candidate(name="sft", source="merge"),
    )
    max_tokens: int = Field(default=512, ge=1)
    temperature: float = Field(default=0.0, ge=0)
    seed: int = 0
    vllm: dict[str, Any] = Field(default_factory=dict, description="more fields of SamplingParams")

    @field_validator("vllm")
    @classmethod
    def _sampling_fields(cls, table: dict[str, Any]) -> dict[str, Any]:
        known = class_fields("vllm", "sampling_params.py", "SamplingParams")
        check_passthrough(table, "answer.vllm", known=known, ours=SAMPLING_OURS)
        return table


@dataclass(frozen=True)
class Part:
    """What some candidates answered."""

    answers: Dataset
    costs: Mapping[str, dict[str, float | None]]  # of a thousand copies, by model
    failed: Dataset | None = None
    bill: dict[str, Any] | None = None  # of an API


def main(run: Stage) -> Counts:
    """Answer every validation brief with every candidate; each model is loaded once."""
    settings = run.settings(AnswerSettings)
    names = [candidate.name for candidate in settings.candidates]
    if len(set(names)) < len(names):
        raise SettingsError(f"[answer] has two candidates of one name: {', '.join(names)}.")
    briefs = read_briefs(run, "val").materialize()
    parts = []
    for source in dict.fromkeys(candidate.source for candidate in settings.candidates):
        group = [candidate for candidate in settings.candidates if candidate.source == source]
        if source == "api":
            parts += [
                by_api(chats(briefs, [candidate], run), candidate, run) for candidate in group
            ]
        elif source == "golden":
            parts.append(Part(golden(chats(briefs, group, run), run), {}))
        else:
            parts.append(written(chats(briefs, group, run), source, settings, run))
    out = write_dataset(union([part.answers for part in parts]), Answer, run.folder)
    broken = [part.failed for part in parts if part.failed is not None]
    failed = write_dataset(union(broken), Failed, run.folder) if broken else 0
    costs = {model: cost for part in parts for model, cost in part.costs.items()}
    bills = [part.bill for part in parts if part.bill is not None]
    notes = {"costs": costs, **({"paid": bills} if bills else {})}
    total = briefs.count() * len(names)
    return Counts(total, out, failed=failed, usd=total_usd(bills), notes=notes)


def chats(briefs: Dataset, candidates: Sequence[Candidate], run: Stage) -> Dataset:
    """Each brief once per candidate, with its chat as JSON."""
    guide = run.guide

    def build(row: dict[str, Any]) -> list[dict[str, Any]]:
        brief = Brief(**brief_columns(row))
        return [
            {
                **row,
                "model": candidate.name,
                "answer_id": f"{brief.brief_id}@{candidate.name}",
                "messages": json.dumps(
                    render_guided(brief, guide) if candidate.guided else render_brief(brief, guide),
                    ensure_ascii=False,
                ),
            }
            for candidate in candidates
        ]

    return briefs.flat_map(build).materialize()


def golden(asked: Dataset, run: Stage) -> Dataset:
    """The reference texts as answers. Raises InputError naming briefs that have none."""
    texts = read_golden(run.config.brand)
    rows = asked.take_all()
    missing = [
        row["brief_id"] for row in rows if (row["product_id"], row["content_type"]) not in texts
    ]
    if missing:
        raise InputError(
            f"golden.jsonl has no text for {len(missing)} validation briefs, the first is "
            f"{missing[0]}. Write them, or take golden out of [answer] candidates."
        )

    def fill(row: dict[str, Any]) -> dict[str, Any]:
        text = texts[row["product_id"], row["content_type"]]
        counts = {"prompt_tokens": 0, "completion_tokens": 0}
        return {**row, "text": text, "finish_reason": "reference", **counts}

    return asked.map(fill).materialize()


class TimedWriter:
    """A Writer that adds to each row its share of the seconds that its batch took."""

    def __init__(self, *arguments: Any) -> None:
        self.write = Writer(*arguments)

    def __call__(self, batch: pa.Table) -> pa.Table:
        began = time.monotonic()
        batch = self.write(batch)
        share = (time.monotonic() - began) / max(batch.num_rows, 1)
        return batch.append_column(SECONDS, pa.array([share] * batch.num_rows, pa.float64()))


def written(asked: Dataset, source: str, settings: AnswerSettings, run: Stage) -> Part:
    """The texts that a model wrote, by vLLM engines in actors. Loading it is not timed."""
    shape = run.profile.engine
    sampling = {
        "max_tokens": settings.max_tokens,
        "temperature": settings.temperature,
        **settings.vllm,
    }
    with Watch(run.stage_id, asked.count()):
        answers = (
            asked.repartition(shape.actors)
            .map_batches(
                TimedWriter,
                fn_constructor_args=(
                    Engine(model_path(run, source), shape, settings.seed),
                    sampling,
                    run.stage_id,
                ),
                batch_format="pyarrow",
                batch_size=shape.batch_rows,
                compute=ActorPoolStrategy(size=shape.actors),
                num_cpus=shape.cpus_per_actor,
                num_gpus=shape.gpus_per_actor,
            )
            .materialize()
        )
    # Candidates of one model share its batches: the seconds of one cannot be told from another's.
    spent = of_a_thousand(None, answers.mean(SECONDS) / shape.actors)
    names = [candidate.name for candidate in settings.candidates if candidate.source == source]
    return Part(answers, dict.fromkeys(names, spent))


def by_api(asked: Dataset, candidate: Candidate, run: Stage) -> Part:
    """The texts that a model behind an API wrote; what could not be had is Failed.

    It has a bill of its own, so that its money is told from that of another candidate.
    """
    paying = in_role(run, "teacher", account(run, "accounts", candidate.account))
    name = f"{run.stage_id}/{candidate.name}"
    question = Question(messages_of, answer_id, run.name)
    with Watch(name, asked.count()), reach(paying, "teacher") as reached:
        endpoint = replace(reached, stage_id=name)
        began = time.monotonic()
        replied = ask_all(asked, endpoint, question, shape=run.profile.api)
        seconds = time.monotonic() - began
        paid = {**bill(endpoint), "candidate": candidate.name}
    answers = (
        replied.filter(expr=col("error") == "")
        .map_batches(
            Priced,
            fn_constructor_args=(endpoint,),
            batch_format="pyarrow",
            compute=ActorPoolStrategy(size=1),
            num_cpus=0.1,
        )
        .materialize()
    )
    failed = replied.filter(expr=col("error") != "")
    usd = None if endpoint.price is None or not answers.count() else answers.mean("usd")
    now = replied.filter(expr=col("paid_tokens_out") > 0).count()
    # What the journal had took no time: the seconds are those of the replies that came now.
    spent = of_a_thousand(usd, seconds / now if now else None)
    return Part(answers, {candidate.name: spent}, failed, paid)


def messages_of(row: dict[str, Any]) -> list[Message]:
    """The chat that the row carries."""
    chat: list[Message] = json.loads(row["messages"])
    return chat


def answer_id(row: dict[str, Any]) -> str:
    """What an answer that cannot be had is called."""
    return str(row["answer_id"])


def writers(stage: Stage) -> list[str]:
    """The stages of the config whose models the candidates are."""
    there = {spec.folder for spec in stage.config.stages}
    sources = (candidate.source for candidate in stage.settings(AnswerSettings).candidates)
    return [name for name in dict.fromkeys(sources) if name in there]


def check_candidates(stage: Stage) -> None:
    """Raises what is amiss with the base or with the account of a model behind an API."""
    for candidate in stage.settings(AnswerSettings).candidates:
        if candidate.source not in ("golden", "api"):
            model_path(stage, candidate.source)
        if candidate.source == "api":
            check_account(stage, account(stage, "accounts", candidate.account))


JOB = Job(
    name="answer",
    main=main,
    sections={
        "answer": AnswerSettings,
        "base": BaseModelSettings,
        "accounts": Accounts,
        "offline": Offline,
        "budget": Budget,
    },
    reads=("brief", "pretrain"),
    reads_named=writers,
    sources=(
        "configs/brands/{brand}",
        "prompts/chat",
        "prompts/partials",
        "jobs/llm/offline/teacher",
    ),
    check=check_candidates,
)

if __name__ == "__main__":
    start("answer")
