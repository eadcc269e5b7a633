"""What a training publishes: weights and curve of its last checkpoint, and no weight is empty."""

import json
from pathlib import Path

import numpy as np
import pytest
import ray.train
from safetensors.numpy import save_file

from jobs.domain.errors import StageError
from jobs.runtime.storage import Folder
from jobs.runtime.trainer import Fit
from jobs.training.results import publish_training

HISTORY = [{"step": 5, "loss": 1.5}]
RESUME = ("optimizer.pt", "rng_state_0.pth", "training_args.bin", "latest", "zero_to_fp32.py")


def fitted(folder: Path, *weights: str, **shapes: tuple[int, ...]) -> Fit:
    """A training whose checkpoint holds these files of weights, each with tensors so shaped."""
    folder.mkdir()
    for name in weights:
        tensors = {key: np.zeros(shape, np.float32) for key, shape in shapes.items()}
        save_file(tensors, folder / name)
    for name in (*RESUME, "adapter_config.json", "config.json", "tokenizer.json"):
        (folder / name).write_text("{}")
    (folder / "global_step5").mkdir()
    (folder / "trainer_state.json").write_text(json.dumps({"log_history": HISTORY}))
    return Fit({}, ray.train.Checkpoint.from_directory(folder))


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_an_adapter_is_two_files(tmp_path: Path) -> None:
    fit = fitted(tmp_path / "saved", "adapter_model.safetensors", a=(2, 3), b=(3, 2))
    assert publish_training(fit, Folder(str(tmp_path / "sft")), whole=False) == HISTORY
    assert names(tmp_path / "sft") == ["adapter", "curve.json"]
    adapter = tmp_path / "sft" / "adapter"
    assert names(adapter) == ["adapter_config.json", "adapter_model.safetensors"]
    assert not any(entry.is_symlink() for entry in adapter.iterdir())
    assert json.loads((tmp_path / "sft" / "curve.json").read_text()) == HISTORY


def test_a_whole_model_comes_with_tokenizer_and_shards_but_without_resume_state(
    tmp_path: Path,
) -> None:
    shards = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
    fit = fitted(tmp_path / "saved", *shards, a=(2, 3))
    publish_training(fit, Folder(str(tmp_path / "sft")), whole=True)
    found = names(tmp_path / "sft" / "model")
    assert {*shards, "config.json", "tokenizer.json"} <= set(found)
    assert not {*RESUME, "trainer_state.json", "global_step5"} & set(found)


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize(
    ("shapes", "named"), [({"a": (2, 3), "b": (0,)}, "1 of 2, such as b"), ({}, "no weights")]
)
def test_empty_weights_are_refused_and_nothing_is_published(
    tmp_path: Path, shapes: dict[str, tuple[int, ...]], named: str, whole: bool
) -> None:
    files = {True: "model.safetensors", False: "adapter_model.safetensors"}
    fit = fitted(tmp_path / "saved", files[whole], **shapes)
    with pytest.raises(StageError, match=named):
        publish_training(fit, Folder(str(tmp_path / "sft")), whole=whole)
    assert not (tmp_path / "sft").exists()
