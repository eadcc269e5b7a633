"""What became of some train briefs: drafts, copies, negatives, pairs, samples of a policy."""

import json
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from jobs.domain.prompts import content_type
from jobs.domain.rows import Brief, Draft, Negative
from jobs.reporting.marks import marked
from jobs.reporting.page.findings import Findings
from jobs.reporting.page.samples import by_step


def train_histories(findings: Findings) -> list[dict[str, Any]]:
    """Each sampled train brief with its drafts, and what each of them became."""
    written = findings.written
    drafts, negatives = _by_brief(written.drafts), _by_brief(written.negatives)
    rollouts = _by_brief(written.rollouts)
    return [
        {
            "brief": brief,
            "kind": content_type(brief.content_type, brief.language),
            "name": json.loads(brief.facts).get("name", brief.product_id),
            "ends": _ends(findings, brief, drafts[brief.brief_id]),
            "unwritten": _unwritten(findings, brief, drafts[brief.brief_id]),
            "negatives": _negatives(findings, brief, negatives[brief.brief_id]),
            "rollouts": by_step(findings, rollouts[brief.brief_id]),
            "sampled": len(rollouts[brief.brief_id]),
        }
        for brief in written.briefs
    ]


def _ends(findings: Findings, brief: Brief, drafts: Iterable[Draft]) -> list[dict[str, Any]]:
    """Drafts, each with the copy it was cleaned to or why there is none."""
    written, guide = findings.written, findings.guide
    copies = {copy.draft_id: copy for copy in written.copies}
    dropped = {row.draft_id: row for row in written.dropped}
    failed = {row.row_id: row for row in written.failures}
    return [
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
        for draft in sorted(drafts, key=lambda draft: draft.draft_id)
    ]


def _unwritten(findings: Findings, brief: Brief, drafts: Iterable[Draft]) -> list[Any]:
    """What failed for a brief and is told of no draft and no negative that are shown."""
    told = {draft.draft_id for draft in drafts}
    told |= {negative.negative_id for negative in findings.written.negatives}
    return [
        row
        for row in findings.written.failures
        if row.row_id.startswith(f"{brief.brief_id}#") and row.row_id not in told
    ]


def _negatives(
    findings: Findings, brief: Brief, negatives: Iterable[Negative]
) -> list[dict[str, Any]]:
    """Negatives, each with whether it is in a pair or why it is in none."""
    written = findings.written
    paired = {(pair.brief_id, pair.kind, pair.rejected) for pair in written.pairs}
    dropped = {row.draft_id: row for row in written.unpaired}
    failed = {row.row_id: row for row in written.failures}
    return [
        {
            "negative": row,
            "text": marked(row.text, findings.guide, brief.facts),
            "paired": (row.brief_id, row.kind, row.text) in paired,
            "dropped": dropped.get(row.negative_id),
            "failure": failed.get(row.negative_id),
        }
        for row in sorted(negatives, key=lambda row: row.negative_id)
    ]


def _by_brief(rows: Iterable[Any]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = defaultdict(list)
    for row in rows:
        found[row.brief_id].append(row)
    return found
