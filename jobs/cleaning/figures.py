"""Counting a cleaned table in its workers: what each reason took, and what the copies are like.

Only sums of groups reach the driver: at most content types x splits x reasons of them.
"""

import functools
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import pyarrow as pa
from pydantic import Field
from ray.data import Dataset
from ray.data.aggregate import Count, Sum
from ray.data.expressions import col

from jobs.domain.brand import Guide
from jobs.domain.coverage import encouraged_used, facts_named
from jobs.domain.diversity import distinct, self_bleu, tokens
from jobs.domain.text import char_count, fingerprint
from jobs.runtime.config import Section

KEYS = ["content_type", "split", "reason"]
SUMS = ("chars", "facts_named", "encouraged")
ORDER = 4  # of distinct-n: in shorter n-grams of characters even golden texts repeat one another
# Each is a process of its own, which takes 2 s of CPU to start. One holds 100,000 short texts.
PARTITIONS = 1

Group = dict[str, Any]  # KEYS, count, and the sum of each of SUMS


class Diversity(Section):
    """When the copies of a content type are said to be too much alike. It warns, it never drops.

    Self-BLEU rises and distinct-n falls as texts are added: only equal samples can be compared. Of
    19 golden texts a type, written by people, they are 0.12 to 0.27 and 0.94 to 0.99.
    """

    sample: int = Field(default=200, ge=2, description="copies of a content type, at most")
    seed: int = Field(default=0, description="of the sample")
    distinct_floor: float = Field(default=0.3, ge=0, le=1, description="of distinct-4")
    self_bleu_ceiling: float = Field(default=0.8, ge=0, le=1)


@dataclass(frozen=True)
class Figures:
    """What was counted of a cleaned table."""

    reasons: dict[str, int]  # rows dropped, by reason
    splits: dict[str, int]  # copies, by split
    kinds: dict[str, dict[str, float]]  # content type -> copies, means and diversity
    warnings: list[str]


def figures_of(rows: Dataset, guide: Guide, settings: Diversity) -> Figures:
    """Count reasons and splits, measure the copies. `rows` must be in memory: two passes."""
    groups = counted(rows, guide)
    copies = [group for group in groups if not group["reason"]]
    varied = diversity(rows, guide.language, settings) if copies else {}
    kinds = {kind: cell | varied[kind] for kind, cell in means(copies).items()}
    return Figures(
        reasons=by([group for group in groups if group["reason"]], "reason"),
        splits=by(copies, "split"),
        kinds=kinds,
        warnings=warnings(kinds, settings),
    )


def counted(rows: Dataset, guide: Guide) -> list[Group]:
    """The groups of rows that share content type, split and reason, in the order of these."""
    measured = rows.map_batches(
        functools.partial(measures, guide=guide), batch_format="pyarrow", zero_copy_batch=True
    )
    sums = [Sum(name, alias_name=name) for name in SUMS]
    groups = measured.groupby(KEYS, num_partitions=PARTITIONS).aggregate(
        Count(alias_name="count"), *sums
    )
    return sorted(groups.take_all(), key=lambda group: [group[key] for key in KEYS])


def measures(batch: pa.Table, guide: Guide) -> pa.Table:
    """What is summed of each row; only sound texts are read."""
    columns: dict[str, list[float]] = {name: [] for name in SUMS}
    for row in batch.select(["text", "facts", "reason"]).to_pylist():
        text, is_copy = row["text"], not row["reason"]
        facts = json.loads(row["facts"]) if is_copy else {}
        columns["chars"].append(char_count(text) if is_copy else 0)
        columns["facts_named"].append(facts_named(text, facts, guide.language) if is_copy else 0.0)
        columns["encouraged"].append(encouraged_used(text, guide.encouraged) if is_copy else 0)
    sums = {name: pa.array(values, pa.float64()) for name, values in columns.items()}
    return pa.table({**{key: batch[key] for key in KEYS}, **sums})


def by(groups: Iterable[Group], key: str) -> dict[str, int]:
    """Rows by one of KEYS, the most frequent first.

    >>> by([{"split": "dev", "count": 1}, {"split": "train", "count": 2}], "split")
    {'train': 2, 'dev': 1}
    """
    found: dict[str, int] = defaultdict(int)
    for group in groups:
        found[group[key]] += group["count"]
    return dict(sorted(found.items(), key=lambda entry: (-entry[1], entry[0])))


def means(copies: Iterable[Group]) -> dict[str, dict[str, float]]:
    """content type -> number of copies, and the mean of each of SUMS."""
    found: dict[str, dict[str, float]] = {}
    for group in copies:
        cell = found.setdefault(group["content_type"], dict.fromkeys(("copies", *SUMS), 0))
        cell["copies"] += group["count"]
        for name in SUMS:
            cell[name] += group[name]
    return {
        kind: {"copies": cell["copies"]}
        | {name: round(cell[name] / cell["copies"], 3) for name in SUMS}
        for kind, cell in found.items()
    }


def diversity(rows: Dataset, language: str, settings: Diversity) -> dict[str, dict[str, float]]:
    """content type -> distinct-n and self-BLEU of a sample of its copies, and the sample's size."""
    copies = rows.filter(expr=col("reason") == "").select_columns(
        ["content_type", "draft_id", "text"]
    )
    measure = functools.partial(diversity_of, language=language, settings=settings)
    groups = copies.groupby("content_type", num_partitions=PARTITIONS)
    figures = groups.map_groups(measure, batch_format="pyarrow").take_all()
    return {row.pop("content_type"): row for row in sorted(figures, key=itemgetter("content_type"))}


def diversity_of(group: pa.Table, language: str, settings: Diversity) -> pa.Table:
    """The figures of one content type. The sample is the same in whatever order rows come."""
    rows = group.select(["draft_id", "text"]).to_pylist()
    rows.sort(key=lambda row: fingerprint(str(settings.seed), row["draft_id"]))
    texts = [tokens(row["text"], language) for row in rows[: settings.sample]]
    return pa.table(
        {
            "content_type": group["content_type"][:1],
            "distinct": [round(distinct(texts, ORDER), 3)],
            "self_bleu": [round(self_bleu(texts), 3)],
            "sampled": [len(texts)],
        }
    )


def warnings(kinds: Mapping[str, Mapping[str, float]], settings: Diversity) -> list[str]:
    """A sentence for each measure by which some content type's copies are too much alike."""
    floor, ceiling = settings.distinct_floor, settings.self_bleu_ceiling
    low = {kind: cell["distinct"] for kind, cell in kinds.items() if cell["distinct"] < floor}
    high = {kind: cell["self_bleu"] for kind, cell in kinds.items() if cell["self_bleu"] > ceiling}
    return [
        f"{bound} in {', '.join(f'{kind} ({value:.2f})' for kind, value in found.items())}: copies "
        f"repeat one another's wording. Nothing was dropped for it; more varied prompts would help."
        for bound, found in (
            (f"distinct-{ORDER} is below {floor:g}", low),
            (f"self-BLEU is above {ceiling:g}", high),
        )
        if found
    ]
