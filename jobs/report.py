"""Tables -> index.html: what a run made, how good.   python -m jobs.report configs/demo.toml"""

from collections import Counter
from typing import Any

from jobs.domain.errors import StageError
from jobs.domain.rows import Answer, Brief, Failed, Verdict
from jobs.reporting.page import Findings, render_page
from jobs.runtime.command import start
from jobs.runtime.stage import Counts, Job, Stage
from jobs.runtime.tables import read_rows

PAGE = "index.html"
NEEDED = ("answer", "judge", "evaluate")  # of the rest, what the run does not have is left out


def main(run: Stage) -> Counts:
    """Gather what the stages wrote, set it in one page."""
    found = gather(run)
    run.folder.write_bytes(PAGE, render_page(found).encode())
    print(f"report: {(run.folder / PAGE).address}", flush=True)
    return Counts(len(found.answers), len(found.answers))


def gather(run: Stage) -> Findings:
    """Everything the page is made from. Raises StageError where a needed stage has not finished."""
    for job in NEEDED:
        if not is_finished(run, job):
            raise StageError(f"{run.name}: stage {job!r} has not finished. Run the pipeline first.")
    return Findings(
        run=run.config.run,
        guide=run.guide,
        board=run.input("evaluate").read_json("scoreboard.json"),
        answers=read_rows(Answer, run.input("answer")),
        verdicts=read_rows(Verdict, run.input("judge")),
        failures=read_rows(Failed, run.input("judge")),
        splits=brief_splits(run),
        records=records(run),
        curve=run.input("sft").read_json("curve.json") if is_finished(run, "sft") else [],
    )


def is_finished(run: Stage, job: str) -> bool:
    """The run has a stage of that job before this one, and it is done."""
    stage = run.inputs().get(job)
    return stage is not None and stage.done() is not None


def brief_splits(run: Stage) -> dict[str, int]:
    """How many briefs each split has."""
    if not is_finished(run, "brief"):
        return {}
    return dict(Counter(brief.split for brief in read_rows(Brief, run.input("brief"))))


def records(run: Stage) -> list[dict[str, Any]]:
    """done.json of every finished stage before this one, in order."""
    specs = list(run.config.stages)
    before = specs[: [spec.folder for spec in specs].index(run.name)]
    stages = [Stage(run.jobs[spec.job], spec, run.config, run.jobs) for spec in before]
    return [record for stage in stages if (record := stage.done()) is not None]


JOB = Job(
    name="report",
    main=main,
    sections={},
    reads=("brief", "generate", "clean", "pretrain", "sft", "answer", "judge", "evaluate"),
    needs_ray=False,
)

if __name__ == "__main__":
    start("report")
