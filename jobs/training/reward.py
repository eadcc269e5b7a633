"""A reward model: TRL's RewardTrainer (Bradley-Terry) on Ray Train's workers."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import ray
from pydantic import Field

from jobs.domain.prompts import Message
from jobs.runtime.profile import TrainShape
from jobs.runtime.storage import Folder
from jobs.training.preference import BY_LENGTH, PreferenceTask, left_out
from jobs.training.tuning import Tuning, lora_config, model_arguments, trl_arguments


class Reward(Tuning):
    """What is learned from pairs; how it is spread over workers is in the profile."""

    trl_class: ClassVar[tuple[str, str]] = ("trainer/reward_config.py", "RewardConfig")

    epochs: float = Field(default=1, gt=0)
    dev_rows: int = Field(default=512, ge=1, description="held-out pairs of dev that are scored")


def reward_loop(config: Mapping[str, Any]) -> None:
    """One worker's training. Reports metrics and checkpoints that hold weights and resume state."""
    from jobs.training.reports import begin, report_callback, train

    task, shape = config["task"], config["shape"]
    report = report_callback(task.stage_id)
    trainer = reward_trainer(task, shape, begin(shape, "reward"), [report])
    report.last["left_out"] = left_out(task, trainer)
    train(trainer, report)


def reward_trainer(
    task: PreferenceTask, shape: TrainShape, folder: str, callbacks: list[Any]
) -> Any:
    """TRL's trainer of a task; a new head of one label is trained with the rest."""
    import datasets
    from trl import RewardTrainer

    from jobs.engines.models import local_model

    return RewardTrainer(
        model=local_model(task.model),
        args=reward_arguments(task.settings, shape, folder),
        train_dataset=datasets.Dataset.from_list(task.train),
        eval_dataset=datasets.Dataset.from_list(task.dev),
        peft_config=lora_config(task.settings, "SEQ_CLS"),
        callbacks=callbacks,
    )


def reward_arguments(settings: Any, shape: TrainShape, folder: str) -> Any:
    """TRL's RewardConfig: what the config says, spread as the profile says."""
    from trl import RewardConfig

    return RewardConfig(
        **{**BY_LENGTH, **trl_arguments(settings, shape, folder)},
        num_train_epochs=settings.epochs,
        max_length=settings.max_length,
        model_init_kwargs=model_arguments(settings, shape),
        eval_strategy="steps",
        eval_steps=settings.save_every_steps,
    )


@ray.remote(num_cpus=1, max_retries=0)
def merge_reward(start: str, adapter: Folder, target: Folder) -> None:
    """Write the whole reward model, its adapter merged in float32, with its tokenizer."""
    from jobs.engines.models import local_model

    with tempfile.TemporaryDirectory() as scratch:
        whole_reward(Path(local_model(start)), adapter.fetch(), Path(scratch))
        target.publish(Path(scratch))


def whole_reward(start: Path, adapter: Path, target: Path) -> None:
    """`start` with the adapter and its head merged in, so that transformers alone can load it."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(start)
    if tokenizer.pad_token is None:  # as TRL has it: the score is read at the last other token
        tokenizer.pad_token = tokenizer.eos_token
    model = AutoModelForSequenceClassification.from_pretrained(
        start, num_labels=1, dtype=torch.float32
    )
    model.config.get_text_config().pad_token_id = tokenizer.pad_token_id
    PeftModel.from_pretrained(model, adapter).merge_and_unload().save_pretrained(target)
    tokenizer.save_pretrained(target)


@ray.remote(num_cpus=1, max_retries=0)
def scores_of(model: Folder, chats: Sequence[list[Message]], threads: int) -> list[float]:
    """The published model's scores of some chats."""
    from jobs.engines.scorer import Scorer

    return Scorer(model.address, threads=threads).score(chats)
