"""The trainer for machines without a GPU computes TRL's own loss."""

from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset
from transformers import Qwen2Config, Qwen2ForCausalLM

from jobs.runtime.profile import TrainShape
from jobs.training.sft import Sft, lora_config, trainer_class
from jobs.training.tokenizer import learn_tokenizer

IGNORED = -100  # a label without a loss, as torch has it
ROUNDED = 32  # columns of a batch that are left out of the head by the so many


def rows(prompt: int) -> list[dict[str, Any]]:
    """Four texts of different lengths, each prompt at least so many tokens."""
    return [
        {
            "prompt": "写一篇广告" * (prompt + row % 3),
            "completion": "温和修护，科学配方。" * (1 + row),
        }
        for row in range(4)
    ]


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    tokenizer = learn_tokenizer(["写一篇广告，温和修护，科学配方。"] * 20, 300, folder)
    shape = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2}
    heads = {"num_attention_heads": 2, "num_key_value_heads": 2}
    torch.manual_seed(0)
    config = Qwen2Config(vocab_size=len(tokenizer), **shape, **heads)
    Qwen2ForCausalLM(config).save_pretrained(folder)
    return folder


def trained(folder: Path, output: Path, data: list[dict[str, Any]], **trl: Any) -> Any:
    """A trainer on the data by our choice of class; `trl` are fields of TRL's SFTConfig."""
    from trl import SFTConfig

    settings = Sft(trl=trl)
    arguments = SFTConfig(
        output_dir=str(output), use_cpu=True, bf16=False, report_to=[], completion_only_loss=True,
        per_device_train_batch_size=len(data), model_init_kwargs={"dtype": "float32"}, **trl,
    )  # fmt: skip
    return trainer_class(settings, TrainShape(workers=1, batch_per_device=4))(
        model=str(folder),
        args=arguments,
        train_dataset=Dataset.from_list(data),
        peft_config=lora_config(settings),
    )


@pytest.mark.parametrize("prompt", [1, 2 * ROUNDED + 5])
@pytest.mark.parametrize("counted", [None, 50])
def test_loss_is_trls(model_folder: Path, tmp_path: Path, prompt: int, counted: int | None) -> None:
    """In float32, on a padded batch; of a short prompt no whole run of columns can be left out."""
    data = rows(prompt)
    ours = trained(model_folder, tmp_path, data)
    theirs = trained(model_folder, tmp_path, data, loss_type="nll")
    assert type(theirs).__name__ == "SFTTrainer" != type(ours).__name__
    assert {weight.dtype for weight in ours.model.parameters()} == {torch.float32}
    batch = next(iter(theirs.get_train_dataloader()))
    assert len(set(batch["attention_mask"].sum(1).tolist())) > 1, "some rows are padded"
    first = int((batch["labels"] != IGNORED).any(0).nonzero()[0])
    assert (first < ROUNDED) == (prompt < ROUNDED)
    assert first % ROUNDED, "some columns of a prompt stay"
    count = None if counted is None else torch.tensor(counted)
    losses = [
        trainer.compute_loss(trainer.model, dict(batch), num_items_in_batch=count)
        for trainer in (ours, theirs)
    ]
    torch.testing.assert_close(losses[0], losses[1], rtol=1e-5, atol=1e-6)
