"""Copy -> Negative + Failed: copies made worse on purpose, each in one way.

python -m jobs.degrade configs/demo.toml

Paid. Each copy of train and dev, or of a share of them, gets one kind of prompts/degrade/ or more,
by the kinds' shares and a hash; another kind is another file there. Whether a negative is one,
`pair` finds out.
"""

import functools
from collections.abc import Sequence
from typing import Any

from pydantic import Field
from ray.data import Dataset
from ray.data.expressions import col

from jobs.domain.degrading import Kind, drawn_kinds, kinds_of, render_degrading
from jobs.domain.errors import SettingsError
from jobs.domain.prompts import Message
from jobs.domain.rows import Brief, Failed, Negative
from jobs.domain.text import fingerprint
from jobs.llm.accounts import Accounts, account, check_account, in_role
from jobs.llm.api import Api
from jobs.llm.asking import Question, ask_all, bill, total_usd
from jobs.llm.budget import Budget
from jobs.llm.reach import Offline, reach
from jobs.runtime.command import start
from jobs.runtime.config import Section
from jobs.runtime.copies import read_copies
from jobs.runtime.progress import Watch
from jobs.runtime.stage import Counts, Job, Stage
from jobs.runtime.tables import brief_columns, union, write_dataset

SEED_BITS = 2**31  # services take seeds of 32 bits with a sign
FINGERPRINTS = 16**16  # that there are


class Degrade(Section):
    """How many negatives are written, and in which ways."""

    share: float = Field(default=1, gt=0, le=1, description="of the copies, by a hash")
    negatives: int = Field(default=1, ge=1, description="of each copy, each of another kind")
    seed: int = Field(default=0, description="of drawing kinds, and of asking")
    kinds: tuple[str, ...] = Field(
        default=(), description="file names under prompts/degrade/; none: all that are there"
    )


def main(run: Stage) -> Counts:
    """Draw kinds for every copy, ask each kind's account, sort replies from failures."""
    settings, kinds = run.settings(Degrade), chosen_kinds(run)
    wanted = (
        read_copies(run)
        .flat_map(functools.partial(drawn, kinds=kinds, settings=settings))
        .materialize()
    )
    parts: list[Dataset] = []
    bills: list[dict[str, Any]] = []
    with Watch(run.stage_id, wanted.count()):
        for name, payer in accounts_of(run, kinds).items():
            mine = wanted.filter(expr=col("account") == name).materialize()
            if not mine.count():
                continue
            with reach(payer, "teacher") as endpoint:
                parts.append(ask_all(mine, endpoint, question(run), shape=run.profile.api))
                bills.append({**bill(endpoint), "account": name or "teacher"})
    replied = union(parts)
    negatives = replied.filter(expr=col("error") == "").map(
        functools.partial(written, models=models_of(run, kinds))
    )
    out = write_dataset(negatives, Negative, run.folder)
    failed = write_dataset(replied.filter(expr=col("error") != ""), Failed, run.folder)
    notes = {"paid": bills, "kinds": tally(wanted, kinds)}
    return Counts(wanted.count(), out, failed=failed, usd=total_usd(bills), notes=notes)


def chosen_kinds(run: Stage) -> list[Kind]:
    """The kinds in the settings. Raises PromptError, and SettingsError for too few of them."""
    settings = run.settings(Degrade)
    kinds = kinds_of(run.guide.language, settings.kinds)
    if len({kind.name for kind in kinds}) < max(settings.negatives, len(kinds)):
        raise SettingsError(
            f"[{run.name}] wants {settings.negatives} negatives of each copy, each of another "
            f"kind, and has the kinds {', '.join(kind.name for kind in kinds) or 'none'}. Name "
            f"each once, add a file to prompts/degrade/, or lower negatives."
        )
    return kinds


def drawn(row: dict[str, Any], kinds: Sequence[Kind], settings: Degrade) -> list[dict[str, Any]]:
    """A copy as the negatives that are wanted of it, which may be none."""
    if not is_chosen(row["draft_id"], settings):
        return []
    chosen = drawn_kinds(row["draft_id"], kinds, settings.negatives, settings.seed)
    return [
        {
            **row,
            "negative_id": f"{row['draft_id']}!{kind.name}",
            "kind": kind.name,
            "account": kind.account,
        }
        for kind in chosen
    ]


def is_chosen(draft_id: str, settings: Degrade) -> bool:
    """The copy is in the share that is made worse; a larger share holds every smaller one.

    >>> chosen = [is_chosen(f"p{n}", Degrade(share=0.3)) for n in range(1000)]
    >>> 250 < sum(chosen) < 350
    True
    """
    place = int(fingerprint("chosen", str(settings.seed), draft_id), 16)
    return place < settings.share * FINGERPRINTS


def accounts_of(run: Stage, kinds: Sequence[Kind]) -> dict[str, Stage]:
    """The stage as each account that writes, by its name; "" is [teacher]. SettingsError."""
    names = dict.fromkeys(kind.account for kind in kinds)
    return {
        name: in_role(run, "teacher", account(run, "accounts", name)) if name else run
        for name in names
    }


def models_of(run: Stage, kinds: Sequence[Kind]) -> dict[str, str]:
    """Each account's model."""
    payers = accounts_of(run, kinds)
    return {name: payer.section("teacher", Api).model for name, payer in payers.items()}


def question(run: Stage) -> Question:
    """How a negative is asked for: each with a seed of its own.

    What two weak texts are asked with is the same where their copies are of one brief and length.
    """
    guide, seed = run.guide, run.settings(Degrade).seed

    def build(row: dict[str, Any]) -> list[Message]:
        return render_degrading(row["kind"], Brief(**brief_columns(row)), guide, row["text"])

    def drawing(row: dict[str, Any]) -> int:
        return int(fingerprint("negative", str(seed), row["negative_id"]), 16) % SEED_BITS

    return Question(build, negative_id, run.name, seed=drawing)


def negative_id(row: dict[str, Any]) -> str:
    """What a negative that cannot be had is called."""
    return str(row["negative_id"])


def written(row: dict[str, Any], models: dict[str, str]) -> dict[str, Any]:
    """The reply under a negative's column names."""
    model, text = models[row["account"]], row["reply"].strip()
    return {**row, "text": text, "model": model, "journal_key": row["reply_key"]}


def tally(wanted: Dataset, kinds: Sequence[Kind]) -> dict[str, int]:
    """How many negatives of each kind were asked for."""
    return {kind.name: wanted.filter(expr=col("kind") == kind.name).count() for kind in kinds}


def check(run: Stage) -> None:
    """Raise, before money is spent, for kinds that cannot be, or an account or key not there."""
    for payer in accounts_of(run, chosen_kinds(run)).values():
        check_account(payer, payer.section("teacher", Api))


JOB = Job(
    name="degrade",
    main=main,
    sections={
        "degrade": Degrade,
        "teacher": Api,
        "accounts": Accounts,
        "offline": Offline,
        "budget": Budget,
    },
    reads=("clean", "collect"),
    sources=(
        "configs/brands/{brand}/guide.toml",
        "prompts/degrade",
        "prompts/write",
        "jobs/domain/degrading.py",
        "jobs/llm/offline/teacher",
    ),
    check=check,
)

if __name__ == "__main__":
    start("degrade")
