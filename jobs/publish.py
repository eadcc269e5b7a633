"""Model, adapter, data -> a Hugging Face repository or a folder, each with its card.

python -m jobs.publish configs/demo.toml --publish.target out/demo
HF_TOKEN=... python -m jobs.publish configs/yuansu.toml --publish.target hf://owner/name

The model goes to owner/name (or <folder>/model), the data to owner/name-data (or <folder>/data).
Only copies of train and dev products are data: validation is never published. What was published
and is the same is skipped; to send it once more, delete the stage's folder.
"""

import json
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import Field, field_validator

from jobs.cleaning.figures import ORDER
from jobs.domain.errors import SettingsError, StageError
from jobs.domain.prompts import Message, render_brief
from jobs.domain.rows import Brief, Copy
from jobs.engines.models import EMBEDDED, MODEL, BaseModelSettings
from jobs.llm.accounts import Accounts, models_of
from jobs.llm.api import Api
from jobs.llm.teachers import accounts
from jobs.reporting.card import CopySet, render_card
from jobs.reporting.funnel import Step
from jobs.reporting.model_card import (
    ModelSheet,
    Source,
    made_by,
    merged_names,
    render_model_card,
)
from jobs.runtime import hub
from jobs.runtime.command import start
from jobs.runtime.config import Section
from jobs.runtime.hub import Files, digest, files_in, repository
from jobs.runtime.stage import Counts, Job, Stage
from jobs.runtime.tables import brief_columns, table_files

CARD = "README.md"
BOARD = "scoreboard.json"
ADAPTER_CONFIG = "adapter_config.json"
PUBLISHED = ("train", "dev")  # splits; never val
WRITERS = {"adapter": "sft", "model": "merge", "data": "clean"}  # part -> the job that makes it
TOLD = ("pretrain", "sft", "merge", "answer", "evaluate")  # jobs that a model's card tells of


class Publish(Section):
    """What is published, and where."""

    target: str = Field(default="", description="a folder, or hf://owner/name")
    what: tuple[Literal["adapter", "model", "data", "cards"], ...] = Field(
        default=("adapter", "model", "data", "cards"), min_length=1
    )
    private: bool = Field(default=True, description="refuse a repository that is public")
    licence: str = Field(
        default="", pattern=r"^[a-z0-9.-]*$", description="as the hub names it; empty: not stated"
    )
    token_env: str = Field(default="HF_TOKEN", description="name of the variable with the token")

    @field_validator("what")
    @classmethod
    def _cards_are_of_something(cls, what: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(what)) < len(what) or what == ("cards",):
            raise ValueError(f"{', '.join(what)}; wanted adapter, model or data, each at most once")
        return what


@dataclass(frozen=True)
class Bundle:
    """What one repository holds."""

    kind: Literal["model", "dataset"]  # as the hub calls it
    place: str  # the repository, or the folder under the target
    files: Files


def main(run: Stage) -> Counts:
    """Refuse what is not finished; gather the files with their cards; publish each bundle."""
    settings = run.settings(Publish)
    check(run)
    refuse_unfinished(run)
    with tempfile.TemporaryDirectory() as scratch:
        bundles = bundles_of(run, Path(scratch))
        files = {
            f"{bundle.place}/{name}": path
            for bundle in bundles
            for name, path in sorted(bundle.files.items())
        }
        mark = {"run": run.config.run, "sha256": {name: digest(files[name]) for name in files}}
        if repository(settings.target):
            places = [send(bundle, settings) for bundle in bundles]
        else:
            hub.to_folder(files, mark, settings.target)
            places = [settings.target]
    run.folder.write_json("receipt.json", {"places": places, **mark})
    print(f"published: {', '.join(places)}", flush=True)
    return Counts(len(files), len(files))


def send(bundle: Bundle, settings: Publish) -> str:
    """Commit a bundle to its repository on the hub. Returns the commit's address."""
    private, variable = settings.private, settings.token_env
    return hub.to_hub(bundle.files, bundle.place, bundle.kind, private=private, token_env=variable)


