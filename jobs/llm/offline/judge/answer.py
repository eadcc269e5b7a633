"""The reply to a question beside the family rubric: one score, or the better of two."""

import json

from jobs.llm.offline.judge.alone import pleading, scored
from jobs.llm.offline.judge.case import Case
from jobs.llm.offline.judge.lexicon import Fault, Mark, topic
from jobs.llm.offline.judge.question import Question
from jobs.llm.offline.judge.verdict import PRAISE_CAP, as_json, judged

MARGIN = 0.2  # on the rubric's scale: texts nearer to each other than this are a tie
GOOD, FAIR = 4.4, 3.0  # from which on a mark is praised, and called sound
WHOLE = ("call_missing", "unconnected")  # faults that say all there is to say
SHOWN = 2  # faults named in a sentence


def answered(question: Question) -> str:
    """The judge's JSON."""
    if question.metric == "pair":
        better, reason = compared(*question.cases)
        return json.dumps({"better": better, "reason": reason}, ensure_ascii=False)
    (case,) = question.cases
    if question.metric == "rubric_short":
        score, reason = judged(case)
    else:
        score, mark = scored(question.metric, case, call_wanted=question.call_wanted)
        capped = score < round(mark.score, 1)  # for a fault that has nothing to do with the metric
        reason = sentence("" if capped else question.metric, case.language, mark)
    return as_json(on_scale(score, question), reason)


def on_scale(score: float, question: Question) -> float | int:
    """A score of 1.0 to 5.0 on the scale that the prompt asks for."""
    low, high = question.scale
    value = low + (score - 1.0) / 4.0 * (high - low)
    return round(value) if question.whole else round(value, 1)


def compared(first: Case, second: Case) -> tuple[str, str]:
    """(A, B or tie; the reason). Each text is judged by itself, so their order cannot matter."""
    (one, one_reason), (other, other_reason) = _by_itself(first), _by_itself(second)
    phrases = topic("questions", "zh")["phrases"][first.language]
    gap = round(one - other, 1)
    better = "tie" if abs(gap) < MARGIN else "A" if gap > 0 else "B"
    told = {"a": one_reason.rstrip("。."), "b": other_reason.rstrip("。."), "better": better}
    return better, phrases["tie" if better == "tie" else "better"].format(**told)


def _by_itself(case: Case) -> tuple[float, str]:
    """The family rubric's verdict; one who pleads to be chosen is held under the cap for praise."""
    score, reason = judged(case)
    pleas = tuple(pleading(case))
    if not pleas or score <= PRAISE_CAP:
        return score, reason
    return PRAISE_CAP, sentence("", case.language, Mark(PRAISE_CAP, pleas))


def sentence(metric: str, language: str, mark: Mark) -> str:
    """One sentence: how the metric is met (where it is named), then the main grounds."""
    phrases = {**topic("reasons", "zh")[language], **topic("questions", "zh")["phrases"][language]}
    shown: list[str] = []
    for fault in sorted(mark.faults, key=_weight):
        phrase = phrases.get(fault.code, "").replace("{}", fault.evidence)
        if phrase and phrase not in shown and (fault.grave or fault.loss >= 0.3):
            shown.append(phrase)
    alone = not metric or mark.score <= 1.0 or any(one.code in WHOLE for one in mark.faults)
    level = "good" if mark.score >= GOOD else "fair" if mark.score >= FAIR else "weak"
    opening = [] if alone and shown else [phrases.get(f"{level}_{metric}", phrases["plain"])]
    parts = [*opening, *shown[:SHOWN]]
    return ("，" if language == "zh" else "; ").join(parts) + ("。" if language == "zh" else ".")


def _weight(fault: Fault) -> tuple[bool, float]:
    return not fault.grave, -fault.loss
