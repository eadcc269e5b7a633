"""Supervised fine-tuning: TRL's SFTTrainer with PEFT and DeepSpeed, on Ray Train's workers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import Field

from jobs.runtime.profile import TrainShape
from jobs.training.tuning import ROUNDED, Tuning, lora_config, model_arguments, trl_arguments


class Sft(Tuning):
    """What is learned; how it is spread over workers is in the profile."""

    trl_class: ClassVar[tuple[str, str]] = ("trainer/sft_config.py", "SFTConfig")
    trl_ours: ClassVar[frozenset[str]] = frozenset({"completion_only_loss", "assistant_only_loss"})

    epochs: float = Field(default=3, gt=0)
    renamed: float = Field(
        default=0, ge=0, le=1, description="share of copies with invented names and amounts"
    )
    dev_rows: int = Field(default=64, ge=0, description="rows of dev whose loss is measured")


@dataclass(frozen=True)
class SftTask:
    """What every worker is handed. A chat is `{"prompt": [...], "completion": [...]}`."""

    settings: Sft
    model: str  # address or hub id
    train: list[dict[str, Any]]
    dev: list[dict[str, Any]]
    stage_id: str


def sft_loop(config: Mapping[str, Any]) -> None:
    """One worker's training. Reports metrics and checkpoints that hold weights and resume state."""
    from jobs.training.reports import begin, report_callback, train

    task, shape = config["task"], config["shape"]
    report = report_callback(task.stage_id)
    train(sft_trainer(task, shape, begin(shape, "sft"), [report]), report)


def sft_trainer(task: SftTask, shape: TrainShape, folder: str, callbacks: list[Any]) -> Any:
    """TRL's trainer of a task, in a process that has begun; `folder` gets its checkpoints."""
    import datasets

    from jobs.engines.models import local_model

    return trainer_class(task.settings, shape)(
        model=local_model(task.model),
        args=sft_arguments(task.settings, shape, folder),
        train_dataset=datasets.Dataset.from_list(task.train),
        eval_dataset=datasets.Dataset.from_list(task.dev) if task.dev else None,
        peft_config=lora_config(task.settings),
        callbacks=callbacks,
    )


def trainer_class(settings: Sft, shape: TrainShape) -> Any:
    """TRL's SFTTrainer; without a GPU, one that computes the same loss in torch's own operations.

    TRL's fused head is a Triton kernel. Its stand-in for CPUs took 68 % of a step here, on prompt
    and copy alike; this one makes logits from the first completion token on.
    """
    import torch
    from trl import SFTTrainer

    if shape.gpus_per_worker or OTHER_LOSSES & settings.trl.keys():
        return SFTTrainer

    class CpuTrainer(SFTTrainer):  # type: ignore[misc]
        """The plain `nll` loss; entropy and token accuracy are not logged."""

        def compute_loss(
            self,
            model: Any,
            inputs: dict[str, Any],
            return_outputs: bool = False,
            num_items_in_batch: Any = None,
        ) -> Any:
            """Cross-entropy of the completions' tokens, averaged over those of all workers."""
            labels_BT = inputs["labels"]
            others = {key: value for key, value in inputs.items() if key != "labels"}
            first = int((labels_BT != IGNORED).any(0).nonzero()[0])
            first = max(1, first // ROUNDED * ROUNDED)
            kept = torch.arange(first - 1, labels_BT.shape[1] - 1)
            outputs = model(**others, use_cache=False, logits_to_keep=kept)
            targets_BK = labels_BT[:, first:]
            total = torch.nn.functional.cross_entropy(
                outputs.logits.flatten(0, 1).float(),
                targets_BK.flatten(),
                ignore_index=IGNORED,
                reduction="sum",
            )
            if num_items_in_batch is None:
                loss = total / (targets_BK != IGNORED).sum()
            else:
                workers = (
                    self.accelerator.num_processes if self.args.average_tokens_across_devices else 1
                )
                loss = total * workers / num_items_in_batch
            return (loss, outputs) if return_outputs else loss

    return CpuTrainer


OTHER_LOSSES = frozenset({"loss_type", "label_smoothing_factor"})
IGNORED = -100  # the label of tokens without a loss


def sft_arguments(settings: Sft, shape: TrainShape, folder: str) -> Any:
    """TRL's SFTConfig: what the config says, spread as the profile says."""
    from trl import SFTConfig

    shared = trl_arguments(settings, shape, folder)
    if shape.gpus_per_worker:
        shared = {"pad_to_multiple_of": "auto", **shared}
    return SFTConfig(
        **shared,
        num_train_epochs=settings.epochs,
        max_length=settings.max_length,
        model_init_kwargs=model_arguments(settings, shape),
        completion_only_loss=True,
        eval_strategy="steps" if settings.dev_rows else "no",
        eval_steps=settings.save_every_steps,
    )
