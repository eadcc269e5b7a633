"""Model, adapter, data -> a Hugging Face repository or a folder, each with its card.

python -m jobs.publish configs/demo.toml --publish.target out/demo
HF_TOKEN=... python -m jobs.publish configs/yuansu.toml --publish.target hf://owner/name

The model is that of the merge stage named in the stage's inputs, else of the last one; the adapter
is the one that was merged. They go to owner/name (or <folder>/model), the data to owner/name-data
(or <folder>/data).
Only copies of train and dev products are data: validation is never published. What was published
and is the same is skipped; to send it once more, delete the stage's folder.
"""

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
from jobs.engines.models import ADAPTER, EMBEDDED, MODEL, TUNING, BaseModelSettings, tuned
from jobs.llm.accounts import Accounts, models_of
from jobs.llm.api import Api
from jobs.llm.teachers import accounts
from jobs.reporting import model_card
from jobs.reporting.card import CopySet, counted, render_card
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
WRITERS = {"adapter": TUNING, "model": ("merge",), "data": ("clean",)}  # part -> jobs that make it


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
            shared = {"private": settings.private, "token_env": settings.token_env}
            places = [hub.to_hub(one.files, one.place, one.kind, **shared) for one in bundles]
        else:
            hub.to_folder(files, mark, settings.target)
            places = [settings.target]
    run.folder.write_json("receipt.json", {"places": places, **mark})
    print(f"published: {', '.join(places)}", flush=True)
    return Counts(len(files), len(files))


def check(run: Stage) -> None:
    """Raises SettingsError where the target cannot be written, or no stage makes what is wanted."""
    settings = run.settings(Publish)
    hub.check_target(settings.target, settings.token_env)
    named = [job for job in run.spec.inputs if job in TUNING]
    if named and run.has_input("merge"):
        raise SettingsError(
            f"stage {run.name!r} names an input of job {named[0]!r}, but what it publishes is the "
            f"adapter that was merged. Name the merge stage instead."
        )
    for part in settings.what:
        if part != "cards" and maker(run, part) is None:
            raise SettingsError(
                f"[publish] what names {part!r}, which a stage of job {' or '.join(WRITERS[part])} "
                f"makes; the config has none before {run.name!r}. Add it, or take {part!r} out."
            )


def maker(run: Stage, part: str) -> Stage | None:
    """The stage that makes a part; an adapter is the one that was merged, if one was."""
    if part == "adapter":
        return tuned(run.inputs().get("merge", run))
    return run.inputs().get(WRITERS[part][0])


def made(run: Stage) -> list[Stage]:
    """The stages that had a part in the model, the first of them first."""
    path, before = list[Stage](), maker(run, "adapter")
    while before is not None:
        path, before = [before, *path], tuned(before)
    first, last = (run.inputs().get(job) for job in ("pretrain", "merge"))
    return [stage for stage in (first, *path, last) if stage is not None]


def refuse_unfinished(run: Stage) -> None:
    """Raises StageError naming the stages that have to be finished first, or have no adapter."""
    what, stages = run.settings(Publish).what, run.inputs()
    needed = [stage for part in WRITERS if part in what and (stage := maker(run, part))]
    if "cards" in what and {"adapter", "model"} & set(what):
        told = ("answer", "evaluate", "clean")
        needed += [*made(run), *(stages[job] for job in told if job in stages)]
    names = {stage.name: stage for stage in needed}
    unfinished = [name for name, stage in names.items() if stage.done() is None]
    trained = maker(run, "adapter") if "adapter" in what else None
    if not unfinished and trained and not (trained.folder / ADAPTER).exists():
        raise StageError(
            f"{run.name}: {trained.name} has no adapter, since all weights were trained. Nothing "
            f"was published. Take adapter out of [publish] what."
        )
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
    return CopySet(
        brand=run.config.brand,
        guide=run.guide,
        teacher=models_of(accounts(run)),
        offline=taught_offline(run),
        licence=run.settings(Publish).licence,
        **counted(counts, notes, PUBLISHED),
    )


def model_files(run: Stage, scratch: Path) -> dict[str, Path]:
    """The model at the root, the adapter beside it or, alone, in its place; scores and card."""
    what, files = run.settings(Publish).what, dict[str, Path]()
    scratch.mkdir()
    if "model" in what:
        files |= files_in((run.input("merge") / MODEL).fetch())
    if "adapter" in what:
        within = "adapter/" if "model" in what else ""
        trained = maker(run, "adapter") or run
        adapter = files_in((trained.folder / ADAPTER).fetch())
        files |= {f"{within}{name}": path for name, path in adapter.items()}
        config = model_card.adapter_config(adapter[ADAPTER_CONFIG].read_bytes(), base_of(run))
        files[within + ADAPTER_CONFIG] = written(scratch / ADAPTER_CONFIG, config)
    if "cards" in what:
        if run.has_input("evaluate"):
            board = run.input("evaluate").read_bytes(BOARD).decode()
            files[BOARD] = written(scratch / BOARD, board)
        files[CARD] = written(scratch / CARD, model_card.render_model_card(sheet(run)))
    return files


def sheet(run: Stage) -> model_card.ModelSheet:
    """What the model's card tells."""
    settings, stages = run.settings(Publish), run.inputs()
    answered = stages["answer"].done() if "answer" in stages else None
    parts = [model_card.made_by(record) for stage in made(run) if (record := stage.done())]
    board = run.input("evaluate").read_json(BOARD) if "evaluate" in stages else None
    judged = board is not None and board["judge"]["offline"]
    rated = model_card.rated_offline(parts)
    stood_in = {"teacher": taught_offline(run), "rater": rated, "judge": judged}
    name = repository(settings.target)
    learned, chat = learned_from(run)
    return model_card.ModelSheet(
        run=run.config.run,
        guide=run.guide,
        base=base_of(run),
        parts=[part for part in ("model", "adapter") if part in settings.what],
        stages=parts,
        learned=learned,
        board=board,
        ours=model_card.names_of(stages["merge"].name, answered) if "merge" in stages else [],
        teacher=models_of(accounts(run)),
        offline=[who for who, is_so in stood_in.items() if is_so],
        chat=chat,
        dataset=f"{name}-data" if name and "data" in settings.what else "",
        licence=settings.licence,
    )


def base_of(run: Stage) -> model_card.Source:
    """Where the model comes from."""
    name = run.section("base", BaseModelSettings).model
    return model_card.source_of(name, embedded=name == EMBEDDED)


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
    reads=("clean", "pretrain", *TUNING, "merge", "answer", "evaluate"),
    needs_ray=False,
    check=check,
)

if __name__ == "__main__":
    start("publish")
