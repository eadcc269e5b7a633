"""Whether the judge can be believed: its examination, its order bias, the agreement of a panel."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from jobs.domain.rows import Probe
from jobs.reporting.page.findings import Findings

PROBES = 60  # shown; those that went wrong come first
SHOWN = 240  # characters of what was judged
# Krippendorff, Content Analysis (2004), p. 241: from 0.8 on data are reliable, from 0.667 on
# tentative conclusions may be drawn.
ALPHAS = ((0.8, "reliable"), (0.667, "for tentative conclusions"))


def examination(findings: Findings) -> dict[str, Any] | None:
    """Each judge's examination as the scoreboard has it, with questions that were put to it."""
    found = findings.board.get("examination")
    if not found:
        return None
    judges = {
        name: {**told, "questions": questions(findings.judged.probes, name)}
        for name, told in found.items()
    }
    return {"judges": judges, "unfit": unfit(findings.board)}


def unfit(board: Mapping[str, Any]) -> dict[str, Sequence[str]]:
    """judge -> the reasons for which its scores should not be believed."""
    found = board.get("examination") or {}
    return {name: told.get("reasons", []) for name, told in found.items() if not told["fit"]}


def questions(probes: Sequence[Probe], judge: str) -> dict[str, Any]:
    """Some of the questions that a judge was asked, the failed first, and how many there were."""
    asked = [probe for probe in probes if probe.judge == judge]
    nth: Counter[tuple[bool, str]] = Counter()
    ranked = []
    for probe in sorted(asked, key=lambda probe: probe.probe_id):  # one of each check, then others
        ranked.append(((probe.passed, nth[probe.passed, probe.check], probe.check), probe))
        nth[probe.passed, probe.check] += 1
    order = [probe for _, probe in sorted(ranked, key=lambda entry: entry[0])]
    return {"asked": len(asked), "shown": order[:PROBES]}


def excerpt(text: str) -> str:
    """The text's beginning; an empty text is named so.

    >>> excerpt("")
    '(empty)'
    """
    if not text.strip():
        return "(empty)"
    return text if len(text) <= SHOWN else f"{text[:SHOWN]} \u2026"


def agreement(findings: Findings) -> list[dict[str, Any]]:
    """Krippendorff's alpha of each metric that several judges gave, and what it is good for."""
    found = findings.board.get("agreement") or {}
    return [
        {"metric": metric, **told, "word": alpha_word(told["alpha"])}
        for metric, told in found.items()
    ]


def alpha_word(alpha: float | None) -> str:
    """
    >>> alpha_word(0.9), alpha_word(0.7), alpha_word(0.1)
    ('reliable', 'for tentative conclusions', 'too low to rely on')
    """
    if alpha is None:
        return "not known"
    return next((word for bound, word in ALPHAS if alpha >= bound), "too low to rely on")
