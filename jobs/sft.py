"""Copy, Example -> adapter or model: fine-tuning on briefs and their copies, and on chats.

python -m jobs.sft configs/demo.toml

Copies come from the config's clean stage and, with the user's own chats, from its collect stage:
either is enough, and where there are both they are mixed.
"""

import json
import math
import random
from collections.abc import Iterator
from typing import Any

from jobs.domain.brand import Guide
from jobs.domain.errors import StageError
from jobs.domain.prompts import render_brief
from jobs.domain.renaming import Renamer
from jobs.domain.rows import Brief, Copy, Example
from jobs.engines.models import BaseModelSettings, check_base, model_path
from jobs.runtime.command import start
from jobs.runtime.progress import Watch
from jobs.runtime.stage import Counts, Job, Stage
from jobs.runtime.tables import brief_columns, read_table
from jobs.runtime.trainer import fit
from jobs.training.refusals import check_tuning
from jobs.training.results import publish_training
from jobs.training.sft import Sft, SftTask, sft_loop

NOTED = ("step", "loss", "eval_loss", "world", "engine", "zero_stage", "optimizer")


def main(run: Stage) -> Counts:
    """Chats from the copies; train; keep the weights and the figures of their training."""
    settings = run.settings(Sft)
    train = chats(run, "train", renamed=settings.renamed)
    dev = chats(run, "dev")[: settings.dev_rows]
    if not train:
        raise StageError(
            f"{run.name}: there is nothing to train on. It wants train copies of a clean stage, or "
            f"copies or chats of a collect stage; see what these dropped."
        )
    task = SftTask(settings, model_path(run, "base"), train, dev, run.stage_id)
    steps = math.ceil(math.ceil(len(train) / settings.global_batch) * settings.epochs)
    with Watch(run.stage_id, steps):
        fitted = fit(
            sft_loop, task, run.profile.train, folder=run.folder / "checkpoints", name="train"
        )
    publish_training(fitted, run.folder, whole=settings.lora is False)
    notes = {key: fitted.metrics.get(key) for key in NOTED}
    return Counts(len(train), len(train), notes=notes)


def chats(run: Stage, split: str, *, renamed: float = 0.0) -> list[dict[str, Any]]:
    """All that is learned from, of one split: copies first, then the user's own chats.

    `renamed` is the share of copies that are about products of other names.
    """
    stages = [job for job in ("clean", "collect") if run.has_input(job)]
    copies = [row for job in stages for row in read_table(Copy, run.input(job)).to_pylist()]
    copies = [row for row in copies if row["split"] == split]
    own = read_table(Example, run.input("collect")).to_pylist() if "collect" in stages else []
    return [
        *(chat(row, run.guide) for row in with_other_names(copies, run, renamed)),
        *(own_chat(row) for row in own if row["split"] == split),
    ]


def with_other_names(
    copies: list[dict[str, Any]], run: Stage, share: float
) -> Iterator[dict[str, Any]]:
    """The copies; a share of them, chosen by their ids, with other names and concentrations."""
    facts, texts = ([row[column] for row in copies] for column in ("facts", "text"))
    renamer = Renamer(facts, texts, run.guide.language)
    for row in copies:
        rng = random.Random(f"{run.settings(Sft).seed}/{row['draft_id']}")
        if rng.random() < share:
            new_facts, text = renamer.altered(row["facts"], row["text"], rng)
            yield {**row, "facts": new_facts, "text": text}
        else:
            yield row


def chat(row: dict[str, Any], guide: Guide) -> dict[str, Any]:
    """A copy as TRL's prompt and completion; the prompt is the one that answer and serve send."""
    prompt = render_brief(Brief(**brief_columns(row)), guide)
    return {"prompt": prompt, "completion": [{"role": "assistant", "content": row["text"]}]}


def own_chat(row: dict[str, Any]) -> dict[str, Any]:
    """An example as TRL's prompt and completion, word for word."""
    completion = [{"role": "assistant", "content": row["completion"]}]
    return {"prompt": json.loads(row["prompt"]), "completion": completion}


def check(run: Stage) -> None:
    """The base is there, or will be, and the settings can work on the profile."""
    check_base(run)
    check_tuning(run.settings(Sft), run.profile.train)


JOB = Job(
    name="sft",
    main=main,
    sections={"sft": Sft, "base": BaseModelSettings},
    reads=("clean", "collect", "pretrain"),
    sources=("configs/brands/{brand}/guide.toml", "prompts/chat", "prompts/write"),
    check=check,
)

if __name__ == "__main__":
    start("sft")
