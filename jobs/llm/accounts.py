"""Named API accounts: tables such as `[judges.<name>]` and `[accounts.<name>]`."""

from dataclasses import replace

from pydantic import ConfigDict, Field

from jobs.domain.errors import SettingsError
from jobs.llm.api import Api, api_key
from jobs.llm.reach import check_budget
from jobs.runtime.config import Section
from jobs.runtime.stage import Stage


class Accounts(Section):
    """`[judges.x]` has the settings of `[judge]`, `[accounts.x]` those of `[teacher]`."""

    model_config = ConfigDict(extra="allow", frozen=True)

    __pydantic_extra__: dict[str, Api] = Field(init=False)


def account(stage: Stage, table: str, name: str) -> Api:
    """The account `[table.name]`. Raises SettingsError for a name that the config lacks."""
    there = stage.section(table, Accounts).__pydantic_extra__ or {}
    if name not in there:
        raise SettingsError(
            f"stage {stage.name!r} wants [{table}.{name}]; the config has "
            f"{', '.join(f'[{table}.{known}]' for known in there) or 'none'}. Add that section."
        )
    return there[name]


def in_role(stage: Stage, role: str, api: Api) -> Stage:
    """The stage with this account as its `teacher` or `judge`, for `reach`."""
    return replace(stage, config=stage.config.model_copy(update={role: api}))


def check_account(stage: Stage, api: Api) -> None:
    """Raises SettingsError where its key is not set, or a budget is and its price is unknown."""
    api_key(api)
    check_budget(stage, api)
