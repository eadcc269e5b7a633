"""Several teachers in one config: `[teachers.<name>]` beside the one `[teacher]`."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from pydantic import ConfigDict, Field

from jobs.domain.errors import SettingsError
from jobs.llm.api import Api, api_key
from jobs.llm.reach import check_budget
from jobs.runtime.config import Section
from jobs.runtime.stage import Stage


class Teachers(Section):
    """Named accounts: `[teachers.deepseek]` has the settings of `[teacher]`."""

    model_config = ConfigDict(extra="allow", frozen=True)

    __pydantic_extra__: dict[str, Api] = Field(init=False)


def accounts(stage: Stage) -> list[Api]:
    """Every account that may have taught in this run: the one teacher, then the named ones."""
    named = stage.section("teachers", Teachers).__pydantic_extra__ or {}
    return [stage.section("teacher", Api), *named.values()]


def as_teacher(stage: Stage, name: str) -> Stage:
    """The stage with the named account in the teacher's place; with no name, as it is.

    Raises SettingsError for a name that the config does not have.
    """
    if not name:
        return stage
    accounts = stage.section("teachers", Teachers).__pydantic_extra__ or {}
    if name not in accounts:
        raise SettingsError(
            f"stage {stage.name!r} wants a teacher {name!r}; the config has "
            f"{', '.join(accounts) or 'none'}. Add a section [teachers.{name}]."
        )
    return replace(stage, config=stage.config.model_copy(update={"teacher": accounts[name]}))


def by_model(stage: Stage, names: Sequence[str]) -> dict[str, Stage]:
    """The stage as each of these teachers, by its model; with no names, as the one teacher.

    Raises SettingsError where two have one model: a draft is known by its model alone.
    """
    found: dict[str, Stage] = {}
    for name in names or [""]:
        teacher = as_teacher(stage, name)
        model = teacher.section("teacher", Api).model
        if model in found:
            raise SettingsError(
                f"stage {stage.name!r} has two teachers whose model is {model!r}, and a draft is "
                f"known by its model. Name each teacher once, and give their models other names."
            )
        found[model] = teacher
    return found


def check_teachers(chosen: Callable[[Stage], Sequence[str]]) -> Callable[[Stage], None]:
    """A job's check that its teachers are there with their keys. The check raises SettingsError."""

    def check(stage: Stage) -> None:
        for teacher in by_model(stage, chosen(stage)).values():
            api = teacher.section("teacher", Api)
            api_key(api)
            check_budget(teacher, api)

    return check
