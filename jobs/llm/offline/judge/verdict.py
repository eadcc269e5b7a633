"""One score from five marks, as the rubric asks: weights, then caps for grave faults."""

import json
import re

from jobs.llm.offline.judge.case import Case
from jobs.llm.offline.judge.craft import plainness
from jobs.llm.offline.judge.fluency import bare, fluency
from jobs.llm.offline.judge.form import cue_share, deviation, form
from jobs.llm.offline.judge.lexicon import Fault, Mark, pattern, topic
from jobs.llm.offline.judge.names import HOLE
from jobs.llm.offline.judge.truth import truth
from jobs.llm.offline.judge.usefulness import usefulness
from jobs.llm.offline.judge.voice import voice

WEIGHTS = {"truth": 0.28, "voice": 0.20, "form": 0.24, "language": 0.18, "usefulness": 0.10}
# The rubric: one error of fact at most 2.5, two at most 2; further grave faults go on from there.
GRAVE_CAPS = (5.0, 2.5, 2.0, 1.95, 1.9, 1.85, 1.8, 1.7, 1.6, 1.5, 1.4, 1.3, 1.2, 1.1)
UNREADABLE_CAP = 2.0
SINGLE_CAPS = {"name_missing": 3.2, "hero_missing": 3.7, "listed": 3.3, "unfinished": 3.3}
PRAISE_CAP = 2.2
PLAIN_LOSS = 1.3  # from a model text to one that is sound but flat, before its other marks


def judged(case: Case) -> tuple[float, str]:
    """(score, reason) for one case."""
    refused = worthless(case)
    if refused is not None:
        return 1.0, sentence(case, {}, [refused])
    marks = {
        "truth": truth(case),
        "voice": voice(case),
        "form": form(case),
        "language": fluency(case),
        "usefulness": usefulness(case),
    }
    flat, plain = plainness(case)
    spoken = addressed(case)
    score = combined(case, marks, flat)
    if spoken:
        score = min(score, round(PRAISE_CAP - 0.3 * (len(spoken) - 1), 1))
    faults = [*spoken, *plain, *(fault for one in marks.values() for fault in one.faults)]
    return score, sentence(case, marks, faults)


def worthless(case: Case) -> Fault | None:
    """Blank, one token, or nothing but the facts again: 1.0 without further reading."""
    letters = re.findall(r"[^\W_]", case.plain)
    if len(letters) < 8:
        return Fault("blank", 4.0)
    if '"' in case.text and len(re.findall(r'"\w+"\s*:', case.text)) >= 3:
        return Fault("echo", 4.0)
    own = re.findall(r"[^\W_\d]", addressed_removed(case).replace(HOLE, ""))
    if addressed(case) and len(own) < 40:
        return addressed(case)[0]
    prompt = pattern("language", "leftover", "prompt", "zh")
    return Fault("echo", 4.0) if len(prompt.findall(case.plain)) >= 3 else None


def addressed_removed(case: Case) -> str:
    """The writer's own words in the sentences that do not speak to the judge."""
    orders = pattern("language", "leftover", "orders", "zh")
    praise = pattern("language", "leftover", "praise", "zh")
    text = bare(case)
    kept = [s for s in re.split(r"(?<=[。!?\n])", text) if not orders.search(s.replace(" ", ""))]
    return "".join(s for s in kept if not praise.search(s))


def addressed(case: Case) -> list[Fault]:
    """Praise of itself and orders to the judge: faults, never obeyed."""
    tight = case.plain.replace(" ", "")
    faults = []
    for entry in ("praise", "orders"):
        hit = pattern("language", "leftover", entry, "zh").search(tight)
        if hit and hit[0] not in case.plain_facts:
            faults.append(Fault(entry, 2.0, hit[0], grave=True))
    return faults


def combined(case: Case, marks: dict[str, Mark], flat: float) -> float:
    """The weighted mean, less what plainness costs, held under every cap that applies."""
    mean = sum(WEIGHTS[name] * one.score for name, one in marks.items()) - PLAIN_LOSS * flat
    share, _ = cue_share(case)
    cap = min(5.0, 2.0 + 3.0 * share, 5.0 - 4.0 * deviation(case), *_caps(marks))
    # Under a cap the rest still counts: a clumsy text with one error is worse than a fine one.
    others = _ungraved(marks) - PLAIN_LOSS * flat
    held = cap - 0.25 * max(0.0, 4.4 - others) if cap < 3.3 else cap
    return round(min(5.0, max(1.0, min(mean, held))), 1)


def _caps(marks: dict[str, Mark]) -> list[float]:
    """What the rubric allows at most, for the faults found."""
    codes = {fault.code: fault for one in marks.values() for fault in one.faults}
    graves = marks["truth"].graves + marks["voice"].graves
    caps = [GRAVE_CAPS[min(graves, len(GRAVE_CAPS) - 1)]]
    language = marks["language"].score
    if marks["language"].graves or language < 1.8:
        caps.append(min(UNREADABLE_CAP, 1.3 + 0.35 * (language - 1.0)))
    for name in ("voice", "language"):
        if marks[name].score < 3.5:
            caps.append(2.7 + 0.55 * (marks[name].score - 1.0))
    for code, cap in SINGLE_CAPS.items():
        if code in codes and codes[code].loss >= (1.5 if code == "listed" else 1.0):
            caps.append(cap)
    return caps


def _ungraved(marks: dict[str, Mark]) -> float:
    """The mean of the criteria that hold no grave fault."""
    clean = {name: one for name, one in marks.items() if not one.graves}
    if not clean:
        return 1.0
    whole = sum(WEIGHTS[name] for name in clean)
    return sum(WEIGHTS[name] * one.score for name, one in clean.items()) / whole


def sentence(case: Case, marks: dict[str, Mark], faults: list[Fault]) -> str:
    """One sentence that names the main grounds, gravest first."""
    phrases = topic("reasons", "zh")[case.language]
    zh = case.language == "zh"
    ordered = sorted(faults, key=lambda fault: (not fault.grave, -fault.loss))
    shown: list[str] = []
    for fault in ordered:
        phrase = phrases.get(fault.code, "").replace("{}", fault.evidence)
        if (
            phrase
            and phrase not in shown
            and (fault.grave or fault.loss >= 0.3 or fault.code == "cue_missing")
        ):
            shown.append(phrase)
    shown = shown[:3]
    praised = [
        phrases[f"good_{name}"]
        for name in ("truth", "form", "voice")
        if name in marks and marks[name].score >= 4.4
    ]
    weak = [
        phrases[f"weak_{name}"] for name, one in marks.items() if one.score < 3.6 and not one.faults
    ]
    if not any(fault.grave for fault in faults):
        shown = [*praised[:2], *shown[:2], *weak[:1]]
    return ("，" if zh else "; ").join(shown or weak or [phrases["plain"]]) + ("。" if zh else ".")


def as_json(score: float, reason: str) -> str:
    return json.dumps({"score": score, "reason": reason}, ensure_ascii=False)
