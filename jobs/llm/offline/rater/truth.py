"""Does the text say of the product what the facts say? Its numbers, ingredients and promises.

What is left out is not false. Numbers of studies, of other people and of use are left alone, and
so is what a sentence denies.
"""

import re
from collections.abc import Iterator

from jobs.domain.figures import (
    PRICE,
    SIZE,
    Mention,
    clause_around,
    concentration,
    measure,
    mentioned,
    plain_numbers,
    single_percents,
    value,
)
from jobs.domain.lexicon import clauses, folded
from jobs.domain.naming import ingredient_names
from jobs.llm.offline.rater.finding import FALSE, Finding, steps
from jobs.llm.offline.rater.reading import Asked
from jobs.llm.offline.rater.words import entry, pattern

BESIDE = 4  # characters from a percentage to the ingredient that follows it
AFTER = 16  # and to the one before it, where a word such as "concentration" stands between
DOLLARS = re.compile(r"\$ ?(\d+(?:\.\d+)?)")


def figures(asked: Asked) -> Iterator[Finding]:
    """A percentage that is not that ingredient's, or nobody's and called a concentration."""
    stated = [concentration(dict(one)) for one in asked.ingredients]
    wrong: list[str] = []
    for sentence in map(plain_numbers, asked.sentences):
        if asked.has("figures.general", sentence):
            continue
        mentions = mentioned(sentence, dict(asked.facts), asked.language)
        for match in single_percents(sentence):
            clause = clause_around(sentence, match)
            if asked.has("figures.others", clause):
                continue
            owner = owner_of(match, mentions, asked)
            if owner is None:
                false = float(match[1]) not in stated and asked.has("figures.stated", clause)
            else:
                false = stated[owner] != float(match[1])
            if false:
                wrong.append(clause.strip()[:24])
    if wrong:
        yield Finding("figure", FALSE, steps(len(wrong), 3.5, 1.5, 6.5), wrong[0])


def owner_of(match: re.Match[str], mentions: list[Mention], asked: Asked) -> int | None:
    """The ingredient that a percentage is said of; the one right after it before all others."""
    text = match.string
    before = [one for one in mentions if one.end <= match.start()]
    after = [one for one in mentions if 0 <= one.start - match.end() <= BESIDE]
    touching = before and not text[before[-1].end : match.start()].strip()
    if touching and not text[: before[-1].start].rstrip().endswith("%"):
        return before[-1].place
    if after and not re.search(r"[，。;、,.]", text[match.end() : after[0].start]):
        return after[0].place
    if before:
        gap = text[before[-1].end : match.start()]
        near = len(gap) <= AFTER and not re.search(r"[%。;.]", gap)
        if near and (len(gap) <= BESIDE or asked.has("figures.stated", gap)):
            return before[-1].place
    return None


def size(asked: Asked) -> Iterator[Finding]:
    """An amount that is not what the product holds."""
    told = SIZE.search(plain_numbers(folded(str(asked.facts.get("size", "")))))
    if told is None:
        return
    for sentence in map(plain_numbers, asked.sentences):
        for match in SIZE.finditer(sentence):
            amount, unit = measure(match)
            used = asked.has("figures.size_use", clause_around(sentence, match))
            if unit == measure(told)[1] and amount != measure(told)[0] and not used:
                yield Finding("size", FALSE, 3.0, match[0])
                return


def price(asked: Asked) -> Iterator[Finding]:
    """A price that is not the product's, or where the facts have none."""
    told = prices(plain_numbers(folded(str(asked.facts.get("price", "")))))
    for sentence in map(plain_numbers, asked.sentences):
        for part in clauses(sentence):
            for amount in prices(part):
                if amount not in told and not asked.has("figures.price_use", part):
                    yield Finding("price", FALSE, 3.0 if told else 2.0, part[:24])
                    return


def prices(line: str) -> list[float]:
    """Amounts of money in a line."""
    found = [
        value(match[1] or match[2])
        for match in PRICE.finditer(line)
        if not match[0].endswith("块")  # a piece
    ]
    return found or [float(match[1]) for match in DOLLARS.finditer(line)]


def added(asked: Asked) -> Iterator[Finding]:
    """An ingredient that the text puts into the product and the facts do not have."""
    foreign = [
        name for name in entry(asked.language, "names.ingredients") or () if new(name, asked)
    ]
    mine = [
        form for one in asked.ingredients for form in ingredient_names(one["name"], asked.language)
    ]
    for part in asked.clauses if foreign else ():
        for name in foreign:
            place = part.find(name)
            if place >= 0 and is_put_in(part, place, name, mine, asked):
                yield Finding("ingredient", FALSE, 3.2, name)
                return


def new(name: str, asked: Asked) -> bool:
    """The text has the word and the facts nothing like it."""
    if name not in asked.line:
        return False
    forms = ingredient_names(name, asked.language)
    return not any(form in asked.known for form in forms)


def is_put_in(part: str, place: int, name: str, mine: list[str], asked: Asked) -> bool:
    """The clause says that the product holds what stands there."""
    head, tail = part[:place], part[place + len(name) :]
    if asked.has("names.not_contained", part):
        return False
    if asked.has("names.contained", head) or asked.has("names.contained_after", tail):
        return True
    if re.search(r"\d% ?的? ?$", head):  # "10%视黄醇"
        return True
    beside = pattern(asked.language, "names.beside")
    before = (head[head.rfind(form) + len(form) :] for form in mine if form in head)
    behind = (tail[: tail.find(form)] for form in mine if form in tail)
    return any(beside.search(gap) for gap in (*before, *behind))


def effects(asked: Asked) -> Iterator[Finding]:
    """A strong effect is promised that nothing in the facts bears out."""
    for claimed, borne in (entry(asked.language, "effects.claims") or {}).values():
        if not re.search(claimed, asked.line) or re.search(borne, asked.known):
            continue
        for part in asked.clauses:
            found = re.search(claimed, part)
            quoted = re.search("[“”「」]", part)
            if found and not quoted and not asked.has("effects.denied", part):
                yield Finding("effect", FALSE, 2.7, found[0])
                return


def suited(asked: Asked) -> Iterator[Finding]:
    """It is said to be for skin that the facts do not name."""
    known = folded(" ".join(asked.facts.get("suited_for", ())))
    if not known:
        return
    for kind, borne in (entry(asked.language, "effects.suited.kinds") or {}).values():
        if not re.search(kind, asked.line) or re.search(borne, known):
            continue
        for part in asked.clauses:
            found = re.search(kind, part)
            claimed = found and asked.has("effects.suited.claim", part)
            if claimed and not asked.has("effects.denied", part):
                yield Finding("suited", FALSE, 2.7, part[:24])
                return


def texture(asked: Asked) -> Iterator[Finding]:
    """It is said to feel the opposite of what the facts say."""
    known = folded(str(asked.facts.get("texture", "")))
    cue = "effects.texture.cue"
    for name in ("light", "rich") if known else ():
        own, opposite = entry(asked.language, f"effects.texture.{name}") or ("(?!)", "(?!)")
        if not re.search(own, known) or re.search(opposite, known):
            continue
        for part in asked.clauses:
            found = re.search(opposite, part)
            if found and asked.has(cue, part) and not asked.has("effects.texture.denied", part):
                yield Finding("texture", FALSE, 2.0, found[0])
                return


RULES = (figures, size, price, added, effects, suited, texture)
