"""Copy + Negative -> Pair + Dropped + Failed: what is worse in one way alone, and not in length.

python -m jobs.pair configs/demo.toml

Rules look at every negative first: it has its own defect and no other. What they let pass goes to
the rater (paid), who is asked the same; then each kind's lengths are balanced. Who decides where
rules and rater differ stands in jobs/domain/negatives.py. A reply of the rater that cannot be read
is a Failed row, never a pair. What lengths still tell is measured, and what words do: pairs.json.
"""

import functools
import json
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import pyarrow as pa
from pydantic import Field
from ray.data import Dataset
from ray.data.expressions import col

from jobs.cleaning.checking import by_rater
from jobs.domain.balance import Lengths, clues, surplus
from jobs.domain.brand import Guide
from jobs.domain.degrading import defect_of
from jobs.domain.errors import StageError
from jobs.domain.filters import Checked
from jobs.domain.negatives import DEFECTS, Case, Limits, rule_reason
from jobs.domain.prompts import content_type, render_brief
from jobs.domain.rows import Brief, Dropped, Failed, Negative, Pair
from jobs.domain.telltale import Texts, looked_at, words
from jobs.domain.text import char_count, fingerprint
from jobs.llm.api import Api
from jobs.llm.asking import total_usd
from jobs.llm.budget import Budget
from jobs.llm.raters import check_rater
from jobs.runtime.command import start
from jobs.runtime.config import Section
from jobs.runtime.copies import read_copies
from jobs.runtime.stage import Counts, Job, Stage
from jobs.runtime.tables import brief_columns, read_dataset, union, write_dataset

FIGURES = "pairs.json"
LENGTH_SURPLUS = "length_surplus"  # on the other side of its copy's length there is none like it
CLUE = 0.6  # accuracy of a length-only classifier from which on pairs are refused
ENOUGH = 200  # pairs above which such an accuracy is hardly chance: its deviation is 0.035
BUCKETS, PARTITIONS = 64, 4  # in which copies and negatives are brought together; tasks for it
NEGATIVE = ["negative_id", "draft_id", "kind", "text"]

Row = dict[str, Any]


class PairSettings(Section):
    """How near a negative has to be to its copy in length, how far in words, and who says so."""

    max_length_gap: float = Field(default=0.3, gt=0, description="of the copy's length")
    max_similarity: float = Field(default=0.995, gt=0, le=1, description="of character 5-grams")
    seed: int = Field(default=0, description="of which pairs go where lengths are balanced")
    ask: bool = Field(default=True, description="the rater, after the rules; it is paid")
    allow_length_clue: bool = Field(
        default=False, description="keep pairs whose lengths alone tell which text is better"
    )


def main(run: Stage) -> Counts:
    """Check by rules, ask the rater, balance lengths, measure what is left of them."""
    settings = run.settings(PairSettings)
    negatives = read_dataset(Negative, run.input("degrade"))
    ruled = beside_copies(negatives, read_copies(run)).map(by_rules(run.guide, settings))
    rated, failed, bills = by_rater(run, ruled.materialize(), ask=settings.ask)
    finished = balanced(rated, settings.seed).materialize()
    sound = finished.filter(expr=col("reason") == "").materialize()
    out = write_dataset(sound.map(functools.partial(as_pair, guide=run.guide)), Pair, run.folder)
    unsound = finished.filter(expr=col("reason") != "").materialize()
    dropped = write_dataset(unsound.map(as_dropped), Dropped, run.folder)
    lost = write_dataset(failed, Failed, run.folder) if failed is not None else 0
    figures = figures_of(sound, unsound)
    run.folder.write_json(FIGURES, figures)
    refuse_clue(run, figures["lengths"])
    notes = figures | {"pairs": FIGURES, "paid": bills}
    usd = total_usd(bills)
    return Counts(negatives.count(), out, dropped=dropped, failed=lost, usd=usd, notes=notes)


def beside_copies(negatives: Dataset, copies: Dataset) -> Dataset:
    """Every negative with the text of its copy in a column `copy`."""
    both = union([negatives.map_batches(bucketed, batch_format="pyarrow"),
                  copies.map_batches(bucketed, batch_format="pyarrow")])  # fmt: skip
    groups = both.groupby("bucket", num_partitions=PARTITIONS)
    return groups.map_groups(with_copies, batch_format="pyarrow")


def bucketed(batch: pa.Table) -> pa.Table:
    """Copies and negatives under one set of columns; a copy has no negative_id and no kind."""
    ids = batch["draft_id"].to_pylist()
    none = pa.array([""] * len(ids), pa.string())
    names = [*Brief.__dataclass_fields__, *NEGATIVE]
    columns = {name: batch[name] if name in batch.column_names else none for name in names}
    places = [int(fingerprint("bucket", one), 16) % BUCKETS for one in ids]
    return pa.table({**columns, "bucket": pa.array(places, pa.int64())})


def with_copies(group: pa.Table) -> pa.Table:
    """The negatives of a bucket, each with its copy. Raises StageError where one has none."""
    names, ids = group["negative_id"].to_pylist(), group["draft_id"].to_pylist()
    rows = zip(names, ids, group["text"].to_pylist(), strict=True)
    texts = {mine: text for name, mine, text in rows if not name}
    orphans = [name for name, mine in zip(names, ids, strict=True) if name and mine not in texts]
    if orphans:
        raise StageError(
            f"{len(orphans)} negatives have no copy, {orphans[0]!r} among them: clean or collect "
            f"were run again after degrade. Run degrade again, with --redo."
        )
    negatives = group.filter(pa.array([bool(name) for name in names], pa.bool_()))
    copies = [texts[one] for one in negatives["draft_id"].to_pylist()]
    return negatives.drop_columns(["bucket"]).append_column("copy", pa.array(copies, pa.string()))


