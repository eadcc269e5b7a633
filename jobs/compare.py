"""Answer -> Comparison + Failed: which of two answers to one brief a judge prefers.

python -m jobs.compare configs/demo.toml

Paid. Every pair is asked in both orders, ties allowed; the judge reads two texts called A and B
and never learns who wrote them. A pair of which one answer is missing is left out and counted.
"""

import functools
import itertools
import json
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import ray.data
from pydantic import Field
from ray.data.expressions import col

from jobs.domain.errors import PromptError, SettingsError, StageError
from jobs.domain.metrics import fitting
from jobs.domain.prompts import Message, content_type, render_pair
from jobs.domain.rows import Answer, Brief, Comparison, Failed
from jobs.domain.text import fingerprint
from jobs.domain.verdicts import parse_winner
from jobs.llm.accounts import Accounts
from jobs.llm.api import Api
from jobs.llm.asking import Question, total_usd
from jobs.llm.budget import Budget
from jobs.llm.judges import Judging, ask_panel, check_judging, pair_shape, panel, step_of
from jobs.runtime.command import start
from jobs.runtime.config import Section
from jobs.runtime.stage import Counts, Job, Stage
from jobs.runtime.tables import brief_columns, read_rows, write_dataset

ROWS_IN_A_BLOCK = 100  # briefs, each with what every model wrote


class Compare(Section):
    """Which pairs are asked about, and how many."""

    metric: str = Field(default="pair", description="of prompts/judge/, one that asks: pair")
    models: tuple[str, ...] = Field(
        default=(), description="asked in pairs with every other model; none: every pair"
    )
    briefs: int | None = Field(
        default=None, ge=1, description="so many, chosen by a hash; none: all of them"
    )


def main(run: Stage) -> Counts:
    """Ask about every pair in both orders, read the replies strictly, write what came."""
    guide, settings = run.guide, run.settings(Compare)
    answers = read_rows(Answer, run.input("answer"))
    pairs = pairs_of({answer.model for answer in answers}, settings.models)
    briefs = by_brief(answers, settings.briefs)
    ask = functools.partial(in_both_orders, pairs=pairs, metric=settings.metric)
    blocks = len(briefs) // ROWS_IN_A_BLOCK + 1
    wanted = ray.data.from_items(briefs, override_num_blocks=blocks).flat_map(ask).materialize()
    there, judges = wanted.count(), len(panel(run))
    missing = 2 * len(pairs) * len(briefs) - there
    if missing:
        print(f"{run.name}: {missing // 2} pairs left out: one of the answers is missing")
    if not there:
        raise StageError(f"{run.name}: no brief has answers by two of the models to compare.")

    def build(row: dict[str, Any]) -> list[Message]:
        texts = json.loads(row["texts"])
        return render_pair(row["metric"], Brief(**brief_columns(row)), guide, *texts)

    question = Question(build, comparison_id, run.name, shape=pair_shape(guide.language))
    replied, bills = ask_panel(run, wanted, question)
    ok, broken = replied.filter(expr=col("error") == ""), replied.filter(expr=col("error") != "")
    out = write_dataset(ok.map_batches(chosen, batch_format="pyarrow"), Comparison, run.folder)
    failed = write_dataset(broken.map(functools.partial(named_step, run=run)), Failed, run.folder)
    return Counts(
        (there + missing) * judges,
        out,
        dropped=missing * judges,
        failed=failed,
        usd=total_usd(bills),
        notes={"paid": bills, "pairs_left_out": missing // 2},
    )


def pairs_of(models: set[str], chosen: tuple[str, ...]) -> list[tuple[str, str]]:
    """Every pair of models, of which one is chosen where some are. Raises SettingsError.

    >>> pairs_of({"sft", "golden", "base"}, ("sft",))
    [('base', 'sft'), ('golden', 'sft')]
    """
    unknown = sorted(set(chosen) - models)
    if unknown:
        raise SettingsError(
            f"[compare] models names {', '.join(unknown)}; answers are by "
            f"{', '.join(sorted(models))}. Correct it, or add a candidate to [answer]."
        )
    if len(models) < 2:
        raise SettingsError(
            f"all answers are by {', '.join(models)}: there is nothing to compare it with. Add a "
            f"candidate to [answer], or take the stage out."
        )
    pairs = itertools.combinations(sorted(models), 2)
    return [pair for pair in pairs if not chosen or set(pair) & set(chosen)]


def by_brief(answers: list[Answer], most: int | None) -> list[dict[str, Any]]:
    """Each brief's columns and, as JSON, what each model wrote; `most` of them, by a hash."""
    texts: dict[str, dict[str, str]] = defaultdict(dict)
    briefs: dict[str, dict[str, Any]] = {}
    for answer in answers:
        texts[answer.brief_id][answer.model] = answer.text
        briefs[answer.brief_id] = brief_columns(vars(answer))
    chosen = sorted(briefs, key=lambda brief_id: (fingerprint("compare", brief_id), brief_id))
    return [
        {**briefs[brief_id], "texts": json.dumps(texts[brief_id], ensure_ascii=False)}
        for brief_id in chosen[:most]
    ]


def in_both_orders(
    row: dict[str, Any], pairs: list[tuple[str, str]], metric: str
) -> list[dict[str, Any]]:
    """A brief once for each pair and order of which both texts are there. Raises PromptError."""
    written: Mapping[str, str] = json.loads(row["texts"])
    file = file_for(row, metric)
    found = []
    for first, second in [order for pair in pairs for order in (pair, pair[::-1])]:
        if first in written and second in written:
            name = f"{row['brief_id']}@{first}>{second}#{file}"
            shown = json.dumps([written[first], written[second]], ensure_ascii=False)
            models = {"comparison_id": name, "first": first, "second": second, "metric": file}
            found.append({**row, **models, "texts": shown})
    return found


def file_for(row: dict[str, Any], metric: str) -> str:
    """The metric's file for a brief's family. Raises PromptError where there is none."""
    family = content_type(row["content_type"], row["language"]).family
    found = fitting(metric, family, row["language"])
    if found is None:
        raise PromptError(
            f"the metric {metric!r} of [compare] has no file for the family {family!r} in "
            f"{row['language']!r}. Add one to prompts/judge/."
        )
    return found.file


def comparison_id(row: dict[str, Any]) -> str:
    """What a comparison that cannot be had is called."""
    return str(row["comparison_id"])


def chosen(batch: pa.Table) -> pa.Table:
    """Each reply as a winner and a reason."""
    said = [parse_winner(reply) for reply in batch["reply"].to_pylist()]
    batch = batch.append_column("winner", pa.array([winner for winner, _ in said], pa.string()))
    batch = batch.append_column("reason", pa.array([why for _, why in said], pa.string()))
    return batch.append_column("journal_key", batch["reply_key"])


def named_step(row: dict[str, Any], run: Stage) -> dict[str, Any]:
    """A failure that says which judge's, where there are several."""
    return {**row, "step": step_of(run, judge=row["judge"])}


def wanted_metric(stage: Stage) -> tuple[str, ...]:
    """The one in [compare]."""
    return (stage.settings(Compare).metric,)


JOB = Job(
    name="compare",
    main=main,
    sections={
        "compare": Compare,
        "judge": Api,
        "judges": Accounts,
        "judging": Judging,
        "budget": Budget,
    },
    reads=("answer",),
    sources=("prompts/judge", "prompts/partials", "jobs/llm/offline/judge"),
    check=check_judging("pair", wanted_metric),
)

if __name__ == "__main__":
    start("compare")
