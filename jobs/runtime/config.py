"""A config: TOML into small frozen pydantic classes, with overrides from the command line.

The whole config is one model whose fields are the sections that the jobs declare; a typo fails
before anything starts. pydantic-settings gives `--section.key value` and `--help`; its environment
source is off, since secrets are read where they are used and nothing else should come from there.
"""

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings import SettingsError as CommandLineError

from jobs.domain.errors import SettingsError

STAGE_NAME = re.compile(r"[a-z][a-z0-9_]*")


class Section(BaseModel):
    """A settings class: frozen, unknown keys fail."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    shapes_result: ClassVar[bool] = True  # False: it may be changed on a finished stage


class StageSpec(Section):
    """One named instance of a job in a run."""

    job: str = Field(description="file name under jobs/")
    name: str = Field(default="", description="folder under the run; default: the job's name")
    inputs: dict[str, str] = Field(
        default_factory=dict,
        description="job -> stage to read from; default: the last of that job before this one",
    )

    @property
    def folder(self) -> str:
        """The stage's name."""
        return self.name or self.job


class Whole(BaseSettings):
    """What every config has; the sections are added by `read_config`."""

    model_config = SettingsConfigDict(
        extra="forbid",
        frozen=True,
        cli_hide_none_type=True,
        cli_implicit_flags=True,
        cli_exit_on_error=False,
    )

    run: str = Field(description="name of the run's folder under storage")
    storage: str = Field(default="runs", description="a folder or s3://, gs:// address")
    brand: str = Field(description="folder under configs/brands/")
    profile: str = Field(default="laptop", description="file name under cluster/profiles/")
    stages: tuple[StageSpec, ...] = Field(description="what the pipeline runs, in order")
    only: str = Field(default="", description="run this stage alone")
    redo: bool = Field(
        default=False, description="run stages again whose settings or input changed"
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only the file and, before it, the command line."""
        return (init_settings,)


def read_toml(path: Path) -> dict[str, Any]:
    """The table in a TOML file. Raises SettingsError when it is missing or not TOML."""
    if not path.is_file():
        raise SettingsError(f"there is no {path}. Configs lie under configs/, see README.md.")
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not TOML: {error}. Correct that line.") from error


def read_config(path: Path, arguments: list[str], sections: Mapping[str, type[Section]]) -> Whole:
    """The config at `path` with `--section.key value` overrides.

    `sections` maps each job's section to its class; a stage with a name of its own may have a
    section of that name, of its job's class. Raises SettingsError naming key, file and mend.
    """
    table = read_toml(path)
    known = {**sections, **_stage_sections(path, table, sections)}
    fields: dict[str, Any] = {name: (cls | None, None) for name, cls in known.items()}
    model = create_model("Config", __base__=Whole, **fields)
    try:
        command: dict[str, Any] = {"_cli_parse_args": arguments, "_cli_prog_name": str(path)}
        return model(**command, **table)
    except ValidationError as error:
        raise SettingsError(_explain(path, error, model)) from error
    except CommandLineError as error:
        raise SettingsError(_explain_command_line(str(error), model)) from error


def _stage_sections(
    path: Path, table: Mapping[str, Any], sections: Mapping[str, type[Section]]
) -> dict[str, type[Section]]:
    """The sections of stages that have a name of their own. Raises SettingsError for a bad name."""
    stages = table.get("stages")
    found: dict[str, type[Section]] = {}
    for stage in stages if isinstance(stages, list) else ():
        name = stage.get("name") if isinstance(stage, dict) else None
        if not name or name == stage.get("job"):
            continue
        if not STAGE_NAME.fullmatch(str(name)):
            raise SettingsError(f"{path} names a stage {name!r}; wanted lower case letters and _.")
        if name in sections or name in Whole.model_fields:
            raise SettingsError(
                f"{path} names a stage {name!r}, which is a setting or a section already. Choose "
                f"another name."
            )
        if stage.get("job") in sections:
            found[name] = sections[stage["job"]]
    return found


def _explain(path: Path, error: ValidationError, model: type[BaseModel]) -> str:
    """Each problem as one line: found, wanted, what to do."""
    lines = []
    for problem in error.errors():
        *parents, key = (str(part) for part in problem["loc"])
        place = f"{path} [{'.'.join(parents)}]" if parents else str(path)
        if problem["type"] == "extra_forbidden":
            wanted = list(_model_at(model, parents).model_fields)
            hint = _did_you_mean(key, wanted) or "Remove it, or correct its name."
            lines.append(f"{place} has no setting '{key}'; it has {', '.join(wanted)}. {hint}")
        elif problem["type"] == "missing":
            lines.append(f"{place} lacks '{key}'. Add it.")
        else:
            found = re.sub(r"//[^/@\s]+@", "//...@", repr(problem["input"]))[:80]  # no password
            lines.append(f"{place} {key} = {found}: {problem['msg'].lower()}. Correct the value.")
    return "\n".join(lines)


def _explain_command_line(message: str, model: type[BaseModel]) -> str:
    """What argparse says in one line, with the nearest name instead of its whole usage."""
    unknown = re.search(r"unrecognized arguments: --([\w.]+)", message)
    if unknown is None:
        return f"{message.removeprefix('error parsing CLI: ')}. See --help."
    wanted = list(model.model_fields)
    for name in model.model_fields:
        section = _model_at(model, [name])
        wanted += [f"{name}.{key}" for key in section.model_fields if section is not model]
    hint = _did_you_mean(unknown[1], wanted)
    return f"there is no option --{unknown[1]}. {hint} See --help for all."


def _did_you_mean(key: str, wanted: Iterable[str]) -> str:
    close = difflib.get_close_matches(key, wanted, n=1)
    return f"Did you mean '{close[0]}'?" if close else ""


def _model_at(model: type[BaseModel], parents: Iterable[str]) -> type[BaseModel]:
    """The class of the table at `parents`, as far as its names are known."""
    for name in parents:
        if name in model.model_fields:
            kind = model.model_fields[name].annotation
        else:  # a table whose keys are names of the user's, as [teachers.<name>]
            kind = model.__annotations__.get("__pydantic_extra__")
        inner = [one for one in (kind, *get_args(kind)) if _is_model(one)]
        model = inner[0] if inner else model
    return model


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


S = TypeVar("S", bound=Section)


def section_of(config: Whole, name: str, cls: type[S]) -> S:
    """The section `name`, or its defaults where the config has none. Raises SettingsError."""
    value = getattr(config, name, None)
    if isinstance(value, cls):
        return value
    try:
        return cls()
    except ValidationError as error:
        missing = ", ".join(str(problem["loc"][0]) for problem in error.errors())
        raise SettingsError(f"the config has no section [{name}]; it needs {missing}.") from error
