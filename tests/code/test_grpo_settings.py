"""GRPO's settings, and the order in which prompts are sampled."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch.distributed as dist

from jobs.domain.errors import SettingsError, StageError
from jobs.engines.rollout import Rolled
from jobs.runtime.profile import TrainShape
from jobs.training.grpo.preparing import schedule
from jobs.training.grpo.rollouts import RolloutFunction
from jobs.training.grpo.settings import (
    Grpo,
    Rewards,
    Rollouts,
    check_ahead,
    check_syncable,
    shapes,
)


class Engines:
    """Plays the pool: a sample says its prompt, and the weights that it was asked of."""

    def __init__(self) -> None:
        self.version = 0

    def ask(self, prompts: list[list[int]], sampling: Any) -> Any:
        return [(prompt, self.version) for prompt in prompts]

    def answers(self, asked: Any, sampling: Any) -> list[Rolled]:
        return [Rolled(prompt, [0.0], "", "stop", version) for prompt, version in asked]


@pytest.mark.parametrize("ahead", [0, 1])
def test_samples_are_of_this_steps_prompts_and_of_known_weights(tmp_path: Any, ahead: int) -> None:
    settings = Grpo(global_batch=4, samples=2, steps=4)
    rows = [{"prompt": [{"role": "user", "content": str(number)}]} for number in range(8)]

    class Rows(list):  # type: ignore[type-arg]
        def select(self, places: range) -> dict[str, Any]:
            return {"prompt": [self[place]["prompt"] for place in places]}

    trainer = SimpleNamespace(
        state=SimpleNamespace(global_step=0),
        train_dataset=Rows(rows),
        processing_class=SimpleNamespace(
            apply_chat_template=lambda chat, **_: [int(chat[0]["content"])]
        ),
        _metrics={"train": {"seconds/rollout": []}},
    )
    engines: Any = Engines()
    roll = RolloutFunction(settings, Rollouts(ahead=ahead), engines)
    dist.init_process_group("gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1)
    try:
        for step in range(4):
            trainer.state.global_step = engines.version = step
            mine = [rows[2 * step], rows[2 * step], rows[2 * step + 1], rows[2 * step + 1]]
            found = roll([row["prompt"] for row in mine], trainer)
            wanted = [[2 * step], [2 * step], [2 * step + 1], [2 * step + 1]]
            assert found["prompt_ids"] == found["completion_ids"] == wanted
            assert found["version"] == [max(0, step - ahead)] * 4
    finally:
        dist.destroy_process_group()


def test_one_step_ahead_wants_new_samples_each_step() -> None:
    check_ahead(Grpo(trl={"num_iterations": 2}), Rollouts())
    with pytest.raises(SettingsError, match="num_iterations = 2 learns from each batch 2 times"):
        check_ahead(Grpo(trl={"num_iterations": 2}), Rollouts(ahead=1))


def test_schedule_has_every_brief_as_often() -> None:
    rows = [{"brief": str(number)} for number in range(6)]
    planned = schedule(rows, Grpo(global_batch=16, samples=8, steps=9))
    counts = [sum(row == one for one in planned) for row in rows]
    assert counts == [3] * 6
    assert [row["brief"] for row in planned[:6]] != [row["brief"] for row in planned[6:12]]
    with pytest.raises(StageError, match="takes 7 train briefs, and there are 6"):
        schedule(rows, Grpo(global_batch=14, samples=2))


def test_batches_are_of_whole_groups() -> None:
    with pytest.raises(ValueError, match="no multiple of 8 samples"):
        Grpo(global_batch=36)
    shape = TrainShape(workers=2, batch_per_device=16)
    assert shapes(Grpo(global_batch=64), shape) == {"num_generations": 8, "steps_per_generation": 2}


@pytest.mark.parametrize(
    ("lora", "reason"),
    [
        ({"use_dora": True}, "DoRA"),
        ({"modules_to_save": ["lm_head"]}, "whole modules"),
        ({"bias": "all"}, "no biases"),
        ({"target_modules": ["q_proj", "lm_head"]}, "without an adapter"),
    ],
)
def test_adapters_that_engines_cannot_run(lora: dict[str, Any], reason: str) -> None:
    with pytest.raises(SettingsError, match=reason):
        check_syncable(Grpo(lora=lora))
    check_syncable(Grpo(lora=False))


def test_unknown_rewards_are_refused() -> None:
    with pytest.raises(SettingsError, match="'names_produkt'"):
        Rewards(weights={"names_produkt": 1.0})
