"""What a judge may say, read strictly: what is not a verdict raises, it is never a score."""

import json
import re

from jobs.domain.errors import VerdictError

FENCED = re.compile(r"\s*```(?:json)?\s*(\{.*\})\s*```\s*", re.DOTALL)


def parse_verdict(reply: str, scale: tuple[float, float]) -> tuple[float, str]:
    """The score and reason in a judge's JSON reply. Raises VerdictError; never guesses.

    >>> parse_verdict('{"score": 4.5, "reason": "true and calm"}', (1.0, 5.0))
    (4.5, 'true and calm')
    """
    fenced = FENCED.fullmatch(reply)
    try:
        value = json.loads(fenced[1] if fenced else reply)
    except (ValueError, RecursionError) as error:  # also endless digits, endless brackets
        raise VerdictError(f"wanted one JSON object, judge said {reply[:80]!r}") from error
    if not isinstance(value, dict) or set(value) != {"score", "reason"}:
        raise VerdictError(f"wanted score and reason alone, judge said {reply[:80]!r}")
    score, reason = value["score"], value["reason"]
    if isinstance(score, bool) or not isinstance(score, int | float):
        raise VerdictError(f"the score is {score!r}; wanted a number")
    low, high = scale
    if not low <= score <= high:
        raise VerdictError(f"the score is {score}; wanted {low} to {high}")
    if not isinstance(reason, str) or not reason.strip():
        raise VerdictError("the verdict has no reason")
    return float(score), reason
