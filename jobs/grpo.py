"""Brief + rewards -> adapter or model + Rollout: the policy learns from its own samples.

python -m jobs.grpo configs/demo.toml

Goes on from the last sft, dpo or grpo stage, which is the frozen reference, too. Only train
products are written about; dev chooses the checkpoint by a figure that is no reward. Paid where
`rater` is among the rewards. After every sync each engine proves that it runs the policy.
"""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace

from jobs.domain.errors import SettingsError, StageError
from jobs.domain.rows import Rollout
from jobs.engines.models import TUNING, BaseModelSettings, check_base, tuned
from jobs.engines.rollout import engines
from jobs.engines.writer import Engine
from jobs.llm.api import Api
from jobs.llm.asking import total_usd
from jobs.llm.budget import Budget
from jobs.llm.raters import check_rater
from jobs.runtime.command import start
from jobs.runtime.progress import Watch
from jobs.runtime.stage import Counts, Job, Stage
from jobs.runtime.tables import write_rows
from jobs.runtime.trainer import Fit, fit
from jobs.training.grpo import preparing
from jobs.training.grpo.learner import STOPPED, GrpoTask, grpo_loop
from jobs.training.grpo.settings import (
    MODEL_REWARD,
    RATER,
    Alarms,
    Grpo,
    Rewards,
    Rollouts,
    check_ahead,
    check_syncable,
)
from jobs.training.grpo.watch import ALARMS, ROLLOUTS
from jobs.training.refusals import check_tuning
from jobs.training.results import publish_training

NOTED = ("step", "world", "engine", "zero_stage", "optimizer")


def main(run: Stage) -> Counts:
    """Start engines and rewards, train, keep the checkpoint that dev chose, and every sample."""
    settings = run.settings(Grpo)
    model, adapter = preparing.origin(run)
    engine = Engine(model, preparing.rollout_shape(run), settings.seed)
    with ExitStack() as stack:
        rater, bills = preparing.rater(run, stack)
        task = GrpoTask(
            settings=settings,
            rollouts=run.section("rollout", Rollouts),
            rewards=run.section("rewards", Rewards),
            alarms=run.section("alarms", Alarms),
            model=model,
            adapter=adapter,
            train=preparing.schedule(
                preparing.chats(run, "train", renamed=settings.renamed), settings
            ),
            dev=preparing.some(preparing.chats(run, "dev"), settings.dev_rows, settings.seed),
            probe=preparing.probe(run),
            engines=engines(engine, preparing.rank_of(run, adapter), run.stage_id),
            scorer=preparing.scorer(run, preparing.learner_shape(run)),
            rater=rater,
            guide=run.guide,
            folder=run.folder,
            stage_id=run.stage_id,
        )
        with Watch(run.stage_id, settings.steps):
            fitted = trained(run, task)
        paid = bills()
    chosen = best(fitted)
    publish_training(chosen, run.folder, whole=settings.lora is False)
    rows = write_rows(samples(run), Rollout, run.folder)
    notes = {key: fitted.metrics.get(key) for key in NOTED}
    notes |= {"chosen_step": chosen.metrics.get("step"), "dev_kept": chosen.metrics.get("dev_kept")}
    notes |= {"steps_with_alarms": len((run.folder / ALARMS).names()), "paid": paid}
    return Counts(rows, rows, usd=total_usd(paid), notes=notes)


def trained(run: Stage, task: GrpoTask) -> Fit:
    """The finished training. Raises StageError with the reason where the learners stopped it."""
    run.folder.delete_file(STOPPED)
    try:
        fitted = fit(
            grpo_loop,
            task,
            preparing.learner_shape(run),
            folder=run.folder / "checkpoints",
            name="train",
        )
    finally:
        if (run.folder / STOPPED).exists():
            raise StageError(f"{run.name} stopped: {run.folder.read_json(STOPPED)}")
    return fitted


def best(fitted: Fit) -> Fit:
    """The checkpoint whose dev answers were kept most often, the latest of equals."""
    known = [
        (checkpoint, metrics)
        for checkpoint, metrics in fitted.checkpoints
        if metrics.get("dev_kept") is not None
    ]
    if not known:
        return fitted
    checkpoint, metrics = max(known, key=lambda one: (one[1]["dev_kept"], one[1]["step"]))
    return replace(fitted, checkpoint=checkpoint, metrics=metrics)


def samples(run: Stage) -> Iterator[Rollout]:
    """Every sample of the run, step by step, as the first learner wrote them down."""
    folder = run.folder / ROLLOUTS
    for name in folder.names():
        for number, line in enumerate(folder.read_lines(name)):
            row = json.loads(line)
            brief = json.loads(row["brief"])
            yield Rollout(
                **brief,
                rollout_id=f"{brief['brief_id']}@{row['step']}/{number}",
                rewards=json.dumps(row["rewards"]),
                **{
                    key: row[key]
                    for key in ("step", "version", "text", "finish_reason", "tokens", "advantage")
                },
            )


def check(stage: Stage) -> None:
    """What would fail, before anything starts."""
    settings, weights = stage.settings(Grpo), stage.section("rewards", Rewards).weights
    check_base(stage)
    check_syncable(settings)
    check_ahead(settings, stage.section("rollout", Rollouts))
    check_tuning(settings, preparing.learner_shape(stage))
    before = tuned(stage)
    _, adapter = preparing.origin(stage)
    if before is not None and adapter and settings.lora:
        raise SettingsError(
            f"[{stage.name}.lora] has {', '.join(settings.lora)}, but the adapter of "
            f"{before.name!r} is trained on as it is. Remove the table, or set it there."
        )
    if MODEL_REWARD in weights:
        stage.input("reward")
    if RATER in weights:
        check_rater(stage)


JOB = Job(
    name="grpo",
    main=main,
    sections={
        "grpo": Grpo,
        "rollout": Rollouts,
        "rewards": Rewards,
        "alarms": Alarms,
        "rater": Api,
        "budget": Budget,
        "base": BaseModelSettings,
    },
    reads=("brief", "clean", "collect", "reward", *TUNING, "pretrain"),
    sources=(
        "configs/brands/{brand}/guide.toml",
        "prompts/chat",
        "prompts/write",
        "prompts/reward",
        "jobs/domain/rewards.py",
        "jobs/llm/offline/rater",
    ),
    check=check,
)

if __name__ == "__main__":
    start("grpo")
