"""What of a training's settings cannot work on a profile, each with its reason.

Every reason was read in the sources of the versions pinned in pyproject.toml.
"""

import importlib.util
from collections.abc import Iterator, Mapping
from typing import Any

from jobs.domain.errors import SettingsError
from jobs.runtime.profile import TrainShape
from jobs.training.deepspeed import accumulation
from jobs.training.tuning import Tuning

CURVES = {  # a value of report_to -> the packages of which one is wanted
    "tensorboard": ("tensorboardX", "tensorboard"),
    "wandb": ("wandb",),
    "mlflow": ("mlflow",),
}
FLASH = {"flash_attention_2": "flash_attn", "flash_attention_3": "flash_attn_interface"}


def check_tuning(settings: Tuning, shape: TrainShape) -> None:
    """Raise SettingsError for all that cannot work, with the reasons and what would."""
    reasons = [
        *of_precision(settings, shape),
        *of_attention(settings, shape),
        *of_memory(settings, shape),
        *of_curves(settings),
    ]
    try:
        accumulation(settings.global_batch, shape)
    except ValueError as error:
        reasons.append(str(error))
    if reasons:
        where = f"[{type(settings).__name__.lower()}]"
        raise SettingsError(f"{where} with this profile: {'; '.join(reasons)}.")


def of_precision(settings: Tuning, shape: TrainShape) -> Iterator[str]:
    """One place says it; 4-bit weights: what they need, what they cannot be joined with."""
    twice = {"dtype", "torch_dtype", "quantization_config"} & {*loaded_with(settings)}
    if twice:
        yield f"model_init_kwargs sets {min(twice)}, which precision does: remove it"
    if settings.precision != "4bit":
        return
    if not shape.gpus_per_worker:
        yield (
            'precision "4bit" needs a GPU, whose memory it saves: bitsandbytes is in the gpu extra '
            "alone. Take a profile with GPUs, or bfloat16"
        )
    elif not installed("bitsandbytes"):
        yield 'precision "4bit" needs the package bitsandbytes: install the gpu extra'
    if settings.lora is False:
        yield (
            "4-bit weights are frozen and cannot all be trained: lora = false wants bfloat16 or "
            "float32"
        )
    if shape.zero_stage == 3:
        yield (
            "4-bit weights are loaded whole by every worker, outside of ZeRO-3, which then parts "
            "and saves nothing: take zero_stage 1 or 2 in the profile"
        )


def of_attention(settings: Tuning, shape: TrainShape) -> Iterator[str]:
    """Rows in one flat sequence: right with any attention, but dear without a kernel for it."""
    flat = [name for name in ("packing", "eval_packing", "padding_free") if settings.trl.get(name)]
    if flat and not shape.gpus_per_worker:
        yield (
            f"{' and '.join(flat)} needs an attention kernel for rows of variable length, which "
            "there is for GPUs alone: without it all rows share one mask, whose cost grows with "
            "the square of their length together (half the tokens/s, measured). Leave it out"
        )
        return
    section = type(settings).__name__.lower()
    chosen = str(loaded_with(settings).get("attn_implementation", ""))
    if flat and "flash" not in chosen:
        yield (
            f"{' and '.join(flat)} needs an attention kernel for rows of variable length: add "
            f'attn_implementation = "flash_attention_2" under [{section}.trl.model_init_kwargs] '
            f"(found {chosen or 'none'!r})"
        )
    if chosen in FLASH and not installed(FLASH[chosen]):
        yield f"attn_implementation {chosen!r} needs the package {FLASH[chosen]}: install it"


def of_memory(settings: Tuning, shape: TrainShape) -> Iterator[str]:
    """What moves or fuses; the profile itself refuses Liger and offload without a GPU."""
    if shape.liger and not installed("liger_kernel"):
        yield "liger in the profile needs the package liger-kernel: install the gpu extra"
    if settings.trl.get("activation_offloading") and not shape.gpus_per_worker:
        yield "activation_offloading moves activations out of a GPU's memory: there is none"
    targets = settings.lora.get("target_modules") if settings.lora is not False else None
    if targets is not None and "lm_head" in ([targets] if isinstance(targets, str) else targets):
        yield (
            "LoRA on lm_head would never be trained: TRL multiplies by its weights directly. Take "
            "it out of target_modules"
        )


def of_curves(settings: Tuning) -> Iterator[str]:
    """Where curves go: names that we know, of packages that are there."""
    named = settings.trl.get("report_to") or []
    for name in [named] if isinstance(named, str) else named:
        if name == "none":
            continue
        if name not in CURVES:
            yield f"report_to has {name!r}; it may name {', '.join(CURVES)}"
        elif not any(installed(package) for package in CURVES[name]):
            yield (
                f"report_to has {name!r}, but the package {CURVES[name][0]} is not installed: "
                f"install it here and on every worker, or leave it out"
            )


def loaded_with(settings: Tuning) -> Mapping[str, Any]:
    """What the config adds to `from_pretrained`."""
    return settings.trl.get("model_init_kwargs") or {}


def installed(package: str) -> bool:
    """True where the package can be imported, without importing it."""
    return importlib.util.find_spec(package) is not None
