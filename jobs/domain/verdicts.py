"""What a judge may say, read strictly: what is not a verdict raises, it is never a score."""

import json
import re
from collections.abc import Iterable
from typing import Any

from jobs.domain.errors import VerdictError

FENCED = re.compile(r"\s*```(?:json)?\s*(\{.*\})\s*```\s*", re.DOTALL)
WINNER = {"A": "first", "B": "second", "tie": "tie"}  # A is the text that is shown first
CHOICES = tuple(WINNER)


def parse_verdict(reply: str, scale: tuple[float, float]) -> tuple[float, str]:
    """The score and reason in a judge's JSON reply. Raises VerdictError; never guesses.

    >>> parse_verdict('{"score": 4.5, "reason": "true and calm"}', (1.0, 5.0))
    (4.5, 'true and calm')
    """
    value = object_in(reply, ("score", "reason"))
    score = value["score"]
    if isinstance(score, bool) or not isinstance(score, int | float):
        raise VerdictError(f"the score is {score!r}; wanted a number")
    low, high = scale
    if not low <= score <= high:
        raise VerdictError(f"the score is {score}; wanted {low} to {high}")
    return float(score), reason_in(value)


def parse_choice(reply: str) -> tuple[str, str]:
    """A, B or tie, and the reason, in a judge's JSON reply. Raises VerdictError; never guesses.

    >>> parse_choice('{"better": "B", "reason": "A invents a certificate"}')
    ('B', 'A invents a certificate')
    """
    value = object_in(reply, ("better", "reason"))
    if value["better"] not in CHOICES:
        raise VerdictError(f"better is {str(value['better'])[:80]!r}; wanted A, B or tie")
    return value["better"], reason_in(value)


def parse_winner(reply: str) -> tuple[str, str]:
    """first, second or tie, and the reason, in a judge's JSON reply. Raises VerdictError.

    >>> parse_winner('{"better": "B", "reason": "A invents a certificate"}')
    ('second', 'A invents a certificate')
    """
    choice, reason = parse_choice(reply)
    return WINNER[choice], reason


def object_in(reply: str, keys: tuple[str, ...]) -> dict[str, Any]:
    """The one JSON object that the reply is, with exactly these keys. Raises VerdictError."""
    fenced = FENCED.fullmatch(reply)
    try:
        value = json.loads(fenced[1] if fenced else reply, object_pairs_hook=without_repeats)
    except (ValueError, RecursionError) as error:  # also endless digits, endless brackets
        raise VerdictError(f"wanted one JSON object, judge said {reply[:80]!r}") from error
    if not isinstance(value, dict) or set(value) != set(keys):
        raise VerdictError(f"wanted {' and '.join(keys)} alone, judge said {reply[:80]!r}")
    return value


def without_repeats(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object's content. Raises ValueError where it says one thing twice."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"{key!r} stands in it twice")
        found[key] = value
    return found


def reason_in(value: dict[str, Any]) -> str:
    """The judge's own sentence. Raises VerdictError where there is none."""
    reason = value["reason"]
    if not isinstance(reason, str) or not reason.strip():
        raise VerdictError("the verdict has no reason")
    return reason
