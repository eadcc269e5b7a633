"""Tables -> index.html: what a run made, how good, and how far that can be believed.

python -m jobs.report configs/demo.toml                         the run's own report
python -m jobs.report configs/demo.toml configs/other.toml      two runs side by side
python -m jobs.report runs/demo runs/other                      the same, by the runs' folders
"""

import itertools
import posixpath
import sys
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace
from graphlib import TopologicalSorter
from typing import Any

import pyarrow.parquet as pq

from jobs.domain.brand import load_guide
from jobs.domain.errors import InputError, StageError
from jobs.domain.rows import (
    Answer,
    Brief,
    Comparison,
    Copy,
    Draft,
    Dropped,
    Failed,
    Negative,
    Pair,
    Probe,
    Rollout,
    Verdict,
)
from jobs.engines.models import tuned
from jobs.reporting.page.against import Pairing, Side
from jobs.reporting.page.findings import Findings, Judged, Learned, Policy, Written
from jobs.reporting.page.render import render_against, render_page
from jobs.runtime.command import discover, load, speaking, start
from jobs.runtime.history import has_table, rows_about, some_briefs
from jobs.runtime.stage import DONE, Counts, Job, Stage
from jobs.runtime.storage import Folder
from jobs.runtime.tables import read_rows, table_files

PAGE = "index.html"
CURVE = "curve.json"
PAIRS, HELDOUT, ALARMS = "pairs.json", "heldout.json", "alarms"  # of pair, reward and grpo
NEEDED = ("answer", "judge", "evaluate")  # of the rest, what the run does not have is left out
SCORING = ("judge", "geval")  # jobs that write verdicts
SAMPLED = 12  # train briefs with a dropped draft whose history is shown, and as many others
ROLLED = 4  # of the others, such as the policy wrote about while it learned


def main(run: Stage) -> Counts:
    """Gather what the stages wrote, set it in one page."""
    found = gather(run)
    run.folder.write_bytes(PAGE, render_page(found).encode())
    print(f"report: {(run.folder / PAGE).address}", flush=True)
    return Counts(len(found.judged.answers), len(found.judged.answers))


def gather(run: Stage) -> Findings:
    """Everything the page is made from. Raises StageError where a needed stage has not finished."""
    for job in NEEDED:
        if not is_finished(run, job):
            raise StageError(f"{run.name}: stage {job!r} has not finished. Run the pipeline first.")
    stages = finished(run)
    return Findings(
        run=run.config.run,
        guide=run.guide,
        judged=judged(run),
        splits=brief_splits(run),
        records=[record for _, record in stages],
        curves={
            stage.name: stage.folder.read_json(CURVE)
            for stage, _ in stages
            if (stage.folder / CURVE).exists()
        },
        written=written(run),
        learned=learned([stage for stage, _ in stages]),
    )


def judged(run: Stage) -> Judged:
    """What the judges left."""
    return Judged(
        board=run.input("evaluate").read_json("scoreboard.json"),
        answers=read_rows(Answer, run.input("answer")),
        verdicts=[row for job in SCORING for row in rows_of(run, job, Verdict)],
        failures=[row for job in (*SCORING, "compare") for row in rows_of(run, job, Failed)],
        comparisons=rows_of(run, "compare", Comparison),
        probes=rows_of(run, "examine", Probe),
    )


def rows_of(run: Stage, job: str, row_type: type[Any]) -> list[Any]:
    """A table of a stage; empty where the run has no such stage, or it has no such table."""
    if not is_finished(run, job) or not has_table(row_type, run.input(job)):
        return []
    return read_rows(row_type, run.input(job))


def is_finished(run: Stage, job: str) -> bool:
    """The run has a stage of that job before this one, and it is done."""
    stage = run.inputs().get(job)
    return stage is not None and stage.done() is not None


def brief_splits(run: Stage) -> dict[str, int]:
    """How many briefs each split has."""
    return dict(Counter(brief.split for brief in rows_of(run, "brief", Brief)))


def written(run: Stage) -> Written:
    """What became of some train briefs, among them such as lost a draft."""
    if not (is_finished(run, "generate") and is_finished(run, "clean")):
        return Written()
    generate, clean = run.input("generate"), run.input("clean")
    degrade, pair = of_job(run, "degrade"), of_job(run, "pair")
    grpo = of_job(run, "grpo")
    chosen = [
        *some_briefs(Dropped, clean, SAMPLED),
        *(name for stage in grpo for name in some_briefs(Rollout, stage, ROLLED)),
        *some_briefs(Draft, generate, 2 * SAMPLED),
    ]
    ids = list(dict.fromkeys(chosen))[: 2 * SAMPLED]
    drafts = rows_about(Draft, generate, ids)
    briefs = {draft.brief_id: draft for draft in drafts}
    return Written(
        briefs=[briefs[name] for name in sorted(briefs)],
        drafts=drafts,
        copies=rows_about(Copy, clean, ids),
        dropped=rows_about(Dropped, clean, ids),
        failures=about(ids, Failed, generate, clean, *degrade, *pair),
        negatives=about(ids, Negative, *degrade),
        pairs=about(ids, Pair, *pair),
        unpaired=about(ids, Dropped, *pair),
        rollouts=about(ids, Rollout, *grpo),
    )


def about(ids: Collection[str], row_type: type[Any], *stages: Folder) -> list[Any]:
    """The rows of some stages about some briefs."""
    return [row for stage in stages for row in rows_about(row_type, stage, ids)]


