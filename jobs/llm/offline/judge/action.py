"""Does it ask the reader to do one thing, and how? Known by words and their place."""

import re
from collections.abc import Iterable

from jobs.llm.offline.judge.case import Case
from jobs.llm.offline.judge.lexicon import Fault, Mark, asserted, compiled, pattern, topic
from jobs.llm.offline.judge.voice import calmness, fear_and_fog, loud

CLEAR, NONE_WANTED, NONE_NEEDED = 3.8, 2.0, 3.0
STOCK = 3.0
PRESSED = 2.0
RIVALS = 3  # stock calls in one ending that compete


def action(case: Case, *, wanted: bool) -> Mark:
    """The mark for the call to action; `wanted`: the content type must have one."""
    calls = called(case)
    pressing = pressed(case, calls)
    if not calls:
        score = NONE_WANTED if wanted else NONE_NEEDED
        return Mark(
            min(score, PRESSED) if pressing else score, (Fault("call_missing", 1.0), *pressing)
        )
    stock = [hit for call in calls for hit in _found("stock", case).findall(call)]
    kinds = topic("action", case.language).get("concrete", {}).get("kinds", ())
    shown = sum(any(compiled(kind).search(call) for call in calls) for kind in kinds)
    score = STOCK + 0.3 * shown if stock else CLEAR + 0.6 * shown
    faults = [Fault("call_stock", 0.6, stock[0])] if stock and shown < len(kinds) else []
    if len(set(stock)) >= RIVALS:
        faults.append(Fault("call_rivals", 1.0))
        score = min(score, 2.4)
    if pressing:
        score = min(score, PRESSED - 0.3 * (len(pressing) - 1))
    return Mark(max(1.0, min(5.0, score)), (*pressing, *faults))


def called(case: Case) -> list[str]:
    """The sentences that ask for an act: among the last two, and the first."""
    first, last = case.sentences[:1], case.sentences[1:][-2:]
    verb = topic("form", case.language).get("words", {}).get("cta_verb", "(?!)")
    source = topic("action", case.language).get("call", {}).get("pattern", "(?!)")
    asks = compiled(source.replace("{cta_verb}", verb))
    return [
        sentence
        for sentence in (*first, *last)
        if any(asks.search(clause.strip()) for clause in _clauses(sentence))
    ]


def pressed(case: Case, calls: list[str]) -> list[Fault]:
    """Deadlines, orders and fear; shouting where the call is made."""
    calm = calmness(case)
    where = calls or list(case.sentences[-2:])  # elsewhere "at once" is a story's, not an order
    words = asserted(_found("pressing", case), "\n".join(where))
    faults = [Fault("call_pressing", 1.6, word, grave=True) for word in words[:2]]
    faults = meant(case, [*faults, *(one for one in fear_and_fog(case) if one.code == "fear")])
    if calm and any("!" in call for call in calls):
        faults += [fault for fault in loud(case, calm) if fault.code.startswith("exclaims")][:1]
    return faults


def meant(case: Case, faults: Iterable[Fault]) -> list[Fault]:
    """The faults without words that their clause denies where `denied` does not look.

    In Korean the denial comes last (서두르지 않습니다); in English it may be "nothing happened".
    A banned word is banned however it is said.
    """
    denials = pattern("action", "words", "denied_around", case.language)
    kept = []
    for fault in faults:
        words = fault.evidence  # a denial inside them is their own: do not miss
        around = [clause.replace(words, "") for clause in case.clauses if words in clause]
        spared = fault.code != "banned" and words and around
        if not (spared and all(denials.search(rest) for rest in around)):
            kept.append(fault)
    return kept


def _clauses(sentence: str) -> list[str]:
    return [part for part in compiled(r"[,。!?;:\n]|\.(?=\s|$)").split(sentence) if part.strip()]


def _found(entry: str, case: Case) -> re.Pattern[str]:
    return pattern("action", "words", entry, case.language)
