"""Seconds a GRPO step of ours, beside TRL's GRPOTrainer with transformers' own generation.

python -m tests.bench.grpo [--steps 8]

The same random models (the embedded base's shape, and one of 30 M parameters), prompts, LoRA,
samples, lengths and two cores; no sample ends before its time, since the end token of a random
model is rare. TRL under `accelerate launch` with two processes, ours under Ray Train with two
learners and one vLLM engine, which take turns. The figure is the median step after the warm-up, by
the wall clock, ours with sync and proof. The ratio is TRL's seconds over ours for the larger
model; 1.0 is wanted. Wants a machine that does nothing else.
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
from statistics import median
from typing import Any

import ray

from jobs.domain.brand import ROOT, load_guide
from jobs.engines.rollout import engines
from jobs.engines.writer import Engine
from jobs.runtime.cluster import connect
from jobs.runtime.profile import read_profile
from jobs.runtime.storage import Folder
from jobs.runtime.trainer import fit
from jobs.training.grpo.learner import STOPPED, GrpoTask, grpo_loop
from jobs.training.grpo.settings import Alarms, Grpo, Rewards, Rollouts
from tests.bench import conclude
from tests.bench.rivals.sft import TASK
from tests.bench.sft import LAUNCHERS

WANTED = 1.0
WARM_UP = 2  # steps
RANK = 16
MODELS = {  # width, heads, layers
    "tiny": (192, 3, 4),
    "30m": (512, 8, 9),
}
COLUMNS = ("seconds/rollout", "seconds/sync")


def settings(steps: int) -> Grpo:
    """Eight samples of four briefs a step."""
    return Grpo(
        steps=steps, global_batch=32, samples=8, learning_rate=1e-4, precision="float32",
        save_every_steps=steps, dev_rows=0, lora={"r": RANK, "lora_alpha": RANK},
        trl={"beta": 0.0, "warmup_steps": 0},
    )  # fmt: skip


def made(name: str, folder: Path, steps: int) -> GrpoTask:
    """A random model in the folder, and what learners are handed; no engines yet."""
    import torch

    from jobs.training.chats import shared_tokenizer
    from jobs.training.corpus import examples
    from jobs.training.pretrain import Pretrain, build_model

    width, heads, layers = MODELS[name]
    shape = Pretrain(width=width, heads=heads, layers=layers)
    tokenizer = shared_tokenizer(shape.vocabulary, shape.seed, 0, folder)
    torch.manual_seed(0)
    ends = (int(tokenizer.pad_token_id), int(tokenizer.eos_token_id))
    build_model(shape, len(tokenizer), *ends).save_pretrained(folder)
    count = settings(steps).global_batch // settings(steps).samples * steps
    rows = [
        {
            "prompt": one.messages[:-1],
            "brief": json.dumps(vars(one.brief), ensure_ascii=False),
            "completion": one.text,
        }
        for one in examples(count, seed=1)
    ]
    return GrpoTask(
        settings=settings(steps),
        rollouts=Rollouts(max_tokens=64),
        rewards=Rewards(weights={"no_repetition": 1.0}),
        alarms=Alarms(),
        model=str(folder),
        adapter="",
        train=rows,
        dev=[],
        probe=rows[:2],
        engines=[],
        scorer=None,
        rater=None,
        guide=load_guide("yuansu"),
        folder=Folder(str(folder.parent / "stage")),
        stage_id="bench",
    )


def ours(task: GrpoTask, folder: Path) -> dict[str, float]:
    """As `jobs.grpo` does it."""
    from dataclasses import replace

    profile = read_profile("laptop")
    connect(profile)
    engine = Engine(task.model, profile.engine, 0)
    task = replace(task, engines=engines(engine, RANK, f"bench-{time.monotonic_ns()}"))

    def clocked_loop(config: dict[str, Any]) -> None:
        import transformers.trainer

        from tests.bench.rivals.sft import clock

        transformers.trainer.DEFAULT_CALLBACKS.append(clock(folder / "ours.json"))
        grpo_loop(config)

    task.folder.delete()
    fit(clocked_loop, task, profile.train, folder=task.folder / "checkpoints", name="train")
    if (task.folder / STOPPED).exists():
        raise RuntimeError(task.folder.read_json(STOPPED))
    ray.shutdown()
    return measured(folder / "ours.json")


def theirs(task: GrpoTask, folder: Path) -> dict[str, float]:
    """TRL's."""
    (folder / TASK).write_bytes(pickle.dumps((task, read_profile("laptop").train)))
    line = [sys.executable, "-m", *LAUNCHERS["trl"], "-m", "tests.bench.rivals.grpo", str(folder)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TOKENIZERS_PARALLELISM": "false"}
    done = subprocess.run(
        line, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"TRL: {done.stdout[-2000:]}{done.stderr[-4000:]}")
    return measured(folder / "trl.json")


def measured(path: Path) -> dict[str, float]:
    """The median step's seconds, and where ours went."""
    record = json.loads(path.read_text(encoding="utf-8"))
    ends = record["ends"]
    steps = [after - before for before, after in zip(ends, ends[1:], strict=False)][WARM_UP:]
    found = {"step_s": round(median(steps), 3)}
    for name in COLUMNS:
        values = [entry[name] for entry in record["history"] if name in entry]
        if values:
            found[name] = round(median(values[WARM_UP:]), 3)
    lengths = [e["completions/mean_length"] for e in record["history"] if "reward" in e]
    found["tokens_a_sample"] = round(median(lengths), 1)
    return found


def main() -> None:
    """Both models, both ways."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=8)
    steps = parser.parse_args().steps
    found: dict[str, dict[str, Any]] = {}
    for name in MODELS:
        with tempfile.TemporaryDirectory() as scratch:
            model = Path(scratch) / "model"
            model.mkdir()
            task = made(name, model, steps)
            found[name] = {"ours": ours(task, Path(scratch)), "trl": theirs(task, Path(scratch))}
        print(name, found[name], flush=True)
    ratios = {name: one["trl"]["step_s"] / one["ours"]["step_s"] for name, one in found.items()}
    conclude(
        "grpo", ratios["30m"], ratios["30m"] >= WANTED, wanted=WANTED,
        tiny=round(ratios["tiny"], 3), models=found,
    )  # fmt: skip


if __name__ == "__main__":
    main()
