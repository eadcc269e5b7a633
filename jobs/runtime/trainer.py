"""The only place that knows Ray Train: one training loop, on the workers of a profile."""

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray.train
from ray.train import FailureConfig, RunConfig, ScalingConfig

from jobs.domain.brand import ROOT
from jobs.runtime.profile import TrainShape
from jobs.runtime.storage import Folder

# Without a GPU a step's large tensors are made anew each time. glibc hands their pages back to the
# system, which clears them again: a third of a step's time here (0.54 s, 0.34 s with these).
KEEP_PAGES = {
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(2**40),
    "MALLOC_TOP_PAD_": str(2**28),
}
TRACKERS = ("WANDB_", "MLFLOW_")  # what the variables of W&B and MLflow begin with


@dataclass(frozen=True)
class Fit:
    """A finished training."""

    metrics: dict[str, Any]  # the last that the loop reported
    checkpoint: ray.train.Checkpoint  # the last that it reported
    checkpoints: tuple[tuple[ray.train.Checkpoint, dict[str, Any]], ...] = ()  # all, with metrics


def fit(
    loop: Callable[[Any], None], task: Any, shape: TrainShape, *, folder: Folder, name: str
) -> Fit:
    """Run `loop(task)` on every worker. The loop reports metrics with a checkpoint.

    Checkpoints and resume state lie under `folder`; a run of the same name goes on from the last.
    """
    # Imported here: it brings torch, which no command needs to check a config (2 s of CPU).
    from ray.train.torch import TorchConfig, TorchTrainer

    on_gpu = shape.gpus_per_worker > 0
    resources: dict[str, float] = {"CPU": shape.cpus_per_worker}
    if on_gpu:
        resources["GPU"] = shape.gpus_per_worker
    filesystem, path = folder.resolve()
    threads = str(shape.threads_per_worker)
    environment = {
        "OMP_NUM_THREADS": threads,
        # Where DeepSpeed or torch build an operator, their build tools are looked up here.
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
        "PYTHONPATH": str(ROOT),
        "TOKENIZERS_PARALLELISM": "false",
        # Ray Train takes over print; dill, which names a dataset's steps by what print is given,
        # then filled the log with thousands of lines of byte code.
        "RAY_TRAIN_ENABLE_PRINT_PATCH": "0",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        **({} if on_gpu else KEEP_PAGES),
    }
    trainer = TorchTrainer(
        with_variables(loop, tracking(os.environ)),
        train_loop_config={"task": task, "shape": shape},
        scaling_config=ScalingConfig(
            num_workers=shape.workers, use_gpu=on_gpu, resources_per_worker=resources
        ),
        torch_config=TorchConfig(backend="nccl" if on_gpu else "gloo"),
        run_config=RunConfig(  # type: ignore[call-arg]
            name=name,
            storage_path=path,
            storage_filesystem=filesystem,
            failure_config=FailureConfig(max_failures=2),
            worker_runtime_env={"env_vars": environment},
        ),
    )
    result = trainer.fit()
    if result.checkpoint is None:
        raise RuntimeError(f"the training {name} ended without a checkpoint")
    every = tuple((one, dict(metrics)) for one, metrics in result.best_checkpoints or ())
    return Fit(dict(result.metrics or {}), result.checkpoint, every)


def tracking(environment: Mapping[str, str]) -> dict[str, str]:
    """What W&B and MLflow are told by variables: address, project, key.

    >>> tracking({"WANDB_MODE": "offline", "MLFLOW_RUN_ID": "7", "HOME": "/", "MY_WANDB_KEY": "x"})
    {'WANDB_MODE': 'offline', 'MLFLOW_RUN_ID': '7'}
    """
    return {name: value for name, value in environment.items() if name.startswith(TRACKERS)}


def with_variables(
    loop: Callable[[Any], None], variables: Mapping[str, str]
) -> Callable[[Any], None]:
    """The loop, with these variables set on each worker before it begins.

    Some are keys. A runtime environment would stand in Ray's logs, and a loop's config in the
    records of Ray Train's runs; a function's own values are written down by neither.
    """

    def run(config: Any) -> None:
        os.environ.update(variables)
        loop(config)

    return run
