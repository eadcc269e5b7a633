"""Named API accounts: `[teachers.<name>]`, `[judges.<name>]`, `[accounts.<name>]`."""

from collections.abc import Iterable
from dataclasses import replace

from pydantic import ConfigDict, Field

from jobs.domain.errors import SettingsError
from jobs.llm.api import Api, api_key
from jobs.llm.reach import check_budget
from jobs.runtime.config import Section
from jobs.runtime.stage import Stage


class Accounts(Section):
    """`[judges.x]` has the settings of `[judge]`; others, as `[teachers.x]`, of `[teacher]`."""

    model_config = ConfigDict(extra="allow", frozen=True)

    __pydantic_extra__: dict[str, Api] = Field(init=False)


def accounts_in(stage: Stage, table: str) -> dict[str, Api]:
    """The accounts `[table.<name>]`, by name; none where the config has no such table."""
    return stage.section(table, Accounts).__pydantic_extra__ or {}


def account(stage: Stage, table: str, name: str) -> Api:
    """The account `[table.name]`. Raises SettingsError for a name that the config lacks."""
    there = accounts_in(stage, table)
    if name not in there:
        raise SettingsError(
            f"stage {stage.name!r} wants [{table}.{name}]; the config has "
            f"{', '.join(f'[{table}.{known}]' for known in there) or 'none'}. Add that section."
        )
    return there[name]


def models_of(accounts: Iterable[Api]) -> str:
    """Their models in one line, each once."""
    return ", ".join(dict.fromkeys(api.model for api in accounts))


def in_role(stage: Stage, role: str, api: Api) -> Stage:
    """The stage with this account as its `teacher` or `judge`, for `reach`."""
    return replace(stage, config=stage.config.model_copy(update={role: api}))


def check_account(stage: Stage, api: Api) -> None:
    """Raises SettingsError where its key is not set, or a budget is and its price is unknown."""
    api_key(api)
    check_budget(stage, api)
