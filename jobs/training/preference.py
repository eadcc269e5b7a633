"""What reward and dpo share: pairs as TRL's preference trainers take them, and where they start."""

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import ray

from jobs.domain.errors import StageError
from jobs.domain.rows import Pair
from jobs.engines.models import ADAPTER, MODEL, model_path, tuned
from jobs.runtime.stage import Stage
from jobs.runtime.storage import Folder
from jobs.training.merge import merge_adapter
from jobs.training.tuning import Tuning

MERGED = "start"  # folder with what a whole model starts from, gone when the stage is done
# Less padding. The Trainer would remove `length` with all columns that no model is given; TRL's
# collators look at what they need alone.
BY_LENGTH = {"train_sampling_strategy": "group_by_length", "remove_unused_columns": False}


@dataclass(frozen=True)
class PreferenceTask:
    """What every worker is handed."""

    settings: Tuning
    model: str  # address or hub id
    adapter: str  # address of the adapter that is trained on; empty: a new one, or none
    train: list[dict[str, Any]]
    dev: list[dict[str, Any]]
    stage_id: str


def preferences(pairs: Iterable[Pair]) -> list[dict[str, Any]]:
    """Pairs in TRL's conversational format. `length` (characters) is what batches are grouped by.

    >>> prompt = '[{"role": "user", "content": "Hi"}]'
    >>> pair = Pair("1", "", "train", "en", prompt, "a", "bc", "own", "", "")
    >>> preferences([pair])[0]["rejected"]
    [{'role': 'assistant', 'content': 'bc'}]
    """
    return [
        {
            "prompt": json.loads(pair.prompt),
            "chosen": answer(pair.chosen),
            "rejected": answer(pair.rejected),
            "length": len(pair.prompt) + max(len(pair.chosen), len(pair.rejected)),
        }
        for pair in pairs
    ]


def answer(text: str) -> list[dict[str, str]]:
    """The one message of a completion."""
    return [{"role": "assistant", "content": text}]


def left_out(task: PreferenceTask, trainer: Any) -> int:
    """How many pairs TRL left out as too long. Raises StageError where none is left."""
    left = len(trainer.train_dataset)
    if not left:
        raise StageError(
            f"each of the {len(task.train)} pairs is longer than max_length, which is "
            f"{task.settings.max_length} tokens of prompt and answer together. Raise it."
        )
    return len(task.train) - left


def optimizer_steps(rows: int, global_batch: int, epochs: float) -> int:
    """How many steps the optimizer takes, for the progress line.

    >>> optimizer_steps(65, 32, 2)
    6
    """
    return math.ceil(math.ceil(rows / global_batch) * epochs)


def whole_start(run: Stage) -> str:
    """The whole model to go on from: base and adapter merged in float32, into a fresh copy.

    A tuning stage that trained all weights has one; without any it is the base.
    """
    before, base = tuned(run), model_path(run, "base")
    if before is None:
        return base
    if trained_whole(before):
        return (before.folder / MODEL).address
    target = run.folder / MERGED
    ray.get(merge_adapter.remote(base, before.folder / ADAPTER, target, "float32"))
    return target.address


def trained_whole(stage: Stage) -> bool:
    """True where a tuning stage writes `model/` and not `adapter/`."""
    section = stage.job.sections[stage.job.name]
    return getattr(stage.settings(section), "lora", None) is False


def forget_start(folder: Folder) -> None:
    """Remove the merged copy that `whole_start` made, where it made one."""
    (folder / MERGED).delete()
