"""From a stage's settings and inputs to what its learners are handed."""

import json
import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import ray

from jobs.domain.errors import StageError
from jobs.domain.prompts import render_brief
from jobs.domain.renaming import Renamer
from jobs.domain.rows import Brief
from jobs.engines.models import ADAPTER, MODEL, TUNING, model_path, tuned
from jobs.engines.scorer import Scorer
from jobs.llm.asking import bill
from jobs.llm.rating import Rater
from jobs.llm.reach import reach
from jobs.runtime.briefs import read_briefs
from jobs.runtime.copies import read_copies
from jobs.runtime.profile import EngineShape, TrainShape
from jobs.runtime.stage import Stage
from jobs.runtime.storage import Folder
from jobs.runtime.tables import brief_columns
from jobs.training.grpo.settings import MODEL_REWARD, RATER, Grpo, Rewards, Rollouts
from jobs.training.preference import trained_whole
from jobs.training.tuning import lora_config

HELDOUT = "heldout.json"  # of the reward stage
Rows = list[dict[str, Any]]


def learner_shape(run: Stage) -> TrainShape:
    """The profile's [learner], else its [train]."""
    return run.profile.learner or run.profile.train


def rollout_shape(run: Stage) -> EngineShape:
    """The profile's [rollout], else its [engine]."""
    return run.profile.rollout or run.profile.engine


def origin(run: Stage) -> tuple[str, str]:
    """The addresses of the base and of the adapter that training goes on from; "" for none.

    Raises StageError where the stage before left weights of another kind than are trained.
    """
    whole, before = run.settings(Grpo).lora is False, tuned(run)
    if before is None:
        return model_path(run, "base"), ""
    if trained_whole(before) != whole:
        raise StageError(
            f"{run.name} trains {'all weights' if whole else 'an adapter'}, and {before.name} "
            f"before it {'all weights' if not whole else 'an adapter'}: set lora alike in both, or "
            f"name another stage in its inputs ({', '.join(TUNING)})."
        )
    if whole:
        return (before.folder / MODEL).address, ""
    return model_path(run, "base"), (before.folder / ADAPTER).address


def rank_of(run: Stage, adapter: str) -> int | None:
    """The largest rank of the adapter that the engines will load; None for whole models."""
    settings = run.settings(Grpo)
    if settings.lora is False:
        return None
    if adapter:
        config = Folder(adapter).read_json("adapter_config.json")
        return int(max([config["r"], *config.get("rank_pattern", {}).values()]))
    made = lora_config(settings)
    return int(max([made.r, *made.rank_pattern.values()]))


def chats(run: Stage, split: str, *, renamed: float = 0.0) -> Rows:
    """Every brief of a split as a training row. Validation is refused by `read_briefs`.

    `renamed` is the share of briefs that get names and amounts of no product, as sft's copies do.
    """
    rows = read_briefs(run, split).to_pandas().to_dict("records")
    rows = sorted(rows, key=lambda row: row["brief_id"])
    facts = [row["facts"] for row in rows]
    renamer = Renamer(facts, facts, run.guide.language)
    for row in rows:
        rng = random.Random(f"{run.settings(Grpo).seed}/{row['brief_id']}")
        if rng.random() < renamed:
            row["facts"], _ = renamer.altered(row["facts"], "", rng)
    return [row_of(brief_columns(row), run) for row in rows]


def row_of(columns: dict[str, Any], run: Stage) -> dict[str, Any]:
    """The short chat that sft, answer and serve use, and the brief that rewards are about."""
    prompt = render_brief(Brief(**columns), run.guide)
    return {"prompt": prompt, "brief": json.dumps(columns, ensure_ascii=False)}


def schedule(rows: Rows, settings: Grpo) -> Rows:
    """The briefs of every step, in order: the table again and again, each time in a new order.

    Raises StageError where there are fewer briefs than a step takes.
    """
    count = settings.global_batch // settings.samples
    if len(rows) < count:
        raise StageError(
            f"a step takes {count} train briefs, and there are {len(rows)}. Lower global_batch, or "
            f"raise samples, in [grpo]."
        )

    def endless() -> Iterator[dict[str, Any]]:
        rng = random.Random(settings.seed)
        while True:
            yield from rng.sample(rows, len(rows))

    source = endless()
    return [next(source) for _ in range(count * settings.steps)]


def some(rows: Rows, count: int, seed: int) -> Rows:
    """At most `count` of the rows, drawn by a seed."""
    return random.Random(seed).sample(rows, min(count, len(rows)))


def probe(run: Stage) -> Rows:
    """Dev copies whose log-probabilities prove a sync. Raises StageError where there are none."""
    copies = [row for row in read_copies(run).take_all() if row["split"] == "dev"]
    chosen = some(
        sorted(copies, key=lambda row: row["draft_id"]),
        run.section("rollout", Rollouts).probe_rows,
        run.settings(Grpo).seed,
    )
    if not chosen:
        raise StageError(
            f"{run.name} has no dev copy to prove its engines with: give some products the split "
            f"dev, or see what clean dropped."
        )
    return [{**row_of(brief_columns(row), run), "completion": row["text"]} for row in chosen]


def scorer(run: Stage, learners: TrainShape) -> Any:
    """The reward model in an actor; None where it is no reward."""
    if MODEL_REWARD not in run.section("rewards", Rewards).weights:
        return None
    folder = run.input("reward")
    figures = folder.read_json(HELDOUT)
    threads = learners.workers * learners.threads_per_worker
    actor = ray.remote(num_cpus=0.5, num_gpus=min(0.2, learners.gpus_per_worker))(Scorer)
    return actor.remote((folder / MODEL).address, figures["centre"], figures["scale"], threads)


def rater(run: Stage, stack: ExitStack) -> tuple[Any, Callable[[], list[dict[str, Any]]]]:
    """The pool of calls to the rater while the stack is open, and its bill; None without it."""
    rewards = run.section("rewards", Rewards)
    if RATER not in rewards.weights:
        return None, lambda: []
    endpoint = stack.enter_context(reach(run, "rater"))
    actor = Rater.remote(endpoint, rewards.timeout_s, run.profile.api.in_flight)
    stack.callback(lambda: ray.get(actor.close.remote()))
    return actor, lambda: [bill(endpoint)]
