"""Pair -> adapter or model: direct preference optimisation, from the adapter of sft.

python -m jobs.dpo configs/yuansu.toml

The reference is what the stage starts from: the frozen adapter of the tuning stage before it, or
the bare base where there is none. TRL's losses are settings: [dpo.trl] loss_type and beta.
"""

from jobs.domain.errors import SettingsError, StageError
from jobs.engines.models import ADAPTER, TUNING, BaseModelSettings, check_base, model_path, tuned
from jobs.runtime.command import start
from jobs.runtime.pairs import pairs
from jobs.runtime.progress import Watch
from jobs.runtime.stage import Counts, Job, Stage
from jobs.runtime.trainer import fit
from jobs.training.dpo import Dpo, check_losses, dpo_loop
from jobs.training.preference import (
    PreferenceTask,
    forget_start,
    optimizer_steps,
    preferences,
    trained_whole,
    whole_start,
)
from jobs.training.refusals import check_tuning
from jobs.training.results import publish_training

NOTED = ("step", "loss", "eval_loss", "world", "engine", "zero_stage", "optimizer")


def main(run: Stage) -> Counts:
    """Train on train's pairs; keep the weights and the figures of their training."""
    settings = run.settings(Dpo)
    train = preferences(pairs(run, "train"))
    dev = preferences(pairs(run, "dev"))[: settings.dev_rows]
    if not train:
        raise StageError(
            f"{run.name}: there is no pair to train on. It wants train pairs of a pair stage, or "
            f"of a collect stage; see what these dropped."
        )
    model, adapter = origin(run)
    task = PreferenceTask(settings, model, adapter, train, dev, run.stage_id)
    with Watch(run.stage_id, optimizer_steps(len(train), settings.global_batch, settings.epochs)):
        fitted = fit(
            dpo_loop, task, run.profile.train, folder=run.folder / "checkpoints", name="train"
        )
    publish_training(fitted, run.folder, whole=settings.lora is False)
    forget_start(run.folder)
    notes = {key: fitted.metrics.get(key) for key in NOTED}
    left_out = fitted.metrics["left_out"]
    return Counts(len(train), len(train) - left_out, dropped=left_out, notes=notes)


def origin(run: Stage) -> tuple[str, str]:
    """The model, and the adapter that is trained on: none where all weights are, or it is new."""
    before = tuned(run)
    if run.settings(Dpo).lora is False:
        return whole_start(run), ""
    return model_path(run, "base"), (before.folder / ADAPTER).address if before else ""


def check(stage: Stage) -> None:
    """What would fail, before anything starts. Raises SettingsError."""
    settings, before = stage.settings(Dpo), tuned(stage)
    check_base(stage)
    check_tuning(settings, stage.profile.train)
    check_losses(settings)
    if before is None or settings.lora is False:
        return
    if trained_whole(before):
        raise SettingsError(
            f"[{stage.name}] would put an adapter on the whole model of {before.name!r}, which no "
            f"later stage could part from the base. Set lora = false in both, or in neither."
        )
    if settings.lora:
        raise SettingsError(
            f"[{stage.name}.lora] has {', '.join(settings.lora)}, but the adapter of "
            f"{before.name!r} is trained on as it is. Remove the table, or set it there."
        )


JOB = Job(
    name="dpo",
    main=main,
    sections={"dpo": Dpo, "base": BaseModelSettings},
    reads=("pair", "collect", *TUNING, "pretrain"),
    check=check,
)

if __name__ == "__main__":
    start("dpo")
