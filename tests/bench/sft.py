"""How fast does `jobs.sft` train, beside TRL's own trainer, and beside itself without Ray?

python -m tests.bench.sft [--steps 40] [--turns 1]

The same LoRA, on a random model of the embedded base's shape and chats of its corpus, by two
processes on the same two cores: TRL's SFTTrainer with its defaults under `accelerate launch`, our
loop under torchrun, and our loop under Ray Train. Batches hold the same rows in all three. A rate
is tokens of prompts and copies per second of steps after the warm-up; start-up stands apart. At
least 1.5 times TRL's rate is wanted, with a loss at the end that is no worse, and 0.95 of the rate
without Ray, by the median step. Wants a machine that does nothing else.
"""

import argparse
import json
import os
import pickle
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import fmean, median
from typing import Any

import ray

from jobs.domain.brand import ROOT
from jobs.runtime.cluster import connect
from jobs.runtime.profile import TrainShape, read_profile
from jobs.runtime.storage import Folder
from jobs.runtime.trainer import KEEP_PAGES, fit
from jobs.training.sft import Sft, SftTask
from tests.bench import conclude
from tests.bench.rivals.sft import TASK

WANTED, WANTED_PLAIN = 1.5, 0.95
WARM_UP = 8  # steps: oneDNN compiles a kernel for each shape that it meets
LOSS_SLACK = 1.01  # what "no worse" allows: two orders of summation differ in the third figure
RIVAL = "tests.bench.rivals.sft"
GLOBAL_BATCH = 32
LAUNCHERS = {
    "trl": ("accelerate.commands.launch", "--multi_gpu", "--num_processes", "2",
            "--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no",
            "--main_process_port", "0"),
    "plain": ("torch.distributed.run", "--nproc-per-node", "2"),
}  # fmt: skip


def settings(steps: int) -> Sft:
    """One epoch of LoRA by AdamW; the rate is right for a model that knows nothing."""
    return Sft(
        learning_rate=3e-3, global_batch=GLOBAL_BATCH, epochs=1, dev_rows=0,
        save_every_steps=steps, lora={"r": 16, "lora_alpha": 32},
        trl={"logging_steps": 5, "warmup_steps": 4, "lr_scheduler_type": "cosine"},
    )  # fmt: skip


def made(steps: int, folder: Path) -> tuple[list[dict[str, Any]], int]:
    """Chats of the corpus and, in the folder, a model; the chats' tokens in all."""
    import torch

    from jobs.training.chats import shared_tokenizer
    from jobs.training.corpus import examples
    from jobs.training.pretrain import Pretrain, build_model

    shape = Pretrain()
    tokenizer = shared_tokenizer(shape.vocabulary, shape.seed, 0, folder)
    torch.manual_seed(0)
    ends = (int(tokenizer.pad_token_id), int(tokenizer.eos_token_id))
    build_model(shape, len(tokenizer), *ends).save_pretrained(folder)
    chats = [one.messages for one in examples(steps * GLOBAL_BATCH, seed=1)]
    texts = [str(tokenizer.apply_chat_template(chat, tokenize=False)) for chat in chats]
    tokens = sum(len(ids) for ids in tokenizer(texts, add_special_tokens=False)["input_ids"])
    return [{"prompt": chat[:-1], "completion": chat[-1:]} for chat in chats], tokens


def with_ray(task: SftTask, shape: TrainShape, folder: Path) -> None:
    """As `jobs.sft` does it."""

    def clocked_loop(config: dict[str, Any]) -> None:
        import transformers.trainer

        from jobs.training.sft import sft_loop
        from tests.bench.rivals.sft import clock

        transformers.trainer.DEFAULT_CALLBACKS.append(clock(folder / "ray.json"))
        sft_loop(config)

    connect(read_profile("laptop"))
    target = Folder(str(folder / f"ray-{time.monotonic_ns()}"))
    fit(clocked_loop, task, shape, folder=target, name="train")
    ray.shutdown()


def without_ray(how: str, folder: Path) -> None:
    """The other two, by their launchers."""
    line = [sys.executable, "-m", *LAUNCHERS[how], "-m", RIVAL, how, str(folder)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TOKENIZERS_PARALLELISM": "false"}
    environment |= {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    environment |= KEEP_PAGES if how == "plain" else {}  # what is measured there is Ray alone
    done = subprocess.run(
        line, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{how}: {done.stdout[-2000:]}{done.stderr[-4000:]}")


def measured(path: Path, tokens: int, seconds: float) -> dict[str, float]:
    """Rates, median step, and mean loss of the last quarter of what a run left in `path`."""
    record = json.loads(path.read_text(encoding="utf-8"))
    path.unlink()  # the next turn's must be its own
    ends = record["ends"]
    steps = [after - before for before, after in zip(ends, ends[1:], strict=False)]
    warm = steps[min(WARM_UP, len(steps) // 2) :]
    losses = [entry["loss"] for entry in record["history"] if "loss" in entry]
    return {
        "tokens_per_s": tokens / len(ends) / fmean(warm),
        "median_step_s": median(warm),
        "loss": fmean(losses[-max(1, len(losses) // 4) :]),
        "steps": len(ends),
        "peak_memory_gib": round(record["memory"] / 2**30, 2),
        "all_s": seconds,
    }


def turn(task: SftTask, shape: TrainShape, folder: Path, tokens: int) -> dict[str, dict[str, Any]]:
    """Each of the three once."""
    found = {}
    for how in ("ray", "trl", "plain"):
        began = time.monotonic()
        if how == "ray":
            with_ray(task, shape, folder)
        else:
            without_ray(how, folder)
        found[how] = measured(folder / f"{how}.json", tokens, time.monotonic() - began)
        shown = ", ".join(f"{name} {value:.4g}" for name, value in found[how].items())
        print(f"{how}: {shown}", flush=True)
    if len({one["steps"] for one in found.values()}) > 1:
        raise RuntimeError("the three made different numbers of steps: their work is not the same")
    return found


def main() -> None:
    """Train in turns, compare, and say so."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--turns", type=int, default=1)
    options = parser.parse_args()
    shape = read_profile("laptop").train
    with tempfile.TemporaryDirectory() as scratch:
        folder, model = Path(scratch), Path(scratch) / "model"
        model.mkdir()
        rows, tokens = made(options.steps, model)
        task = SftTask(settings(options.steps), str(model), rows, [], "bench")
        (folder / TASK).write_bytes(pickle.dumps((task, shape)))
        turns = [turn(task, shape, folder, tokens) for _ in range(options.turns)]
    faster = median(one["ray"]["tokens_per_s"] / one["trl"]["tokens_per_s"] for one in turns)
    steady = median(one["plain"]["median_step_s"] / one["ray"]["median_step_s"] for one in turns)
    worse = median(one["ray"]["loss"] / one["trl"]["loss"] for one in turns)
    conclude(
        "sft", faster, faster >= WANTED and steady >= WANTED_PLAIN and worse <= LOSS_SLACK,
        wanted=WANTED, beside_no_ray=round(steady, 3), wanted_beside_no_ray=WANTED_PLAIN,
        loss_beside_trl=round(worse, 4), tokens=tokens, turns=turns,
    )  # fmt: skip


if __name__ == "__main__":
    main()