def by_rules(guide: Guide, settings: PairSettings) -> Callable[[Row], Row]:
    """Gives a row `reason`, empty where rules have none, and what they found of its own defect."""
    limits = Limits(settings.max_length_gap, settings.max_similarity)

    def examine(row: Row) -> Row:
        kind = content_type(row["content_type"], row["language"])
        case = Case(Checked(row["text"], kind, guide, json.loads(row["facts"])), row["copy"])
        own = defect_of(row["kind"], row["language"])
        evidence = ",".join(DEFECTS[own](case).all)
        return {**row, "reason": rule_reason(case, own, limits), "evidence": evidence}

    return examine


def balanced(rows: Dataset, seed: int) -> Dataset:
    """Sound rows that have no counterpart in length get that as their reason."""
    rows = rows.materialize()
    taken = surplus(lengths_of(rows.filter(expr=col("reason") == "")), seed)
    return rows.map(functools.partial(taken_out, taken=taken))


def taken_out(row: Row, taken: set[str]) -> Row:
    """The row, with a reason where it is among those taken out."""
    return {**row, "reason": LENGTH_SURPLUS} if row["negative_id"] in taken else row


def lengths_of(rows: Dataset) -> list[Lengths]:
    """Every row's lengths, in the order of their ids: some 100 bytes of each reach the driver."""
    found = [Lengths(**row) for row in rows.map(measured).take_all()]
    return sorted(found, key=lambda one: one.name)


def measured(row: Row) -> Row:
    """A row as its lengths."""
    chosen, rejected = char_count(row["copy"]), char_count(row["text"])
    return {
        "name": row["negative_id"], "kind": row["kind"], "chosen": chosen, "rejected": rejected,
    }  # fmt: skip


def texts_of(rows: Dataset, pairs: Iterable[Lengths]) -> list[Texts]:
    """The texts of the pairs that are looked at: a few thousand of them reach the driver."""
    names = looked_at((pair.name, pair.kind) for pair in pairs)
    if not names:
        return []
    wanted = rows.filter(expr=col("negative_id").is_in(sorted(names)))
    return [Texts(**row) for row in wanted.map(shown).take_all()]


def shown(row: Row) -> Row:
    """A row as its two texts."""
    return {
        "name": row["negative_id"], "kind": row["kind"], "product_id": row["product_id"],
        "chosen": row["copy"], "rejected": row["text"],
    }  # fmt: skip


def as_pair(row: Row, guide: Guide) -> Row:
    """Copy and negative under a pair's column names; the prompt is the one that sft trains on."""
    prompt = json.dumps(render_brief(Brief(**brief_columns(row)), guide), ensure_ascii=False)
    texts = {"chosen": row["copy"], "rejected": row["text"]}
    name = fingerprint("pair", prompt, *texts.values())
    return {**row, **texts, "pair_id": name, "prompt": prompt, "source": "", "licence": ""}


def as_dropped(row: Row) -> Row:
    """A negative under the column names of what is dropped."""
    return {**row, "draft_id": row["negative_id"], "passes": ""}


def figures_of(sound: Dataset, unsound: Dataset) -> dict[str, Any]:
    """Pairs by kind, what was dropped by kind and reason, what lengths and words tell of pairs."""
    gone = unsound.select_columns(["kind", "reason"]).take_all() if unsound.count() else []
    reasons: dict[str, dict[str, int]] = {}
    for (kind, reason), count in Counter(
        (row["kind"], row["reason"]) for row in gone
    ).most_common():
        reasons.setdefault(kind, {})[reason] = count
    pairs = lengths_of(sound) if sound.count() else []
    kinds = dict(Counter(pair.kind for pair in pairs).most_common())
    told = {"lengths": clues(pairs), "words": words(texts_of(sound, pairs))}
    return {"kinds": kinds, "reasons": reasons, **told}


def refuse_clue(run: Stage, lengths: dict[str, dict[str, Any]]) -> None:
    """Raise StageError where lengths alone tell which text of a pair is better."""
    if run.settings(PairSettings).allow_length_clue:
        return
    for name, told in lengths.items():
        if told["pairs"] > ENOUGH and told["accuracy"] >= CLUE:
            raise StageError(
                f"{run.name}: lengths alone tell the better text in {told['accuracy']:.0%} of "
                f"{told['pairs']} pairs ({name}); wanted below {CLUE:.0%}, since a reward model "
                f"would learn to count. Lower [{run.name}] max_length_gap, or set "
                f"allow_length_clue = true to train on them all the same. See {FIGURES}."
            )


def check(run: Stage) -> None:
    """Raise, before money is spent, for a rater that cannot be asked or may not be."""
    if run.settings(PairSettings).ask:
        check_rater(run)


JOB = Job(
    name="pair",
    main=main,
    sections={"pair": PairSettings, "rater": Api, "budget": Budget},
    reads=("degrade", "clean", "collect"),
    sources=(
        "configs/brands/{brand}/guide.toml",
        "prompts/chat",
        "prompts/degrade",
        "prompts/reward",
        "prompts/write",
        "prompts/partials",
        "jobs/domain",
        "jobs/llm/offline/rater",
    ),
    check=check,
)

if __name__ == "__main__":
    start("pair")