def check(run: Stage) -> None:
    """Raises SettingsError where the target cannot be written, or no stage makes what is wanted."""
    settings = run.settings(Publish)
    hub.check_target(settings.target, settings.token_env)
    for part in settings.what:
        job = WRITERS.get(part)
        if job and not run.has_input(job):
            raise SettingsError(
                f"[publish] what names {part!r}, which a stage of job {job!r} makes; the config "
                f"has none before {run.name!r}. Add it, or take {part!r} out."
            )


def refuse_unfinished(run: Stage) -> None:
    """Raises StageError naming the stages that have to be finished first."""
    what, stages = run.settings(Publish).what, run.inputs()
    needed = [job for part, job in WRITERS.items() if part in what]
    if "cards" in what and {"adapter", "model"} & set(what):
        needed += [job for job in (*TOLD, "clean") if job in stages]
    unfinished = [stages[job].name for job in dict.fromkeys(needed) if stages[job].done() is None]
    if unfinished:
        raise StageError(
            f"{run.name}: not finished: {', '.join(unfinished)}. Nothing was published. Run the "
            f"pipeline first, or take out of [publish] what needs them."
        )


def bundles_of(run: Stage, scratch: Path) -> list[Bundle]:
    """Every file that is published; what is made for it lies in `scratch`. Data first."""
    what, name = run.settings(Publish).what, repository(run.settings(Publish).target)
    found = []
    if "data" in what:
        files = data_files(run, scratch / "data")
        found.append(Bundle("dataset", f"{name}-data" if name else "data", files))
    if {"adapter", "model"} & set(what):
        files = model_files(run, scratch / "model")
        found.append(Bundle("model", name or "model", files))
    return found


def data_files(run: Stage, scratch: Path) -> dict[str, Path]:
    """Copies, by split, in as many files as their table has, and their card."""
    clean, files, counts = run.input("clean"), {}, Counter[tuple[str, str]]()
    filesystem, _ = clean.resolve()
    (scratch / "data").mkdir(parents=True)
    for number, source in enumerate(table_files(Copy, clean)):
        table = pq.read_table(source, filesystem=filesystem).drop_columns(["journal_key"])
        for split in PUBLISHED:
            rows = table.filter(pc.equal(table["split"], split))
            if rows.num_rows:
                name = f"data/{split}-{number:05d}.parquet"
                pq.write_table(rows, scratch / name)
                files[name] = scratch / name
                counts.update((split, kind) for kind in rows["content_type"].to_pylist())
    if not files:
        raise StageError(f"{run.name}: there is no copy of train or dev in {clean.address}.")
    if "cards" in run.settings(Publish).what:
        files[CARD] = written(scratch / CARD, render_card(copy_set(run, counts), ORDER))
    return files


def copy_set(run: Stage, counts: Mapping[tuple[str, str], int]) -> CopySet:
    """What the data's card tells: this stage's own counts, and what clean found."""
    record = run.inputs()["clean"].done()
    notes = record["counts"]["notes"] if record else {}
    splits, kinds = Counter[str](), Counter[str]()
    for (split, kind), count in counts.items():
        splits[split] += count
        kinds[kind] += count
    return CopySet(
        brand=run.config.brand,
        guide=run.guide,
        teacher=models_of(accounts(run)),
        offline=taught_offline(run),
        splits={split: splits[split] for split in PUBLISHED if splits[split]},
        kinds={
            kind: {**cell, "copies": kinds[kind]}
            for kind, cell in notes.get("figures", {}).items()
            if kinds[kind]
        },
        funnel=[Step(**step) for step in notes.get("funnel", [])],
        warnings=notes.get("warnings", []),
        files={split: f"data/{split}-*.parquet" for split in PUBLISHED if splits[split]},
        licence=run.settings(Publish).licence,
    )


