"""LoRA supervised fine-tuning: TRL's SFTTrainer with PEFT and DeepSpeed, on Ray Train's workers."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator

from jobs.runtime.config import Section
from jobs.runtime.passthrough import check_passthrough, class_fields
from jobs.runtime.profile import TrainShape

TRL_OURS = frozenset(
    {
        "output_dir",
        "deepspeed",
        "per_device_train_batch_size",
        "gradient_accumulation_steps",
        "bf16",
        "fp16",
        "use_cpu",
        "completion_only_loss",
        "assistant_only_loss",
        "save_strategy",
        "save_steps",
        "eval_strategy",
        "eval_steps",
        "report_to",
        "num_train_epochs",
        "learning_rate",
        "seed",
        "max_length",
        "resume_from_checkpoint",
        "disable_tqdm",
        "per_device_eval_batch_size",
    }
)
LORA_OURS = frozenset({"task_type", "inference_mode"})


class Sft(Section):
    """What is learned; how it is spread over workers is in the profile."""

    epochs: float = Field(default=3, gt=0)
    learning_rate: float = Field(default=2e-4, gt=0)
    optimizer: Literal["adamw", "muon"] = Field(
        default="adamw", description="muon: rates of some hundredths, no clipping"
    )
    global_batch: int = Field(default=32, ge=1, description="rows in one optimizer step")
    max_length: int = Field(default=1024, ge=16, description="tokens of prompt and copy together")
    precision: Literal["float32", "bfloat16"] = "bfloat16"
    save_every_steps: int = Field(default=200, ge=1)
    renamed: float = Field(
        default=0, ge=0, le=1, description="share of copies learned with invented names"
    )
    dev_rows: int = Field(default=64, ge=0, description="rows of dev whose loss is measured")
    seed: int = 0
    trl: dict[str, Any] = Field(default_factory=dict, description="fields of trl.SFTConfig")
    lora: dict[str, Any] = Field(default_factory=dict, description="fields of peft.LoraConfig")

    @field_validator("trl")
    @classmethod
    def _trl_fields(cls, table: dict[str, Any]) -> dict[str, Any]:
        known = class_fields("trl", "trainer/sft_config.py", "SFTConfig")
        known |= class_fields("transformers", "training_args.py", "TrainingArguments")
        check_passthrough(table, "sft.trl", known=known, ours=TRL_OURS)
        return table

    @field_validator("lora")
    @classmethod
    def _lora_fields(cls, table: dict[str, Any]) -> dict[str, Any]:
        known = class_fields("peft", "tuners/lora/config.py", "LoraConfig")
        check_passthrough(table, "sft.lora", known=known, ours=LORA_OURS)
        return table


@dataclass(frozen=True)
class SftTask:
    """What every worker is handed. A chat is `{"prompt": [...], "completion": [...]}`."""

    settings: Sft
    model: str  # address or hub id
    train: list[dict[str, Any]]
    dev: list[dict[str, Any]]
    stage_id: str


def sft_loop(config: Mapping[str, Any]) -> None:
    """One worker's training. Reports metrics and checkpoints that hold adapter and resume state."""
    import datasets
    import ray.train
    import torch
    from transformers import PrinterCallback

    from jobs.engines.models import local_model
    from jobs.training.deepspeed import leave_out_kernels

    task, shape = config["task"], config["shape"]
    if not shape.gpus_per_worker:
        leave_out_kernels()
    datasets.disable_progress_bars()
    torch.set_flush_denormal(True)
    torch.set_num_threads(shape.threads_per_worker)
    folder = tempfile.mkdtemp(prefix="sft-")
    folders: list[Any] = [folder]
    torch.distributed.broadcast_object_list(folders)
    report = report_callback(task.stage_id)
    trainer = trainer_class(task.settings, shape)(
        model=local_model(task.model),
        args=sft_arguments(task.settings, shape, folders[0]),
        train_dataset=datasets.Dataset.from_list(task.train),
        eval_dataset=datasets.Dataset.from_list(task.dev) if task.dev else None,
        peft_config=lora_config(task.settings),
        callbacks=[report],
    )
    report.trainer = trainer
    trainer.remove_callback(PrinterCallback)  # progress lines and curve.json have it
    saved = ray.train.get_checkpoint()
    if saved is None:
        trainer.train()
        return
    with saved.as_directory() as path:
        trainer.train(resume_from_checkpoint=path)


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
ROUNDED = 32  # tokens: oneDNN compiles a kernel for every shape that it meets on a CPU


