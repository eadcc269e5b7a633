"""The questions beside the family rubric: one criterion alone, the better of two, GEval's request.

A prompt of these names its metric in brackets in its first line; GEval's in its first evaluation
step. What stands in the fences is never read for it. A family rubric names none and is read by
`read_case` alone.
"""

import json
import re
from dataclasses import dataclass, fields
from typing import Any

from jobs.domain.brand import Guide, Product, product_of
from jobs.domain.text import char_count
from jobs.llm.offline.judge.case import (
    ANSWER,
    FACTS,
    RULES,
    WINDOW,
    Case,
    guide_of,
    language_of,
)
from jobs.llm.offline.judge.lexicon import compiled, topic

METRICS = (
    "truth", "brand_voice", "call_to_action", "naturalness", "creativity", "value_fit",
    "rubric_short", "pair",
)  # fmt: skip
NEEDS_FACTS = ("truth", "value_fit", "rubric_short", "pair")
NAMED = re.compile(r"[（(](?:geval_)?([a-z_]+)[）)]")
STEPS = re.compile(r"^Evaluation Steps:\s*1\. ", re.MULTILINE)
PAIR = re.compile(
    r"<answer (\S+)-A>\n?(.*?)\n?</answer \1-A>\s*<answer \1-B>\n?(.*?)\n?</answer \1-B>", re.DOTALL
)
SCALE = re.compile(
    r"\"score\"[^\n]*?(\d+(?:\.\d+)?)\s*(?:到|至|to|and|에서|[-–—~])\s*(\d+(?:\.\d+)?)"
)
WHOLE = re.compile(r"\"score\"[^\n]*\binteger\b")


@dataclass(frozen=True)
class Question:
    """What one prompt asks, other than the family rubric."""

    metric: str  # one of METRICS
    cases: tuple[Case, ...]  # the text; for a pair A, then B
    scale: tuple[float, float]  # worst, best
    whole: bool  # whether the score is to be a whole number
    call_wanted: bool  # whether the prompt says that the text must call to action


def metric_named(prompt: str) -> str:
    """The metric that a prompt names; empty where it names none that is known here.

    >>> metric_named("评审项：真实（truth）"), metric_named("评分标准（五项合起来给一个总分）：")
    ('truth', '')
    """
    shown = prompt.partition("<answer ")[0]
    named = [name for name in NAMED.findall(_first_line(shown)) if name in METRICS]
    return named[-1] if named else ""


def read_question(prompt: str) -> Question | None:
    """The question that a prompt asks; None where what it needs is not shown."""
    metric = metric_named(prompt)
    found = (PAIR if metric == "pair" else ANSWER).search(prompt)
    if not metric or found is None:
        return None
    shown, frame = prompt[: found.start()], prompt[: found.start()] + prompt[found.end() :]
    layout, facts = RULES.search(shown), _facts(shown)
    if (metric in NEEDS_FACTS and not facts) or (metric == "brand_voice" and layout is None):
        return None
    scale = SCALE.search(frame)
    language = language_of(_first_line(shown))
    wanted = topic("questions", "zh")["call_wanted"]
    return Question(
        metric=metric,
        cases=tuple(_case(shown, text, language) for text in found.groups()[1:]),
        scale=(float(scale[1]), float(scale[2])) if scale else (1.0, 5.0),
        whole=WHOLE.search(frame) is not None,
        call_wanted=compiled(wanted).search(shown) is not None,
    )


def _first_line(shown: str) -> str:
    """The line that names the metric: the prompt's first, or GEval's first step."""
    steps = STEPS.search(shown)
    return shown[steps.end() if steps else 0 :].lstrip().partition("\n")[0]


def _facts(shown: str) -> str:
    """The JSON of the facts as shown; empty where there are none, or none with a name."""
    blocks = FACTS.findall(shown)
    try:
        record = json.loads(blocks[-1]) if blocks else None
    except json.JSONDecodeError:
        return ""
    return blocks[-1] if isinstance(record, dict) and record.get("name") else ""


def _case(shown: str, text: str, language: str) -> Case:
    """One text with what is shown of its brief; what is not shown is left empty."""
    facts, layout = _facts(shown), RULES.search(shown)
    record: dict[str, Any] = json.loads(facts) if facts else {}
    ends = [hit.end() for hit in (layout, *FACTS.finditer(shown)) if hit]
    told = "" if STEPS.search(shown) else shown[max(ends, default=0) :]
    windows = WINDOW.findall(told)
    low, high = map(int, windows[-1]) if windows else (0, max(1, char_count(text)))
    unknown = Guide(str(record.get("brand", "")), language, "", "", "", (), (), ())
    return Case(
        guide=guide_of(layout, language) if layout else unknown,
        product=_product(record),
        content_type=str(record.get("content_type") or _type_in(told)),
        rubric=shown[: layout.start()] if layout else shown,
        facts=facts,
        min_chars=low,
        max_chars=high,
        text=text,
    )


def _product(record: dict[str, Any]) -> Product:
    """The product of the facts, as far as they tell of one."""
    known = {entry.name for entry in fields(Product)} - {"product_id", "split"}
    given = {key: value for key, value in record.items() if key in known}
    try:
        return product_of({"product_id": "", "name": "", "category": "", **given})
    except (TypeError, KeyError, AttributeError):
        return Product("", str(record.get("name", "")), "")


def _type_in(told: str) -> str:
    """The content type by the words that name it before the text; a family's name will do."""
    for name, words in topic("questions", "zh")["types"].items():
        if compiled(words).search(told):
            return str(name)
    return ""
