"""What a training leaves behind: `adapter/` or `model/`, and its curves."""

import json
import tempfile
from pathlib import Path
from typing import Any

from jobs.domain.errors import StageError
from jobs.engines.models import ADAPTER, MODEL
from jobs.runtime.storage import Folder
from jobs.runtime.trainer import Fit
from jobs.training.reports import EVENTS

CURVE = "curve.json"
ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors")
STATE = "trainer_state.json"  # the Trainer's own: the step it is at, and what it logged
MODEL_SUFFIXES = frozenset({".json", ".safetensors", ".jinja", ".txt", ".model"})


def publish_training(fitted: Fit, folder: Folder, *, whole: bool) -> list[dict[str, Any]]:
    """Write the last checkpoint's weights and TRL's log_history to a stage's folder.

    `whole` (lora = false): `model/` with its tokenizer, else `adapter/`. Resume state is left out;
    TensorBoard's files, where `report_to` asks for them, go to `tensorboard/`.
    Returns the history. Raises StageError where a weight was saved empty.
    """
    with fitted.checkpoint.as_directory() as saved, tempfile.TemporaryDirectory() as scratch:
        history: list[dict[str, Any]] = json.loads((Path(saved) / STATE).read_text())["log_history"]
        chosen = model_files(Path(saved)) if whole else [Path(saved) / n for n in ADAPTER_FILES]
        check_weights([path for path in chosen if path.suffix == ".safetensors"])
        for path in chosen:
            (Path(scratch) / path.name).symlink_to(path.absolute())
        (folder / (MODEL if whole else ADAPTER)).publish(Path(scratch))
        if (Path(saved) / EVENTS).is_dir():
            (folder / EVENTS).publish(Path(saved) / EVENTS)
    folder.write_json(CURVE, history)
    return history


def model_files(saved: Path) -> list[Path]:
    """A checkpoint's files of model and tokenizer; optimizer and generator states are others."""
    files = (path for path in saved.iterdir() if path.is_file() and path.name != STATE)
    return sorted(path for path in files if path.suffix in MODEL_SUFFIXES)


def check_weights(files: list[Path]) -> None:
    """Raise StageError where there is no weight at all, or one that has no numbers.

    Under ZeRO-3 a weight outside a gather has shape [0], and is saved so without a word.
    """
    from safetensors import safe_open

    shapes = {}
    for path in files:
        with safe_open(path, framework="numpy") as tensors:
            shapes |= {name: tensors.get_slice(name).get_shape() for name in tensors.keys()}  # noqa: SIM118
    empty = sorted(name for name, shape in shapes.items() if 0 in shape)
    if empty or not shapes:
        found = f"{len(empty)} of {len(shapes)}, such as {empty[0]}" if empty else "no weights"
        raise StageError(
            f"the training saved weights without numbers: {found}. Nothing was published. ZeRO-3 "
            f"does this where weights are not gathered: take zero_stage 2 in the profile's [train]."
        )
