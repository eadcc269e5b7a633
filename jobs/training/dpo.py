"""Direct preference optimisation: TRL's DPOTrainer on Ray Train's workers, from the SFT adapter."""

import ast
import functools
import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from jobs.domain.errors import SettingsError, StageError
from jobs.runtime.profile import TrainShape
from jobs.runtime.storage import Folder
from jobs.training.preference import BY_LENGTH, PreferenceTask, left_out
from jobs.training.tuning import Tuning, lora_config, model_arguments, trl_arguments

IGNORED = -100  # the label of tokens without a loss
ROWS_ROUNDED = 256  # completion tokens: a kernel may be compiled for every number of them
REFERENCE, POLICY = ".ref.", ".default."  # in the names of TRL's frozen and trained weights
OTHER_HEADS = (  # what some models do to logits beyond their head, which TRL's head knows
    *("final_logit_softcapping", "logit_scale", "output_multiplier", "lm_head_multiplier"),
    *("logits_scaling", "output_router_logits"),
)


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
        model=policy(task, shape),
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


def policy(task: PreferenceTask, shape: TrainShape) -> Any:
    """What is trained: the base with the adapter it goes on from, or a path for TRL to load.

    TRL copies the adapter of a PeftModel into a frozen one named "ref", which is the reference.
    """
    from jobs.engines.models import local_model

    path = local_model(task.model)
    if not task.adapter:
        return path
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    base = AutoModelForCausalLM.from_pretrained(path, **model_arguments(task.settings, shape))
    return PeftModel.from_pretrained(
        base,
        Folder(task.adapter).fetch(),
        is_trainable=True,
        autocast_adapter_dtype=shape.zero_stage != 3,  # its gathers want weights of one type
    )


def check_reference(model: Any) -> None:
    """Raise StageError where the frozen reference is not the adapter that training starts from.

    A reference that is silently the bare base would pull the model back to it.
    """
    weights = dict(model.named_parameters())
    names = [name for name in weights if POLICY in name]
    for name in names:
        reference = weights.get(name.replace(POLICY, REFERENCE))
        same = reference is not None and not reference.requires_grad and reference.numel()
        if not same or not bool((reference == weights[name]).all()):
            raise StageError(f"the reference of this training is not its adapter: see {name}.")
    if not names:
        raise StageError("the model has no adapter to train; wanted one named 'default'.")


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


def read_completions_alone(model: Any) -> None:
    """Replace the head that TRL put on a model by one of torch's own operations, in place.

    Models whose logits are not just their head's product keep TRL's.
    """
    from peft import PeftModel

    whole = model.get_base_model() if isinstance(model, PeftModel) else model
    config = whole.config.get_text_config()
    if any(getattr(config, name, None) for name in OTHER_HEADS):
        return
    theirs = whole.forward

    @functools.wraps(theirs)
    def forward(*args: Any, fused_lm_head: bool = False, labels: Any = None, **kwargs: Any) -> Any:
        if not fused_lm_head:
            return theirs(*args, labels=labels, **kwargs)
        hidden_BTD = whole.base_model(*args, **kwargs).last_hidden_state
        return completions_read(hidden_BTD[:, :-1], labels[:, 1:], whole.get_output_embeddings())

    whole.forward = forward


def completions_read(hidden_BTD: Any, labels_BT: Any, head: Any) -> Any:
    """Log-probabilities of the labels and TRL's other figures, 0 where there is no label.

    B rows, T tokens, D width, N tokens with a label, V vocabulary.
    """
    import torch
    from trl.trainer.utils import FusedCausalLMOutput

    mask_BT = labels_BT != IGNORED
    (places_N,) = mask_BT.flatten().nonzero(as_tuple=True)
    count = len(places_N)
    spare = -count % ROWS_ROUNDED
    padded = torch.cat([places_N, places_N.new_zeros(spare)])
    logits_NV = head(hidden_BTD.flatten(0, 1)[padded]).float()
    labels_N = labels_BT.flatten()[padded].clamp(min=0)
    log_probs_N = -torch.nn.functional.cross_entropy(logits_NV, labels_N, reduction="none")
    with torch.no_grad():
        shares_NV = logits_NV.softmax(-1)
        spread_N = logits_NV.logsumexp(-1) - (shares_NV * logits_NV).sum(-1)
        others = {
            "entropy": spread_N,
            "mean_logits": logits_NV.mean(-1),
            "is_top1": logits_NV.argmax(-1) == labels_N,
        }

    def placed(values_N: Any) -> Any:
        return values_N.new_zeros(mask_BT.shape).masked_scatter(mask_BT, values_N[:count])

    return FusedCausalLMOutput(
        log_probs=placed(log_probs_N),
        label_mask=mask_BT,
        **{name: placed(values_N) for name, values_N in others.items()},
    )
