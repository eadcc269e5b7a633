"""What a worker of a TRL training does besides training: begin, report, name its engine."""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from jobs.runtime.profile import TrainShape

EVENTS = "tensorboard"  # folder of TensorBoard's files, in a checkpoint and in a stage's folder


def begin(shape: TrainShape, name: str) -> str:
    """Set this process up for training; return the one folder that all workers write to."""
    import datasets
    import deepspeed
    import torch

    from jobs.training.deepspeed import leave_out_kernels

    if not shape.gpus_per_worker:
        leave_out_kernels()
    datasets.disable_progress_bars()
    torch.set_flush_denormal(True)
    torch.set_num_threads(shape.threads_per_worker)
    folders: list[Any] = [tempfile.mkdtemp(prefix=f"{name}-")]
    torch.distributed.broadcast_object_list(folders)
    if shape.zero_stage == 3:
        # The model is parted while it is loaded, before the Trainer tells DeepSpeed of the workers.
        deepspeed.init_distributed(verbose=False)
    os.environ["TENSORBOARD_LOGGING_DIR"] = str(Path(folders[0]) / EVENTS)
    return str(folders[0])


def train(trainer: Any, report: Any) -> None:
    """Train from the start, or from where a killed run stopped."""
    import ray.train
    from transformers import PrinterCallback

    report.trainer = trainer
    trainer.remove_callback(PrinterCallback)  # progress lines and curve.json have it
    saved = ray.train.get_checkpoint()
    if saved is None:
        trainer.train()
        return
    with saved.as_directory() as path:
        if trainer.is_world_process_zero():
            copy_events(Path(path), Path(trainer.args.output_dir))
        trainer.train(resume_from_checkpoint=path)


def copy_events(source: Path, target: Path) -> None:
    """Carry TensorBoard's files over, where there are any.

    Checkpoints hold them: whoever goes on from one has the curve until there, and no step twice.
    """
    if (source / EVENTS).is_dir():
        shutil.copytree(source / EVENTS, target / EVENTS, dirs_exist_ok=True)


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
            """Count steps on the first worker; keep and show what is told in progress lines."""
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
                copy_events(Path(args.output_dir), folder)
                checkpoint = ray.train.Checkpoint.from_directory(folder)
            ray.train.report(metrics, checkpoint=checkpoint)

    return Report()


LOGGED = ("loss", "eval_loss", "accuracy", "eval_accuracy", "learning_rate")  # TRL's names


def engine_of(trainer: Any) -> dict[str, Any]:
    """What really trains: the wrapper of the model, ZeRO stage, optimizer, and how many workers."""
    import torch

    engine = trainer.model_wrapped
    stage = getattr(engine, "zero_optimization_stage", lambda: None)
    return {
        "engine": type(engine).__name__,
        "zero_stage": stage(),
        "optimizer": type(getattr(engine.optimizer, "optimizer", engine.optimizer)).__name__,
        "world": torch.distributed.get_world_size(),
    }
