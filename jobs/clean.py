"""Draft -> Copy + Dropped + Failed: rules, then LLM passes, then repeats.

python -m jobs.clean configs/demo.toml

A draft whose defects can all be mended goes through the first pass that fits, is checked again, and
so on, until it meets its content type's front matter or its rounds are used up. Passes are paid;
rules, and what was paid before, are free. What is then sound may repeat neither another copy nor a
held-out text. done.json and the table's card, README.md, tell what each step took.
"""

from typing import Any

from pydantic import Field
from ray.data.expressions import col

from jobs.cleaning.figures import ORDER, Diversity, Figures, figures_of
from jobs.cleaning.passes import mend_all
from jobs.cleaning.repeats import without_repeats
from jobs.domain.golden import golden_by_brief
from jobs.domain.rows import Copy, Draft, Dropped, Failed
from jobs.llm.api import Api
from jobs.llm.asking import total_usd
from jobs.llm.budget import Budget
from jobs.llm.reach import Offline, check_key
from jobs.reporting.card import CopySet, render_card
from jobs.reporting.funnel import Losses, Step, as_records, as_text, funnel
from jobs.runtime.briefs import read_briefs
from jobs.runtime.command import start
from jobs.runtime.config import Section
from jobs.runtime.stage import Counts, Job, Stage
from jobs.runtime.tables import read_dataset, write_dataset

CARD = "README.md"


class Clean(Section):
    """How long a draft is worked on."""

    rounds: int = Field(default=3, ge=0, description="passes a draft may go through")


def main(run: Stage) -> Counts:
    """Check, mend, check again; drop repeats; count what is left and describe it."""
    golden = golden_by_brief(run.config.brand)  # a mistake in it is said before anything is paid
    drafts = read_dataset(Draft, run.input("generate"))
    mended = mend_all(run, drafts, run.settings(Clean).rounds)
    finished = without_repeats(mended.rows, golden).materialize()
    copies = write_dataset(finished.filter(expr=col("reason") == ""), Copy, run.folder)
    dropped = write_dataset(finished.filter(expr=col("reason") != ""), Dropped, run.folder)
    failed = write_dataset(mended.failed, Failed, run.folder) if mended.failed is not None else 0
    found = figures_of(finished, run.guide, run.section("diversity", Diversity))
    steps = funnel(losses(run, drafts.count(), found, failed))
    run.folder.write_bytes(CARD, render_card(copy_set(run, found, steps), ORDER).encode())
    print("\n".join([as_text(steps), *(f"warning: {line}" for line in found.warnings)]), flush=True)
    notes = {"reasons": found.reasons, "funnel": as_records(steps), "figures": found.kinds}
    notes |= {"warnings": found.warnings} if found.warnings else {}
    notes |= {"paid": [mended.bill], **usd_per_copy(run, mended.bill, copies)}
    usd = mended.bill["usd"]
    return Counts(drafts.count(), copies, dropped=dropped, failed=failed, usd=usd, notes=notes)


def usd_per_copy(run: Stage, paid: dict[str, Any], copies: int) -> dict[str, str]:
    """US dollars for each accepted copy, its drafts and passes included; nothing if unknown."""
    record = run.inputs()["generate"].done()
    total = total_usd([record["counts"], paid]) if record else None
    return {"price of a copy": f"${total / copies:.5f}"} if total and copies else {}


def losses(run: Stage, drafts: int, found: Figures, failed: int) -> Losses:
    """What was asked for, and where it went."""
    record = run.inputs()["generate"].done()
    unwritten = record["counts"]["failed"] if record else 0
    briefs = read_briefs(run, "train", "dev").count() if run.has_input("brief") else 0
    return Losses(briefs, drafts + unwritten, unwritten, found.reasons, failed)


def copy_set(run: Stage, found: Figures, steps: list[Step]) -> CopySet:
    """What the card tells of the table."""
    api = run.section("teacher", Api)
    return CopySet(
        brand=run.config.brand,
        guide=run.guide,
        teacher=api.model,
        offline=api.is_offline,
        splits=found.splits,
        kinds=found.kinds,
        funnel=steps,
        warnings=found.warnings,
    )


JOB = Job(
    name="clean",
    main=main,
    sections={
        "clean": Clean,
        "diversity": Diversity,
        "teacher": Api,
        "offline": Offline,
        "budget": Budget,
    },
    reads=("brief", "generate"),
    sources=(
        "prompts/write",
        "prompts/clean",
        "configs/brands/{brand}/golden.jsonl",
        "jobs/domain",
        "jobs/cleaning",
        "jobs/llm/offline/teacher",
    ),
    check=check_key("teacher"),
)

if __name__ == "__main__":
    start("clean")
