"""One worker of a fine-tuning that Ray does not start: TRL as it comes, or our own loop.

accelerate launch --multi_gpu --num_processes 2 -m tests.bench.rivals.sft trl FOLDER
torchrun --nproc-per-node 2 -m tests.bench.rivals.sft plain FOLDER
"""

import json
import pickle
import sys
import time
from pathlib import Path
from typing import Any

from jobs.runtime.profile import TrainShape
from jobs.training.sft import SftTask

TASK = "task.pkl"  # the task and the shape, beside what the workers write


def clock(path: Path) -> Any:
    """A callback of the Trainer: when each step ended, and what was logged, as JSON in `path`."""
    from transformers import TrainerCallback

    class Clock(TrainerCallback):  # type: ignore[misc]
        """Keeps the seconds of each step's end; the first worker writes them down."""

        def __init__(self) -> None:
            self.ends: list[float] = []

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            """One more optimizer step."""
            self.ends.append(time.perf_counter())

        def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            """All that was measured; memory is the first GPU's, 0 without one."""
            import torch

            memory = torch.cuda.max_memory_allocated() if torch.cuda.is_available() else 0
            if state.is_world_process_zero:
                record = {"ends": self.ends, "history": state.log_history, "memory": memory}
                path.write_text(json.dumps(record), encoding="utf-8")

    return Clock()


def trl(task: SftTask, shape: TrainShape, folder: Path) -> None:
    """TRL's SFTTrainer with its defaults; what is learned, and from what, is the task's."""
    import datasets
    from trl import SFTConfig, SFTTrainer

    from jobs.training.tuning import lora_config

    settings, per_device = task.settings, SFTConfig.per_device_train_batch_size
    trainer = SFTTrainer(
        model=task.model,
        args=SFTConfig(
            output_dir=str(folder / "trl"),
            use_cpu=True,
            ddp_backend="gloo",
            gradient_accumulation_steps=settings.global_batch // shape.workers // per_device,
            num_train_epochs=settings.epochs,
            learning_rate=settings.learning_rate,
            max_length=settings.max_length,
            seed=settings.seed,
            disable_tqdm=True,
            **settings.trl,
        ),
        train_dataset=datasets.Dataset.from_list(task.train),
        peft_config=lora_config(settings),
        callbacks=[clock(folder / "trl.json")],
    )
    trainer.train()


def plain(task: SftTask, shape: TrainShape, folder: Path) -> None:
    """Our trainer without Ray, in the process group that torchrun describes."""
    import torch

    from jobs.training.reports import begin
    from jobs.training.sft import sft_trainer

    torch.distributed.init_process_group("gloo")
    trainer = sft_trainer(task, shape, begin(shape, "plain"), [clock(folder / "plain.json")])
    trainer.train()


def main() -> None:
    """Run the named worker on the task that lies in the folder."""
    how, folder = sys.argv[1], Path(sys.argv[2])
    task, shape = pickle.loads((folder / TASK).read_bytes())
    {"trl": trl, "plain": plain}[how](task, shape, folder)


if __name__ == "__main__":
    main()
