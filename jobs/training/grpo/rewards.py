"""The components of a reward as TRL calls them: one function each, of values in [0, 1].

What cannot be had is None, which the learner makes neutral: it moves no advantage either way.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import ray

from jobs.domain.brand import Guide
from jobs.domain.prompts import Message, render_brief
from jobs.domain.rewards import rule_rewards
from jobs.domain.rows import Brief
from jobs.domain.samples import Sample
from jobs.training.grpo.settings import MODEL_REWARD, RATER

Values = list[float | None]
Found = dict[str, float | None]  # components by name
Texts = Sequence[list[Message]]  # completions in TRL's form: one message each


@dataclass(frozen=True)
class Sources:
    """Where the components come from that are no rules."""

    guide: Guide
    scorer: Any = None  # an actor of engines.scorer.Scorer
    rater: Any = None  # an actor of llm.rating.Rater


def reward_functions(names: Sequence[str], sources: Sources) -> list[Callable[..., Any]]:
    """One function for each name; its `__name__` is the component's."""
    others = {MODEL_REWARD: by_model, RATER: by_rater}
    made = []
    for name in names:
        function = others[name](sources) if name in others else by_rule(name, sources)
        function.__name__ = name
        made.append(function)
    return made


def by_rule(name: str, sources: Sources) -> Callable[..., Any]:
    """A pure function of each sample."""
    rule = rule_rewards()[name]

    def values(completions: Texts, brief: list[str], finish_reason: list[str], **_: Any) -> Values:
        return [rule(one) for one in samples_of(brief, completions, finish_reason, sources.guide)]

    return values


def by_model(sources: Sources) -> Callable[..., Any]:
    """The reward model's score of the short chat with its answer."""

    async def values(prompts: list[list[Message]], completions: Texts, **_: Any) -> Values:
        chats = [[*prompt, *answer] for prompt, answer in zip(prompts, completions, strict=True)]
        found: Values = await sources.scorer.rewards.remote(chats)
        return found

    return values


def by_rater(sources: Sources) -> Callable[..., Any]:
    """The rater's rating; None where its call failed."""

    async def values(
        completions: Texts, brief: list[str], finish_reason: list[str], **_: Any
    ) -> Values:
        samples = samples_of(brief, completions, finish_reason, sources.guide)
        found: Values = await sources.rater.rate.remote(samples)
        return found

    return values


def samples_of(
    briefs: Sequence[str], completions: Texts, reasons: Sequence[str], guide: Guide
) -> list[Sample]:
    """What the rules and the rater look at."""
    return [
        Sample(brief_of(brief), guide, texts[0]["content"], reason)
        for brief, texts, reason in zip(briefs, completions, reasons, strict=True)
    ]


def rewarded(names: Sequence[str], sources: Sources, samples: Sequence[Sample]) -> list[Found]:
    """Every component of some samples at once, outside of a step: for canaries."""
    rules = rule_rewards()
    columns: dict[str, Sequence[float | None]] = {
        name: [rules[name](sample) for sample in samples] for name in names if name in rules
    }
    promises = {}
    if MODEL_REWARD in names:
        chats = [
            [
                *render_brief(sample.brief, sources.guide),
                {"role": "assistant", "content": sample.text},
            ]
            for sample in samples
        ]
        promises[MODEL_REWARD] = sources.scorer.rewards.remote(chats)
    if RATER in names:
        promises[RATER] = sources.rater.rate.remote(list(samples))
    columns |= {name: ray.get(promise) for name, promise in promises.items()}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def weighted(found: Found, weights: Mapping[str, float]) -> float | None:
    """The weighted mean of the components that could be had; None where none could.

    >>> weighted({"a": 1.0, "b": None, "c": 0.0}, {"a": 3.0, "b": 9.0, "c": 1.0})
    0.75
    """
    there = {name: value for name, value in found.items() if value is not None}
    total = sum(weights[name] for name in there)
    return sum(weights[name] * value for name, value in there.items()) / total if total else None


@lru_cache(maxsize=4096)
def brief_of(text: str) -> Brief:
    """A brief from the JSON that the training set carries."""
    return Brief(**json.loads(text))