def of_job(run: Stage, job: str) -> list[Folder]:
    """Where the last stage of a job wrote, if it has finished."""
    return [run.input(job)] if is_finished(run, job) else []


def learned(stages: Sequence[Stage]) -> Learned:
    """What the trainings among the finished stages left."""

    def read(job: str, name: str) -> dict[str, Any]:
        mine = [stage for stage in stages if stage.job.name == job]
        return {
            one.name: one.folder.read_json(name) for one in mine if (one.folder / name).exists()
        }

    return Learned(
        pairs=read("pair", PAIRS),
        heldout=read("reward", HELDOUT),
        policies={stage.name: policy(stage) for stage in stages if stage.job.name == "grpo"},
        origins={stage.name: before.name for stage in stages if (before := tuned(stage))},
    )


def policy(stage: Stage) -> Policy:
    """A grpo stage's alarms, and its samples of the first step and of the last."""
    folder = stage.folder / ALARMS
    alarms = {int(name.partition(".")[0]): folder.read_json(name) for name in folder.names()}
    if not has_table(Rollout, stage.folder):
        return Policy(alarms, [])
    filesystem, _ = stage.folder.resolve()
    files = table_files(Rollout, stage.folder)
    steps: set[int] = set()
    for path in files:
        steps |= set(pq.read_table(path, columns=["step"], filesystem=filesystem)[0].to_pylist())
    ends = [("step", "in", {*sorted(steps)[:1], *sorted(steps)[-1:]})]
    tables = [pq.read_table(path, filesystem=filesystem, filters=ends) for path in files if steps]
    return Policy(alarms, [Rollout(**row) for table in tables for row in table.to_pylist()])


def finished(run: Stage) -> list[tuple[Stage, dict[str, Any]]]:
    """Every finished stage before this one with its done.json, in order."""
    specs = list(run.config.stages)
    before = specs[: [spec.folder for spec in specs].index(run.name)]
    stages = [Stage(run.jobs[spec.job], spec, run.config, run.jobs) for spec in before]
    return [(stage, record) for stage in stages if (record := stage.done()) is not None]


JOB = Job(
    name="report",
    main=main,
    sections={},
    reads=(
        *("brief", "generate", "clean", "degrade", "pair", "pretrain", "sft", "reward", "dpo"),
        *("grpo", "merge", "answer", "examine", "judge", "geval", "compare", "evaluate"),
    ),
    needs_ray=False,
)


def against(places: Sequence[str], overrides: Sequence[str] = ()) -> Folder:
    """Write the page that holds the first run against the second, in the first run's folder.

    A place is a config, read with the overrides, or the folder of a run.
    """
    here, there = (run_folder(place, overrides) for place in places)
    if here == there:
        raise InputError(f"both are the run in {here.address}. Name two runs.")
    now, was = side(here), side(there)
    if now.run == was.run:  # one config run in two storages
        now, was = replace(now, run=here.address), replace(was, run=there.address)
    page = render_against(Pairing(now, was, load_guide(brand_of(now))))
    target = here / "against"
    target.write_bytes(f"{posixpath.basename(there.address)}.html", page.encode())
    return target / f"{posixpath.basename(there.address)}.html"


def run_folder(place: str, overrides: Sequence[str]) -> Folder:
    """Where a run lies. Raises InputError where no finished run is there."""
    if place.endswith(".toml"):
        config = load([place, *overrides], discover())
        folder = Folder.at(config.storage) / config.run
    else:
        folder = Folder.at(place.rstrip("/"))
    if not any((folder / name / DONE).exists() for name in folder.folders()):
        raise InputError(
            f"{place}: no stage has finished in {folder.address}. Wanted a config whose run has "
            f"been evaluated, or the folder of such a run, as runs/demo."
        )
    return folder


def side(folder: Folder) -> Side:
    """A run as its folder tells it: the last evaluation, and what that one read."""
    found = {name: folder / name for name in folder.folders() if (folder / name / DONE).exists()}
    records = {name: place.read_json(DONE) for name, place in found.items()}
    inputs = {name: record["identity"]["inputs"] for name, record in records.items()}
    order = [name for name in TopologicalSorter(inputs).static_order() if name in records]

    def last(job: str, among: Collection[str]) -> list[str]:
        return [name for name in order if records[name]["job"] == job and name in among][-1:]

    evaluated = last("evaluate", order)
    scored = (
        [name for name in inputs[evaluated[0]] if records[name]["job"] in SCORING]
        if evaluated
        else []
    )
    answered = last("answer", {name for one in scored for name in inputs[one]})
    if not answered:
        raise InputError(
            f"{folder.address}: its answers were not evaluated. Run its pipeline first."
        )
    judged = Judged(
        board=found[evaluated[0]].read_json("scoreboard.json"),
        answers=read_rows(Answer, found[answered[0]]),
        verdicts=[row for name in scored for row in read_rows(Verdict, found[name])],
    )
    name = posixpath.basename(folder.address)
    return Side(name, judged, [records[stage] for stage in order])


def brand_of(told: Side) -> str:
    """The brand that the run's last stage was made for."""
    return str(told.records[-1]["identity"]["settings"]["brand"])


if __name__ == "__main__":
    named = list(itertools.takewhile(lambda argument: not argument.startswith("-"), sys.argv[1:]))
    if len(named) == 2:
        speaking(lambda: print(f"report: {against(named, sys.argv[3:]).address}", flush=True))
    else:
        start("report")
