"""What a policy wrote while it learned: its alarms, and samples with their rewards."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from jobs.domain.prompts import content_type
from jobs.domain.rows import Rollout
from jobs.domain.text import fingerprint
from jobs.reporting.marks import marked
from jobs.reporting.page.findings import Findings, Policy

BRIEFS = 3  # of the first step and of the last, whose samples are shown
SAMPLES = 8  # of a brief at the last step
FOLLOWED = 4  # steps of a brief's history
LISTED = 100  # steps whose alarms are listed


def policies(findings: Findings) -> list[dict[str, Any]]:
    """Each policy's samples: of the first step the best and the worst, of the last step more."""
    shown = []
    for stage, policy in findings.learned.policies.items():
        steps = sorted({row.step for row in policy.rollouts})
        ends = {step: 2 for step in steps[:1]} | {step: SAMPLES for step in steps[1:][-1:]}
        briefs = {step: of_step(findings, policy, step, most) for step, most in ends.items()}
        if briefs:
            told = [{"step": step, "briefs": briefs[step]} for step in briefs]
            shown.append({"stage": stage, "ends": told})
    return shown


def of_step(findings: Findings, policy: Policy, step: int, most: int) -> list[dict[str, Any]]:
    """Some briefs of a step, drawn by hash, each with its samples."""
    groups: dict[str, list[Rollout]] = defaultdict(list)
    for row in policy.rollouts:
        if row.step == step:
            groups[row.brief_id].append(row)
    found = []
    for brief_id in sorted(groups, key=fingerprint)[:BRIEFS]:
        first = groups[brief_id][0]
        found.append(
            {
                "brief": first,
                "kind": content_type(first.content_type, first.language),
                "name": json.loads(first.facts).get("name", first.product_id),
                "of": len(groups[brief_id]),
                "samples": samples(findings, best_and_worst(groups[brief_id], most)),
            }
        )
    return found


def best_and_worst(rows: Iterable[Rollout], most: int) -> list[Rollout]:
    """At most `most` of a brief's samples, best first: half from the top, half from the bottom."""
    ordered = sorted(rows, key=lambda row: (-row.advantage, row.rollout_id))
    if len(ordered) <= most:
        return ordered
    return [*ordered[: most - most // 2], *ordered[-(most // 2) :]]


def samples(findings: Findings, rows: Sequence[Rollout]) -> list[dict[str, Any]]:
    """Samples as they are shown."""
    return [
        {
            "row": row,
            "text": marked(row.text, findings.guide, row.facts),
            "rewards": json.loads(row.rewards),
        }
        for row in rows
    ]


def by_step(findings: Findings, rows: Iterable[Rollout]) -> list[dict[str, Any]]:
    """The best and the worst of a brief's samples at some steps, evenly taken, in their order."""
    steps: dict[int, list[Rollout]] = defaultdict(list)
    for row in rows:
        steps[row.step].append(row)
    every = sorted(steps)
    shown = dict.fromkeys([*every[:: -(-len(every) // FOLLOWED) or 1][: FOLLOWED - 1], *every[-1:]])
    return [one for step in shown for one in samples(findings, best_and_worst(steps[step], 2))]


def watched(findings: Findings) -> dict[str, dict[str, Any]]:
    """stage -> its alarms, by name and by step, and the checkpoint that dev chose."""
    found = {}
    for stage, policy in findings.learned.policies.items():
        record: Mapping[str, Any] = findings.stage(stage) or {"counts": {"notes": {}}}
        notes = record["counts"]["notes"]
        steps = dict(sorted(policy.alarms.items()))
        found[stage] = {
            "steps": notes.get("step"),
            "chosen_step": notes.get("chosen_step"),
            "dev_kept": notes.get("dev_kept"),
            "marks": list(steps),
            "alarms": dict(list(steps.items())[:LISTED]),
            "kinds": alarm_kinds(steps),
        }
    return found


def alarm_kinds(steps: Mapping[int, Sequence[str]]) -> list[dict[str, Any]]:
    """Each alarm with its steps, the most frequent first, and its text when it was last raised.

    >>> [one] = alarm_kinds({2: ["copying: 0.1; wanted 0"], 7: ["copying: 0.2; wanted 0"]})
    >>> one["name"], one["steps"], one["first"], one["last"], one["text"]
    ('copying', 2, 2, 7, '0.2; wanted 0')
    """
    found: dict[str, dict[str, Any]] = {}
    for step, texts in steps.items():
        for name, text in dict(text.partition(": ")[::2] for text in texts).items():
            entry = found.setdefault(name, {"name": name, "steps": 0, "first": step})
            entry |= {"steps": entry["steps"] + 1, "last": step, "text": text}
    return sorted(found.values(), key=lambda entry: (-entry["steps"], entry["name"]))
