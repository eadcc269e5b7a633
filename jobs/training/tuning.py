"""What every fine-tuning shares: its settings, and TRL's and PEFT's arguments made from them."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator

from jobs.runtime.config import Section
from jobs.runtime.passthrough import check_passthrough, class_fields
from jobs.runtime.profile import TrainShape

TRL_OURS = frozenset(
    {
        "output_dir",
        "deepspeed",
        "per_device_train_batch_size",
        "per_device_eval_batch_size",
        "gradient_accumulation_steps",
        "bf16",
        "fp16",
        "use_cpu",
        "save_strategy",
        "save_steps",
        "eval_strategy",
        "eval_steps",
        "num_train_epochs",
        "max_steps",
        "learning_rate",
        "seed",
        "max_length",
        "resume_from_checkpoint",
        "disable_tqdm",
        "use_liger_kernel",
        "gradient_checkpointing",
        "activation_checkpointing",
    }
)
LORA_OURS = frozenset({"task_type", "inference_mode"})
ROUNDED = 32  # tokens: oneDNN compiles a kernel for every shape that it meets on a CPU


class Tuning(Section):
    """How weights change; how the work is spread over workers is in the profile."""

    trl_class: ClassVar[tuple[str, str]]  # file and class of TRL's own arguments
    trl_ours: ClassVar[frozenset[str]] = frozenset()  # more of them that the job sets

    learning_rate: float = Field(default=2e-4, gt=0)
    optimizer: Literal["adamw", "muon"] = Field(
        default="adamw", description="muon: rates of some hundredths, no clipping"
    )
    global_batch: int = Field(default=32, ge=1, description="rows in one optimizer step")
    max_length: int = Field(default=1024, ge=16, description="tokens of prompt and copy together")
    precision: Literal["float32", "bfloat16", "4bit"] = Field(
        default="bfloat16", description="4bit: QLoRA, the frozen weights in NF4"
    )
    save_every_steps: int = Field(default=200, ge=1)
    seed: int = 0
    trl: dict[str, Any] = Field(default_factory=dict, description="fields of TRL's own arguments")
    lora: dict[str, Any] | Literal[False] = Field(
        default_factory=dict,
        description="fields of peft.LoraConfig; false: all weights are trained",
    )

    @field_validator("trl")
    @classmethod
    def _trl_fields(cls, table: dict[str, Any]) -> dict[str, Any]:
        known = class_fields("trl", *cls.trl_class)
        known |= class_fields("transformers", "training_args.py", "TrainingArguments")
        ours = TRL_OURS | cls.trl_ours
        check_passthrough(table, f"{cls.__name__.lower()}.trl", known=known, ours=ours)
        return table

    @field_validator("lora")
    @classmethod
    def _lora_fields(
        cls, table: dict[str, Any] | Literal[False]
    ) -> dict[str, Any] | Literal[False]:
        if table is not False:
            known = class_fields("peft", "tuners/lora/config.py", "LoraConfig")
            check_passthrough(table, f"{cls.__name__.lower()}.lora", known=known, ours=LORA_OURS)
        return table

    @property
    def bf16(self) -> bool:
        """Whether the model computes in bfloat16."""
        return self.precision != "float32"


def trl_arguments(settings: Tuning, shape: TrainShape, folder: str) -> Mapping[str, Any]:
    """What every TRL trainer is given: as the config says, spread as the profile says.

    The values under a library's own names in `[<job>.trl]` go before the ones that are only our
    defaults.
    """
    from jobs.training.deepspeed import accumulation, deepspeed_config

    per_device, steps = accumulation(settings.global_batch, shape)
    on_gpu = shape.gpus_per_worker > 0
    own = {key: value for key, value in settings.trl.items() if key != "model_init_kwargs"}
    free: dict[str, Any] = {
        # Muon's steps are of one length whatever the gradient's: clipping would shorten them all.
        "max_grad_norm": 0.0 if settings.optimizer == "muon" else 1.0,
        "logging_steps": 5,
        "lr_scheduler_type": "cosine",
        "warmup_steps": 10,
        "optim": "adamw_torch_fused",
        "dataloader_pin_memory": on_gpu,
        "report_to": [],
    }
    if not on_gpu:
        free["pad_to_multiple_of"] = ROUNDED
    if shape.zero_stage == 3 and settings.lora is not False:
        # TRL 1.16 asks for this where ZeRO-3 parts what PEFT wraps (trl#2514), but under the old
        # name of the field, which transformers 5.23 no longer reads by then.
        free["activation_checkpointing_kwargs"] = {"use_reentrant": True}
    return {
        **free,
        **own,
        "output_dir": folder,
        "deepspeed": deepspeed_config(shape, settings.bf16, settings.optimizer),
        "per_device_train_batch_size": per_device,
        "per_device_eval_batch_size": per_device,
        "gradient_accumulation_steps": steps,
        "learning_rate": settings.learning_rate,
        "bf16": settings.bf16,
        "use_cpu": not on_gpu,
        "activation_checkpointing": shape.gradient_checkpointing,
        "use_liger_kernel": shape.liger,
        "save_strategy": "steps",
        "save_steps": settings.save_every_steps,
        "seed": settings.seed,
        "disable_tqdm": True,
    }


def model_arguments(settings: Tuning, shape: TrainShape) -> dict[str, Any]:
    """How the model is loaded: `from_pretrained`'s own arguments."""
    arguments: dict[str, Any] = {}
    if not shape.gpus_per_worker:  # plain matrix products are faster there than flash attention
        arguments["attn_implementation"] = "eager"
    arguments |= settings.trl.get("model_init_kwargs") or {}
    arguments["dtype"] = "bfloat16" if settings.bf16 else "float32"
    if settings.precision == "4bit":
        from transformers import BitsAndBytesConfig

        arguments["quantization_config"] = BitsAndBytesConfig(  # type: ignore[no-untyped-call]
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype="bfloat16",
        )
    return arguments


def lora_config(settings: Tuning, task: str = "CAUSAL_LM") -> Any:
    """PEFT's LoraConfig, all linear layers unless the config says otherwise; None without LoRA."""
    from peft import LoraConfig

    if settings.lora is False:
        return None
    return LoraConfig(task_type=task, **{"target_modules": "all-linear", **settings.lora})
