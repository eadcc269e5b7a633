"""Pair -> reward model: a scalar head on the tuned model, by Bradley and Terry's loss.

python -m jobs.reward configs/demo.toml

`model/` is a whole model that transformers loads alone (AutoModelForSequenceClassification, one
label); `heldout.json` is what it says of dev's pairs, with the centre and scale that bring a score
into [0, 1].
"""

from typing import Any

import ray

from jobs.domain.errors import StageError
from jobs.domain.rows import Pair
from jobs.engines.models import ADAPTER, MODEL, BaseModelSettings, check_base
from jobs.runtime.command import start
from jobs.runtime.pairs import pairs
from jobs.runtime.progress import Watch
from jobs.runtime.stage import Counts, Job, Stage
from jobs.runtime.trainer import fit
from jobs.training.heldout import Scored, content_type, heldout
from jobs.training.preference import (
    PreferenceTask,
    forget_start,
    optimizer_steps,
    preferences,
    whole_start,
)
from jobs.training.refusals import check_tuning
from jobs.training.results import publish_training
from jobs.training.reward import Reward, merge_reward, reward_loop, scores_of

HELDOUT = "heldout.json"
NOTED = ("step", "loss", "eval_loss", "world", "engine", "zero_stage", "optimizer")


def main(run: Stage) -> Counts:
    """Train on train's pairs; publish the whole model; let that model score dev's pairs."""
    settings = run.settings(Reward)
    learned, dev = pairs(run, "train"), pairs(run, "dev")[: settings.dev_rows]
    if not learned or not dev:
        raise StageError(
            f"{run.name}: {len(learned)} pairs of train and {len(dev)} of dev; wanted both. "
            f"They come from a pair or a collect stage; see what these dropped."
        )
    origin = whole_start(run)
    task = PreferenceTask(
        settings, origin, "", preferences(learned), preferences(dev), run.stage_id
    )
    with Watch(run.stage_id, optimizer_steps(len(learned), settings.global_batch, settings.epochs)):
        fitted = fit(
            reward_loop, task, run.profile.train, folder=run.folder / "checkpoints", name="train"
        )
    publish_training(fitted, run.folder, whole=settings.lora is False)
    if settings.lora is not False:
        ray.get(merge_reward.remote(origin, run.folder / ADAPTER, run.folder / MODEL))
    forget_start(run.folder)
    figures = heldout(scored(run, dev))
    run.folder.write_json(HELDOUT, figures)
    notes = {key: fitted.metrics.get(key) for key in NOTED}
    notes["accuracy"] = round(figures["accuracy"], 4)
    left_out = fitted.metrics["left_out"]
    return Counts(len(learned), len(learned) - left_out, dropped=left_out, notes=notes)


def scored(run: Stage, dev: list[Pair]) -> list[Scored]:
    """The published model's scores of both texts of each pair, made where training was."""
    shape = run.profile.train
    rows = preferences(dev)
    chats: list[Any] = [
        row["prompt"] + row[side] for row in rows for side in ("chosen", "rejected")
    ]
    scoring = scores_of.options(num_gpus=min(1, shape.gpus_per_worker))
    threads = shape.workers * shape.threads_per_worker
    scores = ray.get(scoring.remote(run.folder / MODEL, chats, threads))
    return [
        Scored(
            kind=pair.kind,
            content_type=content_type(pair.brief_id),
            chosen=chosen,
            rejected=rejected,
            longer=len(pair.chosen) - len(pair.rejected),
        )
        for pair, chosen, rejected in zip(dev, scores[::2], scores[1::2], strict=True)
    ]


def check(stage: Stage) -> None:
    """What would fail, before anything starts."""
    check_base(stage)
    check_tuning(stage.settings(Reward), stage.profile.train)


JOB = Job(
    name="reward",
    main=main,
    sections={"reward": Reward, "base": BaseModelSettings},
    reads=("pair", "collect", "sft", "pretrain"),
    check=check,
)

if __name__ == "__main__":
    start("reward")
