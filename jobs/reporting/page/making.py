"""How a run was made: its data, its cost, its settings, and what became of some train briefs."""

import json
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from jobs.domain.prompts import content_type
from jobs.reporting.funnel import made
from jobs.reporting.marks import marked
from jobs.reporting.page.findings import Findings, Record


def data(findings: Findings) -> dict[str, Any]:
    """The funnel with the share that each step left, and what stood in clean's notes."""
    found = made(findings.record("generate"), findings.record("clean"))
    most = max((step["left"] for step in found["steps"]), default=0)
    bars = [
        {**step, "share": 100 * step["left"] / most, "gone": 100 * step["lost"] / most}
        for step in found["steps"]
        if most
    ]
    return {**found, "bars": bars}


def total_cost(records: Sequence[Record]) -> dict[str, Any]:
    """Seconds and money of all stages; `unpriced` counts the stages whose price is not known."""
    usd = [record["counts"]["usd"] for record in records]
    return {
        "seconds": math.fsum(record["seconds"] for record in records),
        "usd": math.fsum(part for part in usd if part is not None),
        "unpriced": usd.count(None),
    }


def stage_times(records: Sequence[Record]) -> dict[str, float]:
    """stage -> its share of the longest stage's time, in percent."""
    longest = max((record["seconds"] for record in records), default=0) or 1
    return {record["stage"]: 100 * record["seconds"] / longest for record in records}


def seeds(settings: Any, path: str = "") -> dict[str, int]:
    """Every setting called seed, by its dotted name.

    >>> seeds({"brand": "b", "sft": {"seed": 3, "epochs": 1}})
    {'sft.seed': 3}
    """
    if not isinstance(settings, Mapping):
        return {path: settings} if path.split(".")[-1] == "seed" else {}
    return {
        name: seed
        for key, value in settings.items()
        for name, seed in seeds(value, f"{path}.{key}".lstrip(".")).items()
    }


def candidates(findings: Findings) -> dict[str, str]:
    """model -> where it comes from, as the answer stage's settings say."""
    record = findings.record("answer")
    settings = record["identity"]["settings"] if record else {}
    sources = {"golden": "reference texts", "merge": "the model trained in this run"}
    sources["base"] = f"base model: {(settings.get('base') or {}).get('model', '?')}"
    return {
        entry["name"]: sources.get(
            entry["source"], f"the API model of {entry.get('account', '')!r}"
        )
        + (", with the brand's guide in its prompt" if entry["guided"] else "")
        for entry in (settings.get("answer") or {}).get("candidates", ())
    }


def train_histories(findings: Findings) -> list[dict[str, Any]]:
    """Each sampled train brief with its drafts, and what each of them became."""
    written, guide = findings.written, findings.guide
    copies = {copy.draft_id: copy for copy in written.copies}
    dropped = {row.draft_id: row for row in written.dropped}
    failed = {row.row_id: row for row in written.failures}
    drafts = _by_brief(written.drafts)
    shown = []
    for brief in written.briefs:
        ends = [
            {
                "draft": draft,
                "kept": copies.get(draft.draft_id),
                "text": marked(draft.text, guide, brief.facts),
                "cleaned": marked(copies[draft.draft_id].text, guide, brief.facts)
                if draft.draft_id in copies and copies[draft.draft_id].text != draft.text
                else None,
                "dropped": dropped.get(draft.draft_id),
                "failure": failed.get(draft.draft_id),
            }
            for draft in sorted(drafts[brief.brief_id], key=lambda draft: draft.draft_id)
        ]
        unwritten = [
            row
            for row in written.failures
            if row.row_id.startswith(f"{brief.brief_id}#")
            and row.row_id not in {draft.draft_id for draft in drafts[brief.brief_id]}
        ]
        kind = content_type(brief.content_type, brief.language)
        name = json.loads(brief.facts).get("name", brief.product_id)
        shown.append(
            {"brief": brief, "kind": kind, "name": name, "ends": ends, "unwritten": unwritten}
        )
    return shown


def _by_brief(rows: Iterable[Any]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = defaultdict(list)
    for row in rows:
        found[row.brief_id].append(row)
    return found


def fact_lines(facts: str) -> list[tuple[str, str]]:
    """A product's facts as lines of name and text.

    >>> fact_lines('{"name": "Mug", "ingredients": [{"name": "clay", "role": "warm"}]}')
    [('name', 'Mug'), ('ingredients', 'clay, warm')]
    """
    return [(key.replace("_", " "), _told(value)) for key, value in json.loads(facts).items()]


def _told(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(map(_told, value.values()))
    if isinstance(value, list):
        between = "; " if any(isinstance(part, Mapping) for part in value) else ", "
        return between.join(map(_told, value))
    return str(value)
