"""Tiny trainings by the real loops, for any workers: DPO, a reward model, GRPO."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jobs.domain.brand import load_guide
from jobs.domain.rows import Brief
from jobs.engines.rollout import RolloutEngine, Weights
from jobs.engines.writer import Engine
from jobs.runtime.profile import read_profile
from jobs.runtime.storage import Folder
from jobs.training.dpo import Dpo, dpo_loop
from jobs.training.grpo.learner import GrpoTask, grpo_loop
from jobs.training.grpo.settings import Alarms, Grpo, Rewards, Rollouts
from jobs.training.preference import PreferenceTask, preferences
from jobs.training.reward import Reward, reward_loop
from tests.tiny_models import WORDS, tiny_adapter, tiny_model, toy_pairs

ROWS, DEV_ROWS = 16, 4
SAMPLES = 4
LEARNING = {"global_batch": 4, "precision": "float32", "save_every_steps": 4}
LORA = {"r": 4, "lora_alpha": 8, "lora_dropout": 0.0}
TRL = {"logging_steps": 1, "warmup_steps": 0, "lr_scheduler_type": "constant"}
BASE = "base-{rank}.json"  # sums of a learner's frozen weights before and after


class Seeded(RolloutEngine):
    """Draws the same from the same weights, however often it has drawn before."""

    def load(self, weights: Weights) -> int:
        import torch

        version = super().load(weights)
        torch.manual_seed(version)
        return version

    def base_sum(self) -> str:
        """Of the base's weights that it adds adapters to."""
        return sum_of(self.merger.model)


def seeded_engine(base: Path) -> Any:
    """In an actor."""
    import ray

    known = read_profile("laptop").engine
    options = {**known.options, "max_model_len": 128, "max_num_seqs": 8}
    shape = known.model_copy(update={"adapters": "merged", "options": options})
    return ray.remote(num_cpus=0.5)(Seeded).remote(Engine(str(base), shape, 0), "engine 0", 4)


def dpo_task(base: Path, adapter: Path) -> PreferenceTask:
    """Four steps from an adapter."""
    settings = Dpo(learning_rate=0.01, trl=TRL, **LEARNING)
    return preference(settings, base, str(adapter))


def reward_task(base: Path) -> PreferenceTask:
    """Four steps of a new head and a new adapter."""
    return preference(Reward(learning_rate=0.01, lora=LORA, trl=TRL, **LEARNING), base, "")


def preference(settings: Dpo | Reward, base: Path, adapter: str) -> PreferenceTask:
    """On toy pairs."""
    train, dev = preferences(toy_pairs(ROWS)), preferences(toy_pairs(DEV_ROWS, split="dev"))
    return PreferenceTask(settings, str(base), adapter, train, dev, "tiny/preference")


def grpo_task(
    base: Path, adapter: Path, engines: Sequence[Any], folder: Path, steps: int
) -> GrpoTask:
    """So many steps of two briefs from an adapter, and a checkpoint."""
    rows = [row(number) for number in range(2 * steps)]
    return GrpoTask(
        settings=Grpo(
            learning_rate=0.01, global_batch=2 * SAMPLES, samples=SAMPLES, steps=steps,
            save_every_steps=steps, precision="float32", dev_rows=0, trl={"beta": 0.1, **TRL},
        ),
        rollouts=Rollouts(max_tokens=16),
        rewards=Rewards(weights={"within_length": 1.0, "no_repetition": 1.0}),
        alarms=Alarms(),
        model=str(base),
        adapter=str(adapter),
        train=rows,
        dev=[],
        probe=[{**one, "completion": WORDS[:9]} for one in rows[:2]],
        engines=list(engines),
        scorer=None,
        rater=None,
        guide=load_guide("yuansu"),
        folder=Folder(str(folder)),
        stage_id="tiny/grpo",
    )  # fmt: skip


def row(number: int) -> dict[str, Any]:
    """A brief of the training set."""
    facts = json.dumps({"name": WORDS[number : number + 4]}, ensure_ascii=False)
    brief = Brief(f"p{number}/k", f"p{number}", "train", False, "b", "zh", "paid_ad_cta", facts)
    prompt = [{"role": "user", "content": f"写广告{WORDS[number : number + 4]}"}]
    return {"prompt": prompt, "brief": json.dumps(vars(brief), ensure_ascii=False)}


def watched_grpo(config: Mapping[str, Any]) -> None:
    """grpo's own loop; the learner's frozen weights are summed before and after."""
    import torch.distributed as dist

    from jobs.training import reports

    plain, folder = reports.train, config["task"].folder

    def train(trainer: Any, report: Any) -> None:
        before = sum_of(trainer.model)
        plain(trainer, report)
        folder.write_json(BASE.format(rank=dist.get_rank()), [before, sum_of(trainer.model)])

    reports.train = train
    try:
        grpo_loop(config)
    finally:
        reports.train = plain


def sum_of(model: Any) -> str:
    """SHA-256 of all weights that are of no adapter; under ZeRO-3, of this worker's part."""
    found = hashlib.sha256()
    for name, weight in sorted(model.named_parameters()):
        if "lora_" not in name:
            held = getattr(weight, "ds_tensor", weight)
            found.update(name.encode() + held.detach().cpu().numpy().tobytes())
    return found.hexdigest()


class Policy:
    """What preferences are learned by: a tiny model with an adapter, one engine for all stages."""

    def __init__(self, folder: Path) -> None:
        self.base = tiny_model(folder / "base")
        self.adapter = tiny_adapter(self.base, folder / "adapter")
        self.engine = seeded_engine(self.base)

    def trainings(
        self, folder: Path, steps: int, *, resumed: bool
    ) -> list[tuple[Any, Any, Path | None]]:
        """GRPO at one go, or in two halves of which the second goes on from the first."""
        found = [
            (dpo_loop, dpo_task(self.base, self.adapter), None),
            (reward_loop, reward_task(self.base), None),
        ]
        if resumed:
            found.append((watched_grpo, self.grpo(folder / "half", steps // 2), None))
        found.append((watched_grpo, self.grpo(folder / "grpo", steps), folder if resumed else None))
        return found

    def grpo(self, folder: Path, steps: int) -> Any:
        return grpo_task(self.base, self.adapter, [self.engine], folder, steps)

    def engine_is_clean(self) -> bool:
        """The base in the engine's memory is still that of the files."""
        import ray
        import torch
        from peft import PeftModel
        from transformers import AutoModelForCausalLM

        plain = AutoModelForCausalLM.from_pretrained(self.base, dtype=torch.float32)
        expected = sum_of(PeftModel.from_pretrained(plain, self.adapter))
        return bool(ray.get(self.engine.base_sum.remote()) == expected)
