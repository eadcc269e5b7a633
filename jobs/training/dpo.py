"""Direct preference optimisation: TRL's DPOTrainer on Ray Train's workers, from the SFT adapter."""

import ast
import functools
import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from jobs.domain.errors import SettingsError
from jobs.runtime.profile import TrainShape
from jobs.training.adapters import check_reference, policy
from jobs.training.heads import read_completions_alone
from jobs.training.preference import BY_LENGTH, PreferenceTask, left_out
from jobs.training.tuning import Tuning, lora_config, model_arguments, trl_arguments


class Dpo(Tuning):
    """What is learned from pairs; beta and TRL's losses are in `trl`."""

    trl_class: ClassVar[tuple[str, str]] = ("trainer/dpo_config.py", "DPOConfig")
    # The reference's figures would be kept in a cache of one process, which the others cannot read.
    trl_ours: ClassVar[frozenset[str]] = frozenset(
        {"precompute_ref_log_probs", "precompute_ref_batch_size"}
    )

    learning_rate: float = Field(default=2e-5, gt=0)
    epochs: float = Field(default=1, gt=0)
    dev_rows: int = Field(default=64, ge=0, description="pairs of dev whose loss is measured")


def check_losses(settings: Dpo) -> None:
    """Raise SettingsError for a loss that TRL does not have, or cannot combine or train."""
    named = settings.trl.get("loss_type", [])
    losses = [named] if isinstance(named, str) else list(named)
    unknown = [loss for loss in losses if loss not in known_losses()]
    if unknown:
        raise SettingsError(
            f"[dpo.trl] loss_type names {', '.join(map(repr, unknown))}, which TRL does not have; "
            f"it has {', '.join(known_losses())}. Name one of them, or a list."
        )
    weights = settings.trl.get("loss_weights")
    if weights is not None and len(weights) != len(losses or ["sigmoid"]):
        raise SettingsError(
            f"[dpo.trl] has {len(weights)} loss_weights for {len(losses or ['sigmoid'])} losses; "
            f"give each loss one weight."
        )
    if settings.trl.get("sync_ref_model") and settings.lora is not False:
        raise SettingsError(
            "[dpo.trl] sync_ref_model moves a reference model of its own, which LoRA does not "
            "have: its reference is a frozen adapter. Remove it, or set lora = false."
        )


@functools.cache
def known_losses() -> tuple[str, ...]:
    """The losses that TRL's trainer compares a name with, read from its source."""
    spec = importlib.util.find_spec("trl")
    if spec is None or spec.origin is None:
        raise ImportError("trl is not installed")
    source = Path(spec.origin).parent / "trainer" / "dpo_trainer.py"
    return tuple(
        str(node.comparators[0].value)
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8")))
        if isinstance(node, ast.Compare)
        and isinstance(node.left, ast.Name)
        and node.left.id == "loss_type"
        and isinstance(node.ops[0], ast.Eq)
        and isinstance(node.comparators[0], ast.Constant)
    )


def dpo_loop(config: Mapping[str, Any]) -> None:
    """One worker's training. Reports metrics and checkpoints that hold weights and resume state."""
    from jobs.training.reports import begin, report_callback, train

    task, shape = config["task"], config["shape"]
    report = report_callback(task.stage_id)
    trainer = dpo_trainer(task, shape, begin(shape, "dpo"), [report])
    report.last["left_out"] = left_out(task, trainer)
    train(trainer, report)


def dpo_trainer(task: PreferenceTask, shape: TrainShape, folder: str, callbacks: list[Any]) -> Any:
    """TRL's trainer of a task. Raises StageError where its reference is not what it starts from."""
    import datasets

    arguments = dpo_arguments(task, shape, folder)  # first: ZeRO-3 has to know before loading
    trainer = trainer_class(task.settings, shape)(
        model=policy(task.model, task.adapter, task.settings, shape),
        args=arguments,
        train_dataset=datasets.Dataset.from_list(task.train),
        eval_dataset=datasets.Dataset.from_list(task.dev) if task.dev else None,
        peft_config=None if task.adapter else lora_config(task.settings),
        callbacks=callbacks,
    )
    if task.adapter:
        check_reference(trainer.model)
    return trainer


def dpo_arguments(task: PreferenceTask, shape: TrainShape, folder: str) -> Any:
    """TRL's DPOConfig: what the config says, spread as the profile says."""
    from trl import DPOConfig

    settings: Any = task.settings
    loading = None if task.adapter else model_arguments(settings, shape)
    return DPOConfig(
        **{**BY_LENGTH, **trl_arguments(settings, shape, folder)},
        num_train_epochs=settings.epochs,
        max_length=settings.max_length,
        model_init_kwargs=loading,
        eval_strategy="steps" if task.dev else "no",
        eval_steps=settings.save_every_steps,
    )


def trainer_class(settings: Tuning, shape: TrainShape) -> Any:
    """TRL's DPOTrainer; without a GPU, one whose head reads completion tokens alone.

    TRL's fused head is a Triton kernel. Its stand-in for CPUs goes through the prompts, too.
    """
    from trl import DPOTrainer

    if shape.gpus_per_worker or settings.trl.get("use_weighting"):
        return DPOTrainer

    class CpuTrainer(DPOTrainer):  # type: ignore[misc]
        """All of TRL's losses and figures, from log-probabilities made another way."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            models = [self.model, self.ref_model] if self.ref_model is not None else [self.model]
            for model in models:
                read_completions_alone(self.accelerator.unwrap_model(model))

    return CpuTrainer
