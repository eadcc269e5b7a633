"""Validation briefs x candidate models -> Answer.   python -m jobs.answer configs/demo.toml

Every candidate gets the same short chat; one that is `guided` gets the brand's guide with it.
Golden texts are candidates too.
"""

import json
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field, field_validator
from ray.data import ActorPoolStrategy, Dataset

from jobs.domain.errors import InputError, SettingsError
from jobs.domain.golden import read_golden
from jobs.domain.prompts import render_brief, render_guided
from jobs.domain.rows import Answer, Brief
from jobs.engines.models import BaseModelSettings, check_base, model_path
from jobs.engines.writer import Engine, Writer
from jobs.runtime.briefs import read_briefs
from jobs.runtime.command import start
from jobs.runtime.config import Section
from jobs.runtime.passthrough import check_passthrough, class_fields
from jobs.runtime.progress import Watch
from jobs.runtime.stage import Counts, Job, Stage
from jobs.runtime.tables import brief_columns, write_dataset

SAMPLING_OURS = frozenset({"n", "max_tokens", "temperature", "seed", "prompt_logprobs", "logprobs"})


class Candidate(Section):
    """One model in the comparison."""

    name: str = Field(description="how tables and reports call it")
    source: Literal["golden", "base", "merge"] = Field(description="where it comes from")
    guided: bool = Field(default=False, description="the brand's guide is in its prompt")


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
        asked = chats(briefs, group, run)
        parts.append(
            golden(asked, run) if source == "golden" else written(asked, source, settings, run)
        )
    answers = parts[0].union(*parts[1:]) if len(parts) > 1 else parts[0]
    out = write_dataset(answers, Answer, run.folder)
    return Counts(briefs.count() * len(names), out)


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


def written(asked: Dataset, source: str, settings: AnswerSettings, run: Stage) -> Dataset:
    """The texts that a model wrote, by vLLM engines in actors."""
    shape = run.profile.engine
    sampling = {
        "max_tokens": settings.max_tokens,
        "temperature": settings.temperature,
        **settings.vllm,
    }
    with Watch(run.stage_id, asked.count()):
        return (
            asked.repartition(shape.actors)
            .map_batches(
                Writer,
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


JOB = Job(
    name="answer",
    main=main,
    sections={"answer": AnswerSettings, "base": BaseModelSettings},
    reads=("brief", "pretrain", "merge"),
    sources=("configs/brands/{brand}", "prompts/chat", "prompts/partials"),
    check=check_base,
)

if __name__ == "__main__":
    start("answer")
