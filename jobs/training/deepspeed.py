"""DeepSpeed's config, computed in one place."""

from typing import Any

from jobs.runtime.profile import TrainShape


def deepspeed_config(shape: TrainShape, bf16: bool, optimizer: str = "adamw") -> dict[str, Any]:
    """ZeRO of the profile's stage; batch sizes, rates and clipping are filled in by the Trainer.

    `adamw` is torch's own, fused: DeepSpeed's CPUAdam would be compiled first. `muon` is
    DeepSpeed's (Jordan et al. 2024), which orthogonalises whole matrices before ZeRO parts them,
    and leaves embeddings, biases and norms to torch's AdamW.
    """
    muon = {"lr": "auto", "weight_decay": "auto", "momentum": 0.95, "torch_adam": True}
    return {
        **({"optimizer": {"type": "Muon", "params": muon}} if optimizer == "muon" else {}),
        "zero_optimization": {
            "stage": shape.zero_stage,
            "overlap_comm": shape.gpus_per_worker > 0,
            "contiguous_gradients": True,
            **(
                {"stage3_gather_16bit_weights_on_model_save": True} if shape.zero_stage == 3 else {}
            ),
            # ZeRO-3 refuses Muon otherwise: it wants the whole gradient of a matrix.
            **({"reduce_scatter": False} if shape.zero_stage == 3 and optimizer == "muon" else {}),
            **offloads(shape),
        },
        # torch's own AdamW works on what is offloaded; DeepSpeed's CPUAdam wants a compiler.
        "zero_force_ds_cpu_optimizer": False,
        "bf16": {"enabled": bf16},
        "zero_allow_untested_optimizer": True,
        "train_micro_batch_size_per_gpu": "auto",
        "gradient_accumulation_steps": "auto",
        "train_batch_size": "auto",
        "gradient_clipping": "auto",
        "steps_per_print": 1_000_000_000,
        "wall_clock_breakdown": False,
    }


def offloads(shape: TrainShape) -> dict[str, Any]:
    """What of a training lies in the host's memory; parameters never without their optimizer.

    >>> sorted(offloads(TrainShape(zero_stage=3, gpus_per_worker=1, offload="parameters")))
    ['offload_optimizer', 'offload_param']
    """
    to_host = {"device": "cpu", "pin_memory": True}
    moved = {
        "nothing": (),
        "optimizer": ("offload_optimizer",),
        "parameters": ("offload_optimizer", "offload_param"),
    }
    return {name: to_host for name in moved[shape.offload]}


def leave_out_kernels() -> None:
    """Keep DeepSpeed from compiling on a CPU, where it takes longer than what it saves.

    An all-reduce for inference, which training never calls, is built by g++ when the first process
    group opens: a minute of both cores. Muon's steps are compiled for each shape of a matrix.
    """
    import deepspeed
    import torch._dynamo

    torch._dynamo.config.disable = True
    deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False


def accumulation(global_batch: int, shape: TrainShape) -> tuple[int, int]:
    """Rows a device takes at once, and steps accumulated, so that the global batch is exact.

    Raises ValueError where the workers cannot share the global batch evenly.

    >>> accumulation(32, TrainShape(workers=2, batch_per_device=8))
    (8, 2)
    >>> accumulation(4, TrainShape(workers=2, batch_per_device=8))
    (2, 1)
    """
    share, rest = divmod(global_batch, shape.workers)
    if rest or not share:
        raise ValueError(
            f"a global batch of {global_batch} cannot be shared by {shape.workers} workers; make "
            f"it a multiple of {shape.workers}"
        )
    per_device = max(size for size in range(1, shape.batch_per_device + 1) if share % size == 0)
    return per_device, share // per_device
