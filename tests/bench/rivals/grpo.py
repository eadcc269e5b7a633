"""One worker of a GRPO that Ray does not start: TRL's trainer with transformers' own generation.

accelerate launch --multi_gpu --num_processes 2 -m tests.bench.rivals.grpo FOLDER
"""

import pickle
import sys
from pathlib import Path
from typing import Any

from tests.bench.rivals.sft import TASK, clock


def varied(completions: list[Any], **_: Any) -> list[float]:
    """A reward of no cost: the share of distinct characters."""
    texts = [completion[0]["content"] for completion in completions]
    return [len(set(text)) / max(len(text), 1) for text in texts]


def main() -> None:
    """Train on the task that lies in the folder, by TRL's defaults where the task says nothing."""
    import datasets
    from trl import GRPOConfig, GRPOTrainer

    from jobs.training.tuning import lora_config

    folder = Path(sys.argv[1])
    task, shape = pickle.loads((folder / TASK).read_bytes())
    settings = task.settings
    per_worker = settings.global_batch // shape.workers
    trainer = GRPOTrainer(
        model=task.model,
        reward_funcs=[varied],
        args=GRPOConfig(
            output_dir=str(folder / "trl"),
            use_cpu=True,
            ddp_backend="gloo",
            bf16=settings.bf16,
            per_device_train_batch_size=shape.batch_per_device,
            gradient_accumulation_steps=per_worker // shape.batch_per_device,
            num_generations=settings.samples,
            max_completion_length=task.rollouts.max_tokens,
            temperature=task.rollouts.temperature,
            learning_rate=settings.learning_rate,
            max_steps=settings.steps,
            save_strategy="no",
            seed=settings.seed,
            disable_tqdm=True,
            model_init_kwargs={"dtype": "float32"},
            **settings.trl,
        ),
        train_dataset=datasets.Dataset.from_list(task.train),
        peft_config=lora_config(settings),
        callbacks=[clock(folder / "trl.json")],
    )
    trainer.train()


if __name__ == "__main__":
    main()
