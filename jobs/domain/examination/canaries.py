"""The cases of one brief: canaries, worse versions of its golden text, and longer ones."""

import json
from collections.abc import Iterator
from typing import Any

from jobs.domain.examination.cases import STEP, Bound, Case, Subject
from jobs.domain.examination.words import Words, words_of
from jobs.domain.examination.worse import (
    PERCENT,
    joined,
    other_percent,
    sentences,
    worse_versions,
)
from jobs.domain.prompts import content_type, render_brief
from jobs.domain.rows import Brief
from jobs.domain.text import char_count

UNUSABLE = Bound(high=2.0)  # the rubrics' "a serious problem"; "unusable" is 1
PASSABLE = Bound(low=3.0)  # the rubrics' "passable but plain"
FALSE = Bound(high=2.5)  # the rubrics' cap on a text with one clear error of fact
PADDED = (0.25, 0.6)  # of a golden text's length are added
LABEL_WITHIN = 1.0  # points between a person's score and the judge's


def cases_of(subject: Subject) -> list[Case]:
    """All cases of one brief; those that need a golden text are left out where there is none."""
    words = words_of(subject.brief.language)
    cases = [*no_copy(subject, words), *terse(subject, words), *addressed(subject, words)]
    if subject.golden:
        cases += [*golden(subject), *worse(subject, words), *padded(subject, words)]
        cases += [*false_facts(subject, words), *off_brand(subject, words)]
    return cases


def golden(subject: Subject) -> Iterator[Case]:
    """The reference itself, and once more with another seed."""
    first = Case("golden", "", subject.brief, subject.golden, (PASSABLE,))
    yield first
    near = Bound(-STEP, STEP, against=first.case_id)
    yield Case("retest", "golden", subject.brief, subject.golden, (near,), seed=1)


def no_copy(subject: Subject, words: Words) -> Iterator[Case]:
    """What is no copy at all."""
    echo = render_brief(subject.brief, subject.guide)[-1]["content"]
    texts = {
        "empty": "",
        "one_token": words.one_token,
        "refusal": words.refusal,
        "prompt_echo": echo,
    }
    for check, text in texts.items():
        yield Case(check, "", subject.brief, text, (UNUSABLE,))
    near = Bound(-STEP, STEP, against=f"refusal/{subject.brief.brief_id}")
    yield Case("retest", "refusal", subject.brief, words.refusal, (near,), seed=1)


def terse(subject: Subject, words: Words) -> Iterator[Case]:
    """Right but terse: better than nothing, and no better than the golden text.

    The golden text's own sentences follow the facts' heart up to half the type's shortest length:
    one sentence where some hundred characters are asked for is no terse copy of that type.
    """
    brief_id, text = subject.brief.brief_id, terse_text(facts_of(subject), words)
    bounds = [Bound(low=STEP, against=f"empty/{brief_id}")]
    if subject.golden:
        bounds.append(Bound(high=0.0, against=f"golden/{brief_id}"))
        shortest = content_type(subject.brief.content_type, subject.brief.language).min_chars
        for sentence in sentences(subject.golden):
            if char_count(text) >= shortest / 2:
                break
            text = joined(text, sentence.strip())
    yield Case("terse", "", subject.brief, text, tuple(bounds))


def terse_text(facts: dict[str, Any], words: Words) -> str:
    """The facts' heart in one sentence."""
    hero = hero_of(facts)
    if hero:
        return words.terse.format(name=facts["name"], hero=hero["name"], role=hero["role"])
    effect = "".join(facts.get("effects", [])[:1])
    value = facts.get("value") or effect or facts.get("category", "")
    return words.terse_value.format(name=facts["name"], value=value)


def addressed(subject: Subject, words: Words) -> Iterator[Case]:
    """Another product's text; then with an instruction to the judge, and with praise of itself.

    The text is bad as it is: what such words bring it, they bring it alone.
    """
    if subject.other is None:
        return
    text = subject.other_golden or terse_text(json.loads(subject.other.facts), words)
    plain = Case("other_product", "", subject.brief, text, (FALSE,))
    yield plain
    # Two wordings a brief: all of them come up, and half the calls are saved.
    not_raised = (Bound(high=STEP / 2, against=plain.case_id),)
    for place in (0, 2):
        number = (subject.turn + place) % len(words.injections)
        wording = joined(text, words.injections[number])
        yield Case("injection", f"wording{number}", subject.brief, wording, not_raised)
    yield Case("praise", "", subject.brief, joined(text, words.praise), not_raised)


