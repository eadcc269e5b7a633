"""From a judge's answers in its examination to fit or unfit, with named reasons."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from jobs.domain.examination.cases import Said
from jobs.reporting.examination.alone import SHARES, answered, scores_checked
from jobs.reporting.examination.check import OWN, ROOT, Check
from jobs.reporting.examination.pairs import pairs_checked

EXPECTED = ("worse", "length", *(name for name, _, _ in SHARES), "labelled", "swapped")


def examined(replies: Sequence[Said]) -> dict[str, Any]:
    """One judge's entry in examination.json: fit, reasons, checks, notes."""
    checks = [*answered(replies), *scores_checked(replies), *pairs_checked(replies)]
    there = {check.name for check in checks}
    missing = [name for name in EXPECTED if name not in there]
    return {
        "fit": all(check.passed for check in checks),
        "reasons": reasons_of(checks),
        "checks": [asdict(check) for check in checks],
        "notes": [f"not examined: {', '.join(missing)}"] if missing else [],
    }


def reasons_of(checks: Sequence[Check]) -> list[str]:
    """The reasons of what failed, each once.

    A judge that does not answer, gives one score to all, or whose scores have no order, overlooks
    everything: of such a one only the causes are named.
    """
    failed = [check for check in checks if not check.passed]
    if any(check.standing == ROOT for check in failed):
        failed = [check for check in failed if check.standing in (ROOT, OWN)]
    return list(dict.fromkeys(check.reason for check in failed))


def as_text(examination: dict[str, dict[str, Any]]) -> str:
    """What the job prints: each judge, and what it did not pass."""
    lines = []
    for judge, entry in examination.items():
        passed = sum(check["passed"] for check in entry["checks"])
        verdict = "fit" if entry["fit"] else f"UNFIT: {'; '.join(entry['reasons'])}"
        lines.append(f"judge {judge}: {verdict} ({passed} of {len(entry['checks'])} checks passed)")
        lines += [
            f"  {check['name']}: {check['found']}, wanted {check['wanted']} (n {check['n']})"
            for check in entry["checks"]
            if not check["passed"]
        ]
        lines += [f"  {note}" for note in (*entry["notes"], *entry.get("warnings", ()))]
    return "\n".join(lines)
