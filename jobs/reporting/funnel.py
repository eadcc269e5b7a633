"""From briefs to copies: what each step left and each reason took."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from jobs.domain.filters import DROPS

Record = Mapping[str, Any]  # a stage's done.json
MAKES = {"generate": "drafts", "clean": "copies", "degrade": "negatives", "pair": "pairs"}  # by job


@dataclass(frozen=True)
class Step:
    """One line of the funnel."""

    name: str
    lost: int  # rows that went here
    left: int  # rows after it


@dataclass(frozen=True)
class Losses:
    """What went in and what was lost on the way."""

    briefs: int  # of train and dev; 0 where the run has no brief stage
    asked: int  # drafts asked for
    unwritten: int  # of these, replies that could not be had
    reasons: Mapping[str, int]  # drafts dropped, by reason
    unmended: int  # drafts for which a cleaning pass's reply could not be had


def funnel(losses: Losses) -> list[Step]:
    """Every step in order; reasons stand in the order in which they are given.

    >>> [step.left for step in funnel(Losses(2, 4, 1, {"near_duplicate": 1, "broken": 1}, 0))]
    [2, 4, 3, 2, 1, 1]
    """
    ranks = {name: rank for rank, name in enumerate(DROPS)}
    dropped = sorted(
        losses.reasons.items(), key=lambda entry: (ranks.get(entry[0], len(ranks)), entry[0])
    )
    taken = [
        ("failed in generate", losses.unwritten),
        *dropped,
        ("failed in clean", losses.unmended),
    ]
    steps = [Step("briefs", 0, losses.briefs)] if losses.briefs else []
    steps.append(Step("drafts asked for", 0, losses.asked))
    for name, lost in taken:
        if lost:
            steps.append(Step(name, lost, steps[-1].left - lost))
    return [*steps, Step("copies", 0, steps[-1].left)]


def as_records(steps: Sequence[Step]) -> list[dict[str, Any]]:
    """The steps as done.json keeps them."""
    return [asdict(step) for step in steps]


def as_text(steps: Sequence[Step]) -> str:
    """The funnel as a table for a terminal."""
    lines = [f"{'step':<28}{'lost':>9}{'left':>9}"]
    lines += [f"{step.name:<28}{step.lost or '':>9}{step.left:>9}" for step in steps]
    return "\n".join(lines)


def made(records: Mapping[str, Record]) -> dict[str, Any]:
    """What the report shows: stages with their counts, drop reasons, the funnel, the figures.

    `records` has those of the jobs in MAKES that the run has finished.
    """
    stages = [
        {"stage": records[job]["stage"], "makes": makes, **records[job]["counts"]}
        for job, makes in MAKES.items()
        if job in records
    ]
    notes: Mapping[str, Any] = records["clean"]["counts"]["notes"] if "clean" in records else {}
    reasons: Mapping[str, int] = notes.get("reasons", {})
    return {
        "stages": stages,
        "reasons": sorted(reasons.items(), key=lambda entry: (-entry[1], entry[0])),
        "steps": notes.get("funnel", []),
        "figures": notes.get("figures", {}),
        "warnings": notes.get("warnings", []),
    }
