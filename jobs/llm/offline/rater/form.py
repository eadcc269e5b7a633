"""Is it this kind of copy about this product: length, names, substance, a request, a person?"""

import re
from collections.abc import Iterator

from jobs.domain.lexicon import compact, folded
from jobs.domain.naming import ingredient_names
from jobs.domain.text import char_count
from jobs.llm.offline.rater.finding import WEAK, Finding, steps
from jobs.llm.offline.rater.reading import TOLD_CHARS, Asked
from jobs.llm.offline.rater.words import pattern

LEAST_LETTERS = 5  # of what can be rated at all
WANTED = {"paid_ad": 3, "social_media": 3, "ecommerce": 5, "line": 0}  # facts, besides the names
DEEP = 0.2  # share of a phrase's pairs of characters by which it is met
WITH_PERSON = ("social_media_review", "social_media_storytelling")
MOST_ENCOURAGED = 0.14  # share of the letters
MOST_REQUESTS = 3  # clauses of an advertisement


def empty(asked: Asked) -> Iterator[Finding]:
    """Nothing, or next to nothing."""
    if len(asked.letters) < LEAST_LETTERS:
        yield Finding("empty", WEAK, 10.0, most=0.0)


def echo(asked: Asked) -> Iterator[Finding]:
    """It repeats what it was told to do, or the block of facts."""
    lines = [line.strip(" -") for line in re.split("[\n。]", folded(asked.rules))]
    told = [line for line in lines if len(line) >= TOLD_CHARS and line in asked.line]
    keys = re.findall(r"\"(?:name|category|ingredients|role|effects|content_type)\"", asked.line)
    if told or keys:
        yield Finding("echo", WEAK, 8.0, (told or keys)[0][:24], most=1.5)


def length(asked: Asked) -> Iterator[Finding]:
    """Outside of the content type's bounds, by how much."""
    count = char_count(asked.text)
    if count < asked.low:
        loss = min(5.0, 0.3 + 8.0 * (asked.low - count) / asked.low)
        yield Finding("too_short", WEAK, loss, str(count))
    elif count > asked.high:
        loss = min(5.0, 0.3 + 6.0 * (count - asked.high) / asked.high)
        yield Finding("too_long", WEAK, loss, str(count))


def names(asked: Asked) -> Iterator[Finding]:
    """The product's name as it is; else another's, a shorter form, or none."""
    name = compact(str(asked.facts.get("name", "")))
    if name in asked.letters:
        return
    other = misnamed(asked)
    category = compact(str(asked.facts.get("category", "")))
    if other:
        yield Finding("misnamed", WEAK, 2.8, other)
    elif asked.ingredients and names_hero(asked) and category and category[-2:] in asked.letters:
        yield Finding("short_name", WEAK, 0.9)
    else:
        yield Finding("unnamed", WEAK, 3.2)


def misnamed(asked: Asked) -> str:
    """A name that begins and ends as the product's and is another."""
    name = folded(str(asked.facts.get("name", ""))).replace(" ", "")
    if len(name) < 2 * len("精华"):
        return ""
    head, tail = re.escape(name[:2]), re.escape(name[-2:])
    for found in re.finditer(f"{head}[^，。、!?\\s]{{0,10}}?{tail}", asked.line.replace(" ", "")):
        said = found[0]
        rest = iter(name)
        shorter = all(letter in rest for letter in said)
        if not shorter and not asked.has("names.joining", said):
            return said
    return ""


def names_hero(asked: Asked) -> bool:
    """The first ingredient is named by one of its names."""
    hero = asked.ingredients[0]["name"]
    return any(compact(form) in asked.letters for form in ingredient_names(hero, asked.language))


def hero(asked: Asked) -> Iterator[Finding]:
    """The main ingredient is not there."""
    if asked.ingredients and not names_hero(asked):
        yield Finding("no_hero", WEAK, 1.8, asked.ingredients[0]["name"])


def substance(asked: Asked) -> Iterator[Finding]:
    """How many of the product's facts it uses, and how many empty phrases."""
    wanted = min(WANTED[asked.family], len(phrases(asked)))
    met = sum(is_met(phrase, asked) for phrase in phrases(asked))
    fillers = pattern(asked.language, "content.filler").findall(asked.line)
    if wanted and not met:
        yield Finding("vague", WEAK, 3.5)
    elif met < wanted:
        yield Finding("thin", WEAK, 1.4 * (wanted - met) / wanted)
    if fillers:
        yield Finding("filler", WEAK, steps(len(fillers), 0.4, 0.5, 2.5), fillers[0])


def phrases(asked: Asked) -> list[str]:
    """What there is to say of the product besides its name and its hero's."""
    found = [one["name"] for one in asked.ingredients[1:]]
    for one in asked.ingredients:
        found += [one["role"]] if one.get("role") else []
        found += [one["concentration"]] if one.get("concentration") else []
    found += [*asked.facts.get("effects", ()), *asked.facts.get("suited_for", ())]
    found += [str(asked.facts[key]) for key in ("texture", "size", "price") if asked.facts.get(key)]
    return [folded(phrase) for phrase in found]


def is_met(phrase: str, asked: Asked) -> bool:
    """The text says it, in its own words."""
    if re.search(r"\d", phrase):
        return compact(phrase) in asked.letters
    dull = pattern(asked.language, "content.generic_pairs")
    if asked.language == "zh":
        parts = [phrase[place : place + 2] for place in range(len(phrase) - 1)]
    else:
        stem = 5 if asked.language == "en" else 2
        parts = [word[:stem] for word in phrase.split() if len(word) >= 2]
    telling = [part for part in parts if not dull.search(part)]
    return bool(telling) and sum(part in asked.line for part in telling) / len(telling) >= DEEP


def stuffed(asked: Asked) -> Iterator[Finding]:
    """The guide's words heaped up."""
    heaped = sum(asked.line.count(folded(word)) * len(word) for word in asked.encouraged)
    share = heaped / max(60, len(asked.letters))
    if share > MOST_ENCOURAGED:
        loss = min(4.0, 0.6 + 16.0 * (share - MOST_ENCOURAGED))
        yield Finding("stuffed", WEAK, loss, "、".join(asked.encouraged[:3]))


def action(asked: Asked) -> Iterator[Finding]:
    """An advertisement without a request, or with nothing else."""
    if asked.family != "paid_ad":
        return
    asks = [part for part in asked.clauses if asked.has("form.action", part)]
    if not asked.has("form.action", asked.line):
        yield Finding("no_action", WEAK, 2.0)
    elif len(asks) > MOST_REQUESTS:
        yield Finding("begging", WEAK, min(4.0, 0.8 * (len(asks) - MOST_REQUESTS)), asks[-1])


def person(asked: Asked) -> Iterator[Finding]:
    """A story or an experience of nobody."""
    if asked.content_type in WITH_PERSON and not asked.has("form.person", asked.line):
        yield Finding("no_person", WEAK, 1.7)


def told_value(asked: Asked) -> Iterator[Finding]:
    """A line that names the value which it should let one feel."""
    value = compact(str(asked.facts.get("value", "")))
    if asked.family == "line" and value and value in asked.letters:
        yield Finding("value_told", WEAK, 1.0)


RULES = (
    empty, echo, length, names, hero, substance, stuffed, action, person, told_value,
)  # fmt: skip
