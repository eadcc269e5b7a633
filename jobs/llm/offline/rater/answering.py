"""The rater's reply to a chat: all findings of all rules, as a check or as a rating.

A check says yes to a defect whose findings cost so much together; a rating is what is left of ten
points. Both go by the same findings, so a rating falls with each defect that a check would name.
"""

import json
from collections.abc import Iterable
from typing import Any

from jobs.domain.errors import VerdictError
from jobs.llm.offline.rater import form, prose, tone, truth
from jobs.llm.offline.rater.finding import BEST, EXAGGERATED, FALSE, WEAK, Finding
from jobs.llm.offline.rater.reading import Asked, read
from jobs.llm.offline.rater.words import entry

RULES = (*form.RULES, *prose.RULES, *tone.RULES, *truth.RULES)
DEFECT_AT = 1.5  # points lost to one defect
NOT_ASKED = "I check and rate copy; this asks for neither."


def reply(body: dict[str, Any]) -> str:
    """The text of the reply to a request's body; no JSON where it asks for no check or rating."""
    try:
        asked = read(body["messages"])
    except VerdictError:
        return NOT_ASKED
    found = findings(asked)
    said = checked(found) if asked.is_check else {"score": rating(found)}
    return json.dumps({**said, "reason": reason(found, asked)}, ensure_ascii=False)


def findings(asked: Asked) -> list[Finding]:
    """Everything that is wrong with a text; of an empty one that alone."""
    nothing = list(form.empty(asked))
    return nothing or [found for rule in RULES for found in rule(asked)]


def checked(found: Iterable[Finding]) -> dict[str, bool]:
    """The defects that weigh enough to be named."""
    lost = dict.fromkeys((WEAK, EXAGGERATED, FALSE), 0.0)
    for one in found:
        lost[one.defect] += one.loss
    return {name: loss >= DEFECT_AT for name, loss in lost.items()}


def rating(found: Iterable[Finding]) -> float:
    """What is left of ten points, to one decimal.

    >>> rating([Finding("figure", FALSE, 3.5), Finding("mark", EXAGGERATED, 0.5)])
    6.0
    """
    left, most = BEST, BEST
    for one in found:
        left, most = left - one.loss, min(most, one.most)
    return round(max(0.0, min(left, most)), 1)


def reason(found: Iterable[Finding], asked: Asked) -> str:
    """The costliest finding in the prompt's language."""
    worst = max(found, key=lambda one: one.loss, default=None)
    said: str = entry(asked.language, f"reasons.{worst.name if worst else 'none'}")
    return said.format(quote=worst.quote) if worst else said
