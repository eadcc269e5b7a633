"""How plain a text is that has no fault: the rubric's way from 3, sound but flat, to 5, a model."""

import re
from collections import Counter

from jobs.llm.offline.judge.case import Case
from jobs.llm.offline.judge.fluency import bare
from jobs.llm.offline.judge.lexicon import Fault, compiled, pattern, topic
from jobs.llm.offline.judge.names import HOLE
from jobs.llm.offline.judge.words import dictionary, segmented

SHORT = 150  # a window that ends below this is an advertisement's


def plainness(case: Case) -> tuple[float, list[Fault]]:
    """(0.0 fresh .. 1.0 flat, what makes it so)."""
    stock = [
        hit[0] for hit in pattern("voice", "stock", "pattern", case.language).finditer(case.plain)
    ]
    faults = [Fault("fluff", 0.3, hit) for hit in stock[:3]]
    parts = [0.12 * len(stock), 0.35 * (1.0 - craft(case))]
    if pattern("language", "craft", "plain_action", case.language).search(case.plain):
        parts.append(0.15)
    if case.language == "zh":
        parts.append(commonness(case))
    flat = min(1.0, sum(parts))
    return flat, [*faults, Fault("plain", flat)] if flat > 0.4 else faults


def craft(case: Case) -> float:
    """The share of wanted kinds of careful writing that the text shows, 0 to 1."""
    kinds = topic("language", case.language).get("craft", {}).get("kinds", ())
    if not kinds:
        return 0.7
    shown = sum(compiled(kind).search(case.plain) is not None for kind in kinds)
    return min(1.0, shown / (3 if case.max_chars <= SHORT else 5))


def commonness(case: Case) -> float:
    """Up to 0.6 for a text whose own words are few and common.

    Measured on the hand-labelled development texts: the mean cost of a character in words is 5.3
    in the flat ones and 5.9 or more in most of the model texts.
    """
    costs = dictionary()
    text = bare(case)
    words = [word for run in re.findall(r"[\u4e00-\u9fff]+", text) for word in segmented(run)]
    size = sum(map(len, words))
    content = [word for word in words if len(word) > 1]
    held = text.count(HOLE) / max(1, len(text))
    if not content:
        return 0.5
    mean = sum(costs.get(word, 12.0) for word in words) / size
    flat = 0.6 * max(0.0, 6.1 - mean)
    if size >= 100:
        flat += 1.5 * max(0.0, 0.85 - len(set(content)) / len(content)) + 2.0 * harped(content)
    return min(0.6, flat + max(0.0, held - 0.45))


def harped(words: list[str]) -> float:
    """The share of words that come a fourth time or later: one point made again and again.

    >>> harped(["foam"] * 5 + ["skin"] * 3)
    0.25
    """
    counts = Counter(words)
    return sum(max(0, count - 3) for count in counts.values()) / len(words)