def worse(subject: Subject, words: Words) -> Iterator[Case]:
    """Worse versions of the golden text: below it, by however little."""
    below = (Bound(high=-0.01, against=f"golden/{subject.brief.brief_id}"),)
    name = str(facts_of(subject).get("name", ""))
    versions = worse_versions(subject.golden, name, subject.guide, words, subject.turn)
    for kind, text in versions.items():
        yield Case("worse", kind, subject.brief, text, below)


def padded(subject: Subject, words: Words) -> Iterator[Case]:
    """The golden text with empty but harmless sentences: not above it."""
    not_above = (Bound(high=0.0, against=f"golden/{subject.brief.brief_id}"),)
    for share in PADDED:
        text = with_padding(subject.golden, share, words, subject.turn)
        yield Case("padding", f"{share:.0%}", subject.brief, text, not_above)


def with_padding(text: str, share: float, words: Words, turn: int) -> str:
    """The text longer by about this share; no sentence is added twice."""
    wanted, longer = char_count(text) * (1 + share), text
    for place in range(len(words.padding)):
        if char_count(longer) >= wanted:
            break
        longer = joined(longer, words.padding[(turn + place) % len(words.padding)])
    return longer


def false_facts(subject: Subject, words: Words) -> Iterator[Case]:
    """One false fact, otherwise the golden text: clearly below it."""
    below = (Bound(high=-STEP, against=f"golden/{subject.brief.brief_id}"),)
    texts = {
        "concentration": wrong_concentration(subject, words),
        "ingredient": swapped_ingredient(subject),
        "certificate": joined(subject.golden, words.certificate),
    }
    for kind, text in texts.items():
        if text:
            yield Case("false_fact", kind, subject.brief, text, below)


def wrong_concentration(subject: Subject, words: Words) -> str:
    """The hero's concentration is another; empty where the facts state none."""
    entry = hero_of(facts_of(subject))
    stated = PERCENT.search(entry.get("concentration", ""))
    if stated is None:
        return ""
    hero, text = entry["name"], subject.golden
    wrong = f"{other_percent(stated[1])}%"
    if stated[0] in text:
        return text.replace(stated[0], wrong)
    if hero in text:
        return text.replace(hero, words.concentration_in_name.format(percent=wrong, hero=hero), 1)
    return joined(text, words.concentration_said.format(percent=wrong, hero=hero))


def swapped_ingredient(subject: Subject) -> str:
    """The hero's name is that of another product's hero; empty where that cannot be."""
    mine = hero_of(facts_of(subject))
    others = hero_of(json.loads(subject.other.facts)) if subject.other else {}
    if not mine or not others or others["name"] in subject.brief.facts:
        return ""
    # The product's own name may hold its hero's: it stays, or the text would be of another product.
    name = str(facts_of(subject)["name"])
    parts = subject.golden.split(name)
    swapped = name.join(part.replace(mine["name"], others["name"]) for part in parts)
    return swapped if swapped != subject.golden else ""


def hero_of(facts: dict[str, Any]) -> dict[str, str]:
    """The first ingredient; empty where the facts name none."""
    entries: list[dict[str, str]] = facts.get("ingredients") or []
    return entries[0] if entries else {}


def off_brand(subject: Subject, words: Words) -> Iterator[Case]:
    """The golden text made longer, loud and frightening, with words that the guide forbids."""
    if not subject.guide.banned:
        return
    banned = subject.guide.banned[subject.turn % len(subject.guide.banned)]
    opening = words.off_brand_opening.format(banned=banned, name=facts_of(subject)["name"])
    body = "".join(
        part.rstrip().rstrip("。.") + words.exclamation + (" " if part.endswith(" ") else "")
        for part in sentences(subject.golden)
    )
    below = (Bound(high=-STEP, against=f"golden/{subject.brief.brief_id}"),)
    text = joined(joined(opening, body), words.off_brand_closing)
    yield Case("off_brand", "", subject.brief, text, below)


def labelled_case(brief: Brief, text: str, label: float) -> Case:
    """A text to which a person gave a score."""
    within = Bound(label - LABEL_WITHIN, label + LABEL_WITHIN)
    return Case("labelled", "", brief, text, (within,), label=label)


def facts_of(subject: Subject) -> dict[str, Any]:
    """The product's facts."""
    facts: dict[str, Any] = json.loads(subject.brief.facts)
    return facts
