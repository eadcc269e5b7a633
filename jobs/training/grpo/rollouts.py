"""TRL's `rollout_func`: prompts in, samples with the log-probabilities they were drawn with out."""

import time
from collections.abc import Sequence
from typing import Any

from jobs.domain.prompts import Message
from jobs.training.grpo.pool import Asked, Pool
from jobs.training.grpo.settings import Grpo, Rollouts
from jobs.training.grpo.sync import together


class RolloutFunction:
    """Called by every learner with its own prompts, each as many times as it has samples.

    The first learner asks the engines for all of them. One step ahead, it begins the next step's
    samples before it hands this step's out: they are drawn from weights that are one step old, and
    TRL's importance correction knows it by their log-probabilities.
    """

    def __init__(self, settings: Grpo, rollouts: Rollouts, pool: Pool | None) -> None:
        self.settings, self.rollouts, self.pool = settings, rollouts, pool
        self.under_way: tuple[int, Asked] | None = None  # the samples of this step
        self.sampling = {
            "max_tokens": rollouts.max_tokens,
            "temperature": rollouts.temperature,
        }

    def __call__(self, prompts: list[list[Message]], trainer: Any) -> dict[str, list[Any]]:
        """The samples of this worker's prompts, in their order."""
        import torch.distributed as dist

        mine = [tokens_of(trainer.processing_class, prompt) for prompt in prompts]
        every: list[Any] = [None] * dist.get_world_size()
        dist.all_gather_object(every, mine)
        step, began = int(trainer.state.global_step), time.monotonic()
        rolled = together(
            lambda: self._sample([row for part in every for row in part], step, trainer)
        )
        trainer._metrics["train"]["seconds/rollout"].append(time.monotonic() - began)
        start = sum(len(part) for part in every[: dist.get_rank()])
        own = rolled[start : start + len(mine)]
        return {
            "prompt_ids": mine,
            "completion_ids": [sample.tokens for sample in own],
            "logprobs": [sample.logprobs for sample in own],
            "tokens": [len(sample.tokens) for sample in own],
            "finish_reason": [sample.finish_reason for sample in own],
            "version": [sample.version for sample in own],
        }

    def _sample(self, prompts: Sequence[list[int]], step: int, trainer: Any) -> list[Any]:
        assert self.pool is not None
        ready, self.under_way = self.under_way, None
        if ready is None or ready[0] != step:
            asked = self.pool.ask(prompts, self.sampling)
        else:
            asked = ready[1]
        if self.rollouts.ahead and step + 1 < self.settings.steps:
            following = self._prompts_of(step + 1, trainer)
            samples = self.pool.answers(asked, self.sampling)
            self.under_way = step + 1, self.pool.ask(following, self.sampling)
            return samples
        return self.pool.answers(asked, self.sampling)

    def _prompts_of(self, step: int, trainer: Any) -> list[list[int]]:
        """All learners' prompts of a step: the training set has its briefs in their order."""
        group = self.settings.samples
        count = self.settings.global_batch // group
        rows = trainer.train_dataset.select(range(step * count, (step + 1) * count))
        return [
            tokens
            for prompt in rows["prompt"]
            for tokens in [tokens_of(trainer.processing_class, prompt)] * group
        ]


def tokens_of(tokenizer: Any, prompt: list[Message]) -> list[int]:
    """A chat as the model reads it, up to where its answer begins."""
    return list(
        tokenizer.apply_chat_template(
            prompt, add_generation_prompt=True, tokenize=True, return_dict=False
        )
    )
