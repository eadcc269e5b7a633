"""One criterion alone, by the marks that the family rubric is made of.

Truth, brand voice and value fit read the same findings as the rubric, held under the anchors of
their own prompt. Call to action is known by a list of words and places. Naturalness and creativity
cannot be known by rules: what stands here are crude stand-ins (traces of haste, stock phrases,
common words; signs of careful writing), good for telling a broken or flat text from a cared-for
one, and for nothing finer. Korean and English have shorter lists than Chinese: there they see less.
"""

from collections.abc import Callable

from jobs.domain.text import normalized
from jobs.llm.offline.judge.action import action, meant
from jobs.llm.offline.judge.case import Case, flat
from jobs.llm.offline.judge.craft import craft, plainness
from jobs.llm.offline.judge.lexicon import Fault, Mark, compiled, topic
from jobs.llm.offline.judge.names import known_names
from jobs.llm.offline.judge.prose import language, prose, unreadable
from jobs.llm.offline.judge.truth import truth
from jobs.llm.offline.judge.usefulness import overlap, usefulness
from jobs.llm.offline.judge.verdict import PRAISE_CAP, addressed, worthless
from jobs.llm.offline.judge.voice import calmness, loud, voice

OMISSIONS = ("name_missing", "hero_missing")  # what is left out is not untrue
TRUTH_CAPS = (5.0, 2.0, 1.3, 1.0)  # by the number of errors: one is 2, two or more are 1
VOICE_CAPS = (5.0, 2.0, 1.5, 1.0)  # by the number of rules broken
DOUBT = 1.2  # what a claim costs that goes too far: two of them are below 3
SOUND = 2.6  # a text without a plain error has at least this for truth
UNREADABLE_CAP = 1.5
INVENTED_CAPS = {"creativity": 2.0, "value_fit": 2.2}  # 2 of 5; in GEval's way 2 and 3 of 10
TOLD = 0.4  # the share of a fact from which on it counts as mentioned


def scored(metric: str, case: Case, *, call_wanted: bool) -> tuple[float, Mark]:
    """(1.0 .. 5.0, the mark behind it) for one criterion; not for the rubric itself."""
    refused = worthless(case)
    if refused is not None and refused.evidence not in _harmless():
        return 1.0, Mark(1.0, (refused,))
    if metric == "call_to_action":
        found = action(case, wanted=call_wanted)
    else:
        found = CRITERIA[metric](case)
    spoken, broken = pleading(case), unreadable(case)
    caps = [5.0]
    if spoken:
        caps.append(PRAISE_CAP - 0.3 * (len(spoken) - 1))
    if broken:
        caps.append(UNREADABLE_CAP)
    faults = dict.fromkeys((*spoken, *broken, *found.faults))
    return round(max(1.0, min(found.score, *caps)), 1), Mark(found.score, tuple(faults))


def pleading(case: Case) -> list[Fault]:
    """What the rubric counts as speaking to the judge, and pleas in the other languages."""
    faults = [fault for fault in addressed(case) if fault.evidence not in _harmless()]
    pleas = topic("questions", "zh")["pleading"]["pleas"]
    text = normalized(case.text)  # with its blanks: a plea may be in another language
    hits = [compiled(source).search(text) for source in pleas]
    faults += [
        Fault("orders", 2.0, hit[0], grave=True)
        for hit in hits
        if hit and hit[0] not in case.plain_facts
    ]
    return faults[:2]


def _harmless() -> tuple[str, ...]:
    return tuple(topic("questions", "zh")["pleading"]["harmless"])


def unconnected(case: Case) -> list[Fault]:
    """A text that mentions nothing of the product at all."""
    if not case.facts:
        return []
    known, text, product = known_names(case), case.plain, case.product
    names = [known.product, flat(product.category, case.language), *known.ingredients]
    names += [name for also in known.also for name in also]
    if case.language != "zh":  # a line about a value may take up a word of the name alone
        names += [word for word in known.product.split() if len(word) > 1]
    if any(name and name in text for name in names):
        return []
    facts = (*product.effects, product.value, *(entry.role for entry in product.ingredients))
    shares = [overlap(flat(fact, case.language), text) for fact in facts if fact]
    return [] if max(shares, default=0.0) > TOLD else [Fault("unconnected", 3.0, grave=True)]


