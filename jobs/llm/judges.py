"""Who judges and on what: `[judging]`, and `[judges.<name>]` beside the one `[judge]`.

A judge is known by its section's name, "judge" where there is no panel.
"""

from collections.abc import Callable
from typing import Any

import pyarrow as pa
from pydantic import Field, field_validator
from ray.data import Dataset

from jobs.domain.errors import SettingsError
from jobs.domain.metrics import named
from jobs.domain.verdicts import CHOICES, parse_winner
from jobs.llm.accounts import account, check_account, in_role
from jobs.llm.api import Api
from jobs.llm.asking import Ask, Question, ask_all, bill
from jobs.llm.reach import reach
from jobs.llm.shapes import Shape
from jobs.runtime.config import Section
from jobs.runtime.progress import Watch
from jobs.runtime.stage import Stage
from jobs.runtime.tables import union

ALONE = "judge"  # the name of a judge that is no panel's


class Judging(Section):
    """What is asked of each answer, and of whom."""

    metrics: tuple[str, ...] = Field(
        default=("rubric",), min_length=1, description="of prompts/judge/, asked of an answer alone"
    )
    judges: tuple[str, ...] = Field(default=(), description="[judges.*]; none: [judge]")

    @field_validator("metrics", "judges")
    @classmethod
    def _each_once(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(names)) < len(names):
            raise ValueError(f"{', '.join(names)}: one of them stands there twice")
        return names


def panel(stage: Stage) -> dict[str, Stage]:
    """The stage as each judge of the panel, by the judge's name.

    Raises SettingsError for a judge that the config does not have, and for two that would be asked
    the same: the journal gives both one reply, and they would agree for no reason.
    """
    names = stage.section("judging", Judging).judges
    if not names:
        return {ALONE: stage}
    accounts = {name: account(stage, "judges", name) for name in names}
    asked: dict[str, str] = {}
    for name, api in accounts.items():
        same = asked.setdefault(api.model_dump_json(exclude={"api_key_env"}), name)
        if same != name:
            raise SettingsError(
                f"[judges.{same}] and [judges.{name}] have the same settings: they would be one "
                f"judge asked once. Give one of them another model, or take it out of [judging]."
            )
    return {name: in_role(stage, "judge", api) for name, api in accounts.items()}


def judge_accounts(stage: Stage) -> dict[str, Api]:
    """The settings of each judge of the panel, by its name. Raises SettingsError."""
    return {name: judge.section("judge", Api) for name, judge in panel(stage).items()}


def check_judging(asks: str, wanted: Callable[[Stage], tuple[str, ...]]) -> Callable[[Stage], None]:
    """A job's check of its judges and metrics, before money is spent.

    The check raises SettingsError for a judge that is not there, lacks its key or, under a budget,
    its price; PromptError for a metric that no file has in the brand's language, or that is not
    asked the way `asks` says.
    """

    def check(stage: Stage) -> None:
        for api in judge_accounts(stage).values():
            check_account(stage, api)
        for name in wanted(stage):
            named(name, stage.guide.language, asks)

    return check


def wanted_metrics(stage: Stage) -> tuple[str, ...]:
    """The names in [judging]."""
    return stage.section("judging", Judging).metrics


def ask_panel(
    run: Stage, wanted: Dataset, question: Question, actor: type[Ask] = Ask
) -> tuple[Dataset, list[dict[str, Any]]]:
    """Every row once for each judge, with the columns of `Replied` and `judge`; and the bills."""
    parts: list[Dataset] = []
    bills: dict[str, dict[str, Any]] = {}  # by journal: judges of one model are billed together
    judges = panel(run)
    with Watch(run.stage_id, wanted.count() * len(judges)):
        for name, judge in judges.items():
            with reach(judge, "judge") as endpoint:
                replied = ask_all(wanted, endpoint, question, shape=run.profile.api, actor=actor)
                parts.append(replied.map_batches(said_by(name), batch_format="pyarrow"))
                bills[endpoint.journal.address] = {**bill(endpoint), "judge": name}
    return union(parts), list(bills.values())


def said_by(judge: str) -> Callable[[pa.Table], pa.Table]:
    """Adds the column `judge`."""

    def say(batch: pa.Table) -> pa.Table:
        return batch.append_column("judge", pa.array([judge] * batch.num_rows, pa.string()))

    return say


def step_of(run: Stage, *, judge: str, metric: str = "") -> str:
    """What a Failed row calls its step: metric and judge stand in it where there are several."""
    judging = run.section("judging", Judging)
    several = [metric] * (bool(metric) and len(judging.metrics) > 1)
    several += [judge] * (len(judging.judges) > 1)
    return "/".join([run.name, *several])


def winner_of(row: dict[str, Any], reply: str) -> tuple[str, str]:
    """first, second or tie, and the reason, in a reply about a pair. Raises VerdictError."""
    return parse_winner(reply)


def pair_shape(language: str) -> Shape:
    """What a reply about a pair has to look like."""
    return reply_shape("better", {"type": "string", "enum": [*CHOICES]}, winner_of, language)


def reply_shape(
    key: str, kind: dict[str, Any], check: Callable[[dict[str, Any], str], object], language: str
) -> Shape:
    """An object of `key` and the judge's reason, and nothing else."""
    schema = {
        "type": "object",
        "properties": {key: kind, "reason": {"type": "string"}},
        "required": [key, "reason"],
        "additionalProperties": False,
    }
    return Shape("verdict", schema, check, language)
