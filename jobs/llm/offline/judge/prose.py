"""Does it read as if a native writer had written it? A crude stand-in, made of lists.

It knows breaks, repetition, leftovers, stock frames, translated turns and one rhythm throughout. It
knows nothing of grammar beyond that.
"""

import re
from dataclasses import replace
from functools import cache

from jobs.llm.offline.judge.case import Case
from jobs.llm.offline.judge.craft import plainness
from jobs.llm.offline.judge.fluency import fluency
from jobs.llm.offline.judge.lexicon import Fault, Mark, compiled, mark, pattern, topic

EVEN = 0.16  # spread of the sentences' lengths below which they all sound alike
UNREADABLE = ("foreign_language", "implausible")
BROKEN_SHARE = 0.03  # of the words; sound texts of the tests have none


def prose(case: Case) -> Mark:
    """The mark for naturalness: the language's faults, and the habits that make a text stiff."""
    written = language(case)
    # A product page has headings: where the type is not told, a few labels make no card of facts.
    told = case.content_type != ""
    faults = [one for one in written.faults if told or one.code != "listed" or one.loss >= 1.0]
    faults += [*broken_grammar(case), *turns(case), *even(case)]
    dull, plain = plainness(case)
    found = mark(5.0 - dull, faults)
    score = min(found.score, 2.0) if found.graves else found.score
    return Mark(score, (*faults, *plain))


def language(case: Case) -> Mark:
    """The rubric's mark for language; where no facts tell the names, they are set aside first.

    A name made of rare characters would pass for a broken run.
    """
    if case.facts or case.language != "zh":
        return fluency(case)
    plain = _named_product(case.language).sub("产品", case.text)
    return fluency(replace(case, text=_named_ingredient(case.language).sub("成分", plain)))


@cache
def _named_product(language: str) -> re.Pattern[str]:
    groups = topic("claims", language)["forms"]["groups"]
    forms = sorted({form for group in groups for form in group if len(form) > 1}, key=len)
    return re.compile(rf"[\u4e00-\u9fff]{{2,6}}(?:{'|'.join(reversed(forms))})")


@cache
def _named_ingredient(language: str) -> re.Pattern[str]:
    table = topic("ingredients", language)
    names = {*table["names"], *(name for group in table["aliases"] for name in group)}
    return re.compile("|".join(map(re.escape, sorted(names, key=lambda n: (-len(n), n)))))


def turns(case: Case) -> list[Fault]:
    """Translated turns of phrase and stock frames; the first of either may be chance."""
    faults = []
    for entry, loss in (("translated", 0.35), ("frames", 0.3)):
        found = pattern("prose", "turns", entry, case.language).finditer(case.plain)
        hits = [hit[0].strip() for hit in found]
        faults += [Fault(entry, loss, hit[:14]) for hit in hits[1:5]]
    return faults


def even(case: Case) -> list[Fault]:
    """Sentences of one length, or that begin alike, one after another."""
    sizes = [len(sentence) for sentence in case.sentences]
    if len(sizes) < 4:
        return []
    mean = sum(sizes) / len(sizes)
    spread = (sum((size - mean) ** 2 for size in sizes) / len(sizes)) ** 0.5 / mean
    width = 5 if case.language == "en" else 2
    openings = [sentence[:width] for sentence in case.sentences]
    alike = max(openings.count(opening) for opening in openings) / len(openings)
    return [Fault("even", 0.5)] if spread < EVEN or alike > 0.6 else []


def broken_grammar(case: Case) -> list[Fault]:
    """Words in an order that no sentence has; Chinese is read by `odd_runs` instead."""
    hits = [
        hit[0] for hit in pattern("prose", "broken", "order", case.language).finditer(case.plain)
    ]
    share = len(hits) / max(1, len(compiled(r"\w+").findall(case.plain)))
    if len(hits) < 2 or share < BROKEN_SHARE:
        return []
    loss = min(3.5, 0.6 * len(hits))
    return [Fault("implausible", loss, hits[0].strip()[:20], grave=loss > 1.5)]


def unreadable(case: Case) -> list[Fault]:
    """What makes a text unreadable, whatever is asked about it."""
    faults = [*language(case).faults, *broken_grammar(case)]
    return [fault for fault in faults if fault.grave and fault.code in UNREADABLE]