def model_files(run: Stage, scratch: Path) -> dict[str, Path]:
    """The model at the root, the adapter beside it or, alone, in its place; scores and card."""
    what, files = run.settings(Publish).what, dict[str, Path]()
    scratch.mkdir()
    if "model" in what:
        files |= files_in((run.input("merge") / MODEL).fetch())
    if "adapter" in what:
        within = "adapter/" if "model" in what else ""
        adapter = files_in((run.input("sft") / "adapter").fetch())
        files |= {f"{within}{name}": path for name, path in adapter.items()}
        config = json.loads(adapter[ADAPTER_CONFIG].read_bytes())
        # peft keeps the path that the base had on the machine that trained.
        config["base_model_name_or_path"] = base_of(run).name if base_of(run).on_hub else None
        files[within + ADAPTER_CONFIG] = written(
            scratch / ADAPTER_CONFIG, json.dumps(config, indent=2)
        )
    if "cards" in what:
        if run.has_input("evaluate"):
            board = run.input("evaluate").read_bytes(BOARD).decode()
            files[BOARD] = written(scratch / BOARD, board)
        files[CARD] = written(scratch / CARD, render_model_card(sheet(run)))
    return files


def sheet(run: Stage) -> ModelSheet:
    """What the model's card tells."""
    settings, stages = run.settings(Publish), run.inputs()
    made = [stages[job] for job in TOLD[:3] if job in stages]
    board = run.input("evaluate").read_json(BOARD) if "evaluate" in stages else None
    judged_offline = board is not None and board["judge"]["offline"]
    name = repository(settings.target)
    learned, chat = learned_from(run)
    return ModelSheet(
        run=run.config.run,
        guide=run.guide,
        base=base_of(run),
        parts=[part for part in ("model", "adapter") if part in settings.what],
        stages=[made_by(stage.name, record) for stage in made if (record := stage.done())],
        learned=learned,
        board=board,
        ours=merged_names(stages["answer"].done() if "answer" in stages else None),
        teacher=models_of(accounts(run)),
        offline=["teacher"] * taught_offline(run) + ["judge"] * judged_offline,
        chat=chat,
        dataset=f"{name}-data" if name and "data" in settings.what else "",
        licence=settings.licence,
    )


def base_of(run: Stage) -> Source:
    """Where the model comes from, without the path that it has on this machine."""
    name = run.section("base", BaseModelSettings).model
    if name == EMBEDDED:
        return Source("", on_hub=False)
    is_path = name.startswith(("/", ".", "~")) or name.count("/") != 1 or Path(name).exists()
    return Source(Path(name).name if is_path else name, on_hub=not is_path)


def learned_from(run: Stage) -> tuple[dict[str, int], list[Message]]:
    """Copies by split, and the chat of one that was trained on; none without a clean stage."""
    if not run.has_input("clean"):
        return {}, []
    clean, counts, chat = run.input("clean"), Counter[str](), list[Message]()
    filesystem, _ = clean.resolve()
    for source in table_files(Copy, clean):
        table: pa.Table = pq.read_table(source, filesystem=filesystem)
        counts.update(table["split"].to_pylist())
        train = table.filter(pc.equal(table["split"], "train"))
        if not chat and train.num_rows:
            chat = render_brief(Brief(**brief_columns(train.slice(0, 1).to_pylist()[0])), run.guide)
    return {split: counts[split] for split in PUBLISHED if counts[split]}, chat


def taught_offline(run: Stage) -> bool:
    """True where the embedded stand-in taught, if only as one of several."""
    return any(api.is_offline for api in accounts(run))


def written(path: Path, text: str) -> Path:
    """The path, with the text in it."""
    path.write_text(text, encoding="utf-8")
    return path


JOB = Job(
    name="publish",
    main=main,
    sections={"publish": Publish, "base": BaseModelSettings, "teacher": Api, "teachers": Accounts},
    reads=("clean", "pretrain", "sft", "merge", "answer", "evaluate"),
    needs_ray=False,
    check=check,
)

if __name__ == "__main__":
    start("publish")
