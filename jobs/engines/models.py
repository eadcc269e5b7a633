"""Which model a stage means: the embedded base, a folder, a hub id, or what a stage wrote."""

from pathlib import Path

from pydantic import Field

from jobs.domain.errors import InputError
from jobs.runtime.config import Section
from jobs.runtime.stage import Stage
from jobs.runtime.storage import Folder

EMBEDDED = "embedded"
MODEL = "model"  # folder of a stage that writes a whole model
ADAPTER = "adapter"  # folder of a stage that writes LoRA weights
TUNING = ("sft", "dpo", "grpo")  # jobs that write one or the other


class BaseModelSettings(Section):
    """The model that everything starts from."""

    model: str = Field(
        default=EMBEDDED, description="embedded (the pretrain stage), a folder, or a hub id"
    )


def model_path(stage: Stage, source: str) -> str:
    """The address or hub id of `base`, or of what the stage of job `source` wrote.

    Raises InputError where a folder is named that is not there.
    """
    if source == "base":
        name = stage.section("base", BaseModelSettings).model
        if name != EMBEDDED:
            return checked_path(name)
        source = "pretrain"
    return (stage.input(source) / MODEL).address


def tuned(stage: Stage) -> Stage | None:
    """The tuning stage that this one goes on from: named in its inputs, else the last before it."""
    found = {job: before for job, before in stage.inputs().items() if job in TUNING}
    named = [found[job] for job in stage.spec.inputs if job in found]
    order = [spec.folder for spec in stage.config.stages]
    return max(named or found.values(), key=lambda one: order.index(one.name), default=None)


def check_base(stage: Stage) -> None:
    """A job's check that its base is there, or will be. Raises InputError or StageError."""
    model_path(stage, "base")


def checked_path(name: str) -> str:
    """A hub id as it is, a path only if a model lies there. Raises InputError."""
    path = Path(name)
    looks_like_path = path.is_absolute() or name.startswith((".", "~")) or name.count("/") != 1
    if (looks_like_path or path.exists()) and not (path / "config.json").is_file():
        raise InputError(
            f"there is no model in {name!r} (no config.json). Set [base] model to a folder that "
            f'holds one, to a hub id such as Qwen/Qwen2.5-0.5B-Instruct, or to "embedded".'
        )
    return name


def local_model(name: str) -> str:
    """What a loader takes for `model_path`'s name: a path on this machine, or the hub id."""
    folder = Folder(name)
    if not folder.is_local or folder.exists():
        return str(folder.fetch())
    return name
