"""Several teachers in one config: `[teachers.<name>]` beside the one `[teacher]`."""

from collections.abc import Callable, Sequence

from jobs.domain.errors import SettingsError
from jobs.llm.accounts import account, accounts_in, check_account, in_role
from jobs.llm.api import Api
from jobs.runtime.stage import Stage


def accounts(stage: Stage) -> list[Api]:
    """Every account that may have taught in this run: the one teacher, then the named ones."""
    return [stage.section("teacher", Api), *accounts_in(stage, "teachers").values()]


def as_teacher(stage: Stage, name: str) -> Stage:
    """The stage with the named account in the teacher's place; with no name, as it is.

    Raises SettingsError for a name that the config does not have.
    """
    return in_role(stage, "teacher", account(stage, "teachers", name)) if name else stage


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
            check_account(teacher, teacher.section("teacher", Api))

    return check