def truthful(case: Case) -> Mark:
    """Truth alone: what is said and not in the facts; what is left out costs nothing."""
    lost = unconnected(case)
    if lost:
        return Mark(1.0, tuple(lost))
    faults = [fault for fault in truth(case).faults if fault.code not in OMISSIONS]
    seen = " ".join(fault.evidence for fault in faults)
    promises = [
        fault for fault in meant(case, loud(case, calmness(case))) if fault.code == "absolute"
    ]
    faults += [fault for fault in promises if fault.evidence not in seen]
    graves = sum(fault.grave for fault in faults)
    doubts = len(faults) - graves
    left = max(SOUND, 5.0 - DOUBT * doubts)
    return Mark(min(left, TRUTH_CAPS[min(graves, len(TRUTH_CAPS) - 1)]), tuple(faults))


def voiced(case: Case) -> Mark:
    """The brand's voice alone: its rules, its words, and no text that any brand could carry."""
    found, (dull, plain) = voice(case), plainness(case)
    said = meant(case, found.faults)
    faults = [*said, *disguised(case, found.faults)]
    graves = sum(fault.grave for fault in faults)
    left = found.score + sum(fault.loss for fault in found.faults if fault not in said)
    score = min(min(left, 5.0) - 1.2 * dull, VOICE_CAPS[min(graves, len(VOICE_CAPS) - 1)])
    return Mark(max(1.0, score), (*faults, *plain))


def disguised(case: Case, found: tuple[Fault, ...]) -> list[Fault]:
    """Banned words with marks put between their characters."""
    marks = compiled(topic("questions", "zh")["marks_between"])
    text = marks.sub("", case.plain)
    known = {fault.evidence for fault in found}
    return [
        Fault("banned", 1.8, word, grave=True)
        for word in case.guide.banned
        if word not in known and len(word) > 1 and flat(word, case.language) in text
    ]


def creative(case: Case) -> Mark:
    """A crude stand-in: signs of careful writing, and how little of it is stock or common."""
    dull, plain = plainness(case)
    wrong = [fault for fault in truth(case).faults if fault.grave] if case.facts else []
    strange = unconnected(case)
    written, cards = language(case), listed_only(case)
    score = 1.6 + 1.7 * craft(case) + 1.7 * (1.0 - dull)
    if wrong or strange:
        score = min(score, INVENTED_CAPS["creativity"] - 0.2 * (len(wrong) > 1))
    if cards:
        score = min(score, 2.2)
    if written.score < 3.0:  # new but not understood is not creative
        score = min(score, 1.0 + 0.8 * (written.score - 1.0))
    return Mark(max(1.0, score), (*wrong, *strange, *cards, *plain))


def listed_only(case: Case) -> list[Fault]:
    """A card of facts in place of copy."""
    return [one for one in language(case).faults if one.code == "listed" and one.loss >= 1.0]


def fitting(case: Case) -> Mark:
    """The product's value: told, and told from something that is this product's own."""
    lost = unconnected(case)
    if lost:
        return Mark(1.0, tuple(lost))
    wrong = [fault for fault in truth(case).faults if fault.grave]
    told = usefulness(case).score
    if case.product.value:
        values = [
            flat(word, case.language) for word in compiled("[、,，/]").split(case.product.value)
        ]
        shares = [overlap(value.strip(), case.plain) for value in values if value.strip()]
        # A word written down is not the value carried: half of it is the way it is told.
        carried = 1.0 + 4.0 * (0.5 * max(shares, default=0.0) + 0.5 * craft(case))
        told = 0.6 * carried + 0.4 * told
    cards = listed_only(case)
    if cards:
        told = min(told, 3.0)  # mentioned, but only said
    faults = [*wrong, *cards, *([Fault("weak_tie", 1.0)] if told < 3.6 else [])]
    return Mark(min(told, INVENTED_CAPS["value_fit"]) if wrong else told, tuple(faults))


CRITERIA: dict[str, Callable[[Case], Mark]] = {
    "truth": truthful,
    "brand_voice": voiced,
    "naturalness": prose,
    "creativity": creative,
    "value_fit": fitting,
}
