"""A teacher's ideas -> Proposal + Refused + Failed.   python -m jobs.propose configs/values.toml

For brands without a product list: rounds of requests for pairs of a product and a value that its
copy is to express. Each request shows what there is already and asks for what there is least of.
The stage ends at the target, or with a round that brings too little that is new. Paid.
"""

import functools
import math
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import ray.data
from pydantic import Field
from rich.console import Console
from rich.table import Table

from jobs.domain.brand import Guide
from jobs.domain.errors import RowError, StageError
from jobs.domain.prompts import Message, load_prompt, render_proposing
from jobs.domain.proposals import (
    Gathered,
    Proposed,
    Wanted,
    coverage,
    focus,
    read_pairs,
    request_facts,
)
from jobs.domain.rows import Failed, Proposal, Refused
from jobs.domain.text import fingerprint
from jobs.llm.accounts import Accounts
from jobs.llm.api import Api
from jobs.llm.asking import Question, ask_all, bill
from jobs.llm.budget import Budget
from jobs.llm.client import Endpoint
from jobs.llm.reach import Offline, reach
from jobs.llm.shapes import Shape
from jobs.llm.teachers import as_teacher, check_teachers
from jobs.runtime.command import start
from jobs.runtime.config import Section
from jobs.runtime.progress import Watch
from jobs.runtime.stage import Counts, Job, Stage
from jobs.runtime.tables import write_rows


class Propose(Section):
    """How many pairs, and of what."""

    target: int = Field(default=100, ge=1, description="pairs")
    batch_size: int = Field(default=20, ge=1, description="pairs that one request asks for")
    requests: int = Field(default=4, ge=1, description="at most, in one round")
    least_new: float = Field(
        default=0.1, gt=0, le=1, description="share of a round's pairs; with fewer new ones it ends"
    )
    shown: int = Field(default=40, ge=0, description="earlier pairs that a request shows")
    max_chars: int = Field(default=30, ge=4, description="of a product's name, and of a value")
    categories: tuple[str, ...] = Field(default=(), description="none: the teacher's own")
    values: tuple[str, ...] = Field(default=(), description="none: the teacher's own")
    prompt: str = Field(default="pairs", description="file name under prompts/propose/")
    teacher: str = Field(default="", description="[teachers.*]; none: [teacher]")
    seed: int = 0


@dataclass
class Harvest:
    """What the rounds so far brought; `model` is the teacher's."""

    gathered: Gathered
    model: str
    proposals: list[Proposal] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    failed: list[Failed] = field(default_factory=list)


def main(run: Stage) -> Counts:
    """Ask round after round until there is enough, or nothing new comes."""
    settings, teacher = run.settings(Propose), as_teacher(run, run.settings(Propose).teacher)
    wanted = Wanted(settings.categories, settings.values, run.guide.banned, settings.max_chars)
    so_far = Harvest(Gathered(wanted), teacher.section("teacher", Api).model)
    number, ended = 0, ""
    with reach(teacher, "teacher") as endpoint:
        while not ended:
            number += 1
            rows = requests(run, so_far, number)
            seen, before = len(so_far.refused), len(so_far.proposals)
            ask(run, endpoint, rows, so_far)
            new = len(so_far.proposals) - before
            received = new + len(so_far.refused) - seen
            ended = why_ended(settings, so_far, new=new, received=received)
            print(f"{run.name}: round {number}: {new} new of {received}", flush=True)
    paid = bill(endpoint)
    if not so_far.proposals:
        raise StageError(
            f"{run.name}: the teacher proposed nothing that can be used; {len(so_far.failed)} "
            f"requests failed, reasons are {reasons(so_far)}. See prompts/propose/."
        )
    show_coverage(run, so_far.gathered.kept)
    for rows_of, table in (
        (so_far.proposals, Proposal),
        (so_far.refused, Refused),
        (so_far.failed, Failed),
    ):
        write_rows(rows_of, table, run.folder)
    return Counts(
        len(so_far.proposals) + len(so_far.refused) + len(so_far.failed),
        len(so_far.proposals),
        dropped=len(so_far.refused),
        failed=len(so_far.failed),
        usd=paid["usd"],
        notes={
            "paid": [paid],
            "target": settings.target,
            "rounds": number,
            "ended": ended,
            **reasons(so_far),
        },
    )


def why_ended(settings: Propose, so_far: Harvest, *, new: int, received: int) -> str:
    """What ends the rounds; empty where another is to follow."""
    if len(so_far.proposals) >= settings.target:
        return "at the target"
    if new < max(1.0, settings.least_new * received):
        return "too little new"
    return ""


def requests(run: Stage, so_far: Harvest, number: int) -> list[dict[str, Any]]:
    """A round's requests: at most as many as the missing pairs need."""
    settings, kept = run.settings(Propose), so_far.gathered.kept
    missing = settings.target - len(kept)
    count = min(settings.requests, math.ceil(missing / settings.batch_size))
    chance = random.Random(int(fingerprint("round", str(settings.seed), str(number)), 16))
    return [
        {
            "request": f"round{number}/{place}",
            "seed": settings.seed * 10**6 + number * 10**3 + place,
            "facts": request_facts(
                kept,
                focus(kept, so_far.gathered.wanted, place, chance),
                count=settings.batch_size,
                shown=settings.shown,
            ),
        }
        for place in range(count)
    ]