def lora_config(settings: Sft) -> Any:
    """PEFT's LoraConfig; all linear layers unless the config says otherwise."""
    from peft import LoraConfig

    return LoraConfig(task_type="CAUSAL_LM", **{"target_modules": "all-linear", **settings.lora})


def sft_arguments(settings: Sft, shape: TrainShape, folder: str) -> Any:
    """TRL's SFTConfig: what the config says, spread as the profile says."""
    from trl import SFTConfig

    from jobs.training.deepspeed import accumulation, deepspeed_config

    per_device, steps = accumulation(settings.global_batch, shape)
    bf16 = settings.precision == "bfloat16"
    on_gpu = shape.gpus_per_worker > 0
    model: dict[str, Any] = {"dtype": settings.precision}
    if not on_gpu:  # plain matrix products are faster there than torch's flash attention
        model["attn_implementation"] = "eager"
    free: dict[str, Any] = {
        # Muon's steps are of one length whatever the gradient's: clipping would shorten them all.
        "max_grad_norm": 0.0 if settings.optimizer == "muon" else 1.0,
        "logging_steps": 5,
        "lr_scheduler_type": "cosine",
        "warmup_steps": 10,
        "optim": "adamw_torch_fused",
        "activation_checkpointing": on_gpu,
        "model_init_kwargs": model,
        "dataloader_pin_memory": on_gpu,
        "pad_to_multiple_of": "auto" if on_gpu else ROUNDED,
    }
    return SFTConfig(
        output_dir=folder,
        deepspeed=deepspeed_config(shape, bf16, settings.optimizer),
        per_device_train_batch_size=per_device,
        per_device_eval_batch_size=per_device,
        gradient_accumulation_steps=steps,
        num_train_epochs=settings.epochs,
        learning_rate=settings.learning_rate,
        max_length=settings.max_length,
        bf16=bf16,
        use_cpu=not on_gpu,
        completion_only_loss=True,
        save_strategy="steps",
        save_steps=settings.save_every_steps,
        eval_strategy="steps" if settings.dev_rows else "no",
        eval_steps=settings.save_every_steps,
        report_to=[],
        seed=settings.seed,
        disable_tqdm=True,
        **{**free, **settings.trl},
    )


def report_callback(stage_id: str) -> Any:
    """Tells Ray Train of every checkpoint, and the progress actor of every logged step."""
    import ray.train
    import torch
    from transformers import TrainerCallback

    from jobs.runtime.progress import Counter

    count = Counter(stage_id)

    class Report(TrainerCallback):  # type: ignore[misc]
        """Keeps the last logged figures; every rank reports equally often."""

        def __init__(self) -> None:
            self.last: dict[str, float] = {}
            self.step = 0
            self.trainer: Any = None

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
            """Count steps on the first worker; keep loss and dev loss."""
            numbers = {key: value for key, value in (logs or {}).items() if key in LOGGED}
            self.last.update(numbers)
            if state.is_world_process_zero:
                count(numbers, rows=state.global_step - self.step)
                self.step = state.global_step

        def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            """One worker of each node hands its folder over; the others report without one."""
            torch.distributed.barrier()
            metrics = {**self.last, **engine_of(self.trainer), "step": state.global_step}
            context = ray.train.get_context()
            checkpoint = None
            if context.get_local_rank() == 0:
                folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
                checkpoint = ray.train.Checkpoint.from_directory(folder)
            ray.train.report(metrics, checkpoint=checkpoint)

    return Report()


LOGGED = ("loss", "eval_loss", "learning_rate")


def engine_of(trainer: Any) -> dict[str, Any]:
    """What really trains: the wrapper of the model, ZeRO stage, optimizer, and how many workers."""
    import torch

    engine = trainer.model_wrapped
    stage = getattr(engine, "zero_optimization_stage", lambda: None)
    return {
        "engine": type(engine).__name__,
        "zero_stage": stage(),
        "optimizer": type(getattr(engine.optimizer, "optimizer", None)).__name__,
        "world": torch.distributed.get_world_size(),
    }