def ask(run: Stage, endpoint: Endpoint, rows: list[dict[str, Any]], so_far: Harvest) -> None:
    """Ask a round's requests at once and sort their replies, in the order of the requests."""
    facts = {row["request"]: row["facts"] for row in rows}
    build = functools.partial(chat, guide=run.guide, name=run.settings(Propose).prompt, facts=facts)
    shape = pairs_shape(run.guide.language)
    question = Question(build, request_name, run.name, seed=request_seed, shape=shape)
    asked = ray.data.from_items([{"request": r["request"], "seed": r["seed"]} for r in rows])
    with Watch(run.stage_id, len(rows)):
        replied = ask_all(asked, endpoint, question, shape=run.profile.api)
    places = list(facts)
    for reply in sorted(replied.take_all(), key=lambda row: places.index(row["request"])):
        sort_reply(reply, so_far, run.settings(Propose).target)


def chat(
    row: dict[str, Any], guide: Guide, name: str, facts: dict[str, dict[str, Any]]
) -> list[Message]:
    """What the teacher reads."""
    return render_proposing(name, guide, facts[row["request"]])


def pairs_shape(language: str) -> Shape:
    """What a reply with pairs looks like."""
    text = {"type": "string"}
    pair = {
        "type": "object",
        "properties": {"product": text, "category": text, "value": text},
        "required": ["product", "category", "value"],
        "additionalProperties": False,
    }
    schema = {
        "type": "object",
        "properties": {"pairs": {"type": "array", "items": pair}},
        "required": ["pairs"],
        "additionalProperties": False,
    }
    return Shape("pairs", schema, pairs_of, language)


def pairs_of(row: dict[str, Any], reply: str) -> list[Any]:
    """The entries of a reply. Raises RowError."""
    return read_pairs(reply)


def request_name(row: dict[str, Any]) -> str:
    """What a reply that cannot be had is called."""
    return str(row["request"])


def request_seed(row: dict[str, Any]) -> int:
    """Requests differ by their seed too."""
    return int(row["seed"])


def sort_reply(reply: dict[str, Any], so_far: Harvest, target: int) -> None:
    """Each of a reply's pairs becomes a proposal or is refused; an unreadable reply has failed."""
    name, step = reply["request"], reply["step"]
    if reply["error"]:
        so_far.failed.append(Failed(name, step, reply["error"], reply["message"]))
        return
    try:
        entries = read_pairs(reply["reply"])
    except RowError as error:
        so_far.failed.append(Failed(name, step, "unreadable_reply", str(error)))
        return
    for entry in entries:
        full = len(so_far.proposals) >= target
        reason = "over_target" if full else so_far.gathered.add(entry)
        if reason:
            so_far.refused.append(Refused(name, reason, "", str(entry)[:200]))
        else:
            pair = so_far.gathered.kept[-1]
            so_far.proposals.append(proposal(pair, so_far.model, reply["reply_key"]))


def proposal(pair: Proposed, model: str, journal_key: str) -> Proposal:
    """The pair as a row; its id is its content's, so that it stays whatever comes before it."""
    value = ", ".join(pair.values)
    name = f"pv-{fingerprint('proposal', pair.product, value)[:12]}"
    return Proposal(name, pair.product, pair.category, value, model, journal_key)


def reasons(so_far: Harvest) -> dict[str, int]:
    """How many pairs each reason took."""
    return dict(Counter(row.reason for row in so_far.refused))


def show_coverage(run: Stage, pairs: list[Proposed]) -> None:
    """Print how many pairs each value has in each category, and keep it as coverage.json."""
    counts = coverage(pairs)
    categories = list(dict.fromkeys(pair.category for pair in pairs))
    values = list(dict.fromkeys(value for pair in pairs for value in pair.values))
    table = Table("", *categories, "all")
    for value in sorted(values, key=lambda value: -sum(counts[c, value] for c in categories)):
        row = [counts[category, value] for category in categories]
        table.add_row(value, *(str(number or "-") for number in row), str(sum(row)))
    Console(width=200).print(table)
    by_value = {value: {c: counts[c, value] for c in categories} for value in values}
    run.folder.write_json("coverage.json", by_value)


def check(run: Stage) -> None:
    """Raise for a missing prompt, teacher or key before anything starts."""
    load_prompt("propose", run.settings(Propose).prompt, run.guide.language)
    check_teachers(chosen_teacher)(run)


def chosen_teacher(run: Stage) -> tuple[str, ...]:
    """The name in the stage's settings."""
    return (run.settings(Propose).teacher,)


JOB = Job(
    name="propose",
    main=main,
    sections={
        "propose": Propose,
        "teacher": Api,
        "teachers": Accounts,
        "offline": Offline,
        "budget": Budget,
    },
    sources=("configs/brands/{brand}/guide.toml", "prompts/propose", "jobs/llm/offline/teacher"),
    check=check,
)

if __name__ == "__main__":
    start("propose")
