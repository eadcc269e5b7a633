"""Names in the copy held against the facts' names: right, mutated or foreign."""

import re
from dataclasses import dataclass
from functools import cache

from jobs.llm.offline.judge.case import Case, flat
from jobs.llm.offline.judge.lexicon import (
    NOTHING,
    Fault,
    clause_at,
    compiled,
    sentence_at,
    topic,
)
from jobs.llm.offline.judge.words import dictionary, segmented

HOLE = "\x00"  # stands for a character whose meaning is settled
FILLERS = frozenset("的与和之、 ")


@dataclass(frozen=True)
class Known:
    """The facts' own names, in the form of `Case.plain`."""

    brand: str
    product: str
    ingredients: tuple[str, ...]
    also: tuple[tuple[str, ...], ...]  # other names of each ingredient


def known_names(case: Case) -> Known:
    language = case.language
    ingredients = tuple(flat(entry.name, language) for entry in case.product.ingredients)
    return Known(
        brand=flat(case.guide.name, language),
        product=flat(case.product.name, language),
        ingredients=ingredients,
        also=tuple(
            tuple(
                also
                for also in other_names(name, language)
                if not any(also in other for other in ingredients if other != name)
            )
            for name in ingredients
        ),
    )


@cache
def other_names(name: str, language: str) -> tuple[str, ...]:
    """What else an ingredient is called; the longest first."""
    names: set[str] = set()
    for group in topic("ingredients", language).get("aliases", ()):
        if name in group:
            names.update(group)
    bare = re.sub(r"[a-z0-9\-]+$", "", name) if language == "zh" else name
    if len(bare) >= 2 and bare not in topic("ingredients", language).get("stems", ()):
        names.add(bare)
    return tuple(sorted(names - {name}, key=len, reverse=True))


def masked(text: str, names: list[str]) -> str:
    """`text` with every name in it replaced by as many holes."""
    for name in sorted(filter(None, names), key=len, reverse=True):
        text = text.replace(name, HOLE * len(name))
    return text


def distance(one: str, other: str) -> int:
    """Levenshtein's edit distance.

    >>> distance("烟酰胺", "烟酸胺")
    1
    """
    row = list(range(len(other) + 1))
    for i, left in enumerate(one, 1):
        before, row[0] = row[0], i
        for j, right in enumerate(other, 1):
            here = min(row[j] + 1, row[j - 1] + 1, before + (left != right))
            before, row[j] = row[j], here
    return row[-1]


def _shortened(span: str, name: str) -> bool:
    """Whether `span` is the name with characters left out or a filler put in."""
    rest = iter(name)
    return all(char in FILLERS or char in rest for char in span)


def _sound(span: str) -> bool:
    """Whether a span is made of ordinary words, so that its likeness to a name is chance."""
    costs = dictionary()
    return all(len(word) > 1 and word in costs for word in segmented(span))


def near_misses(name: str, text: str, *, allowed: int) -> list[str]:
    """Spans of `text` that are almost `name`: up to `allowed` edits away, not a short form of it.

    Exact occurrences must be masked before. Only spans around a piece of the name are looked at,
    which keeps this linear.
    """
    size = len(name)
    spans: dict[int, tuple[int, str]] = {}
    width = 2 if size > 4 else 1  # one edit in a short name can break every pair
    for offset in range(size - width + 1):
        part = name[offset : offset + width]
        at = text.find(part)
        while at >= 0:
            for start in {max(0, at - offset - 1), max(0, at - offset), at - offset + 1}:
                for length in (size, size + 1, size - 1):
                    span = text[start : start + length]
                    if len(span) < 2 or HOLE in span or not 0 <= start <= at:
                        continue
                    found = distance(span, name), span
                    spans[at] = min(spans.get(at, (99, "")), found)
            at = text.find(part, at + 1)
    return [
        span
        for edits, span in spans.values()
        if 0 < edits <= allowed and not _shortened(span, name) and not _sound(span)
    ]


def mutations(case: Case, known: Known) -> list[Fault]:
    """Product, brand and ingredient names that are almost right."""
    ours = [*known.ingredients, *(name for also in known.also for name in also)]
    spans = _mutated_product(case, known, ours)
    found = [("name_mutated", span) for span in spans[:1]]
    hidden = masked(case.plain, [known.product, known.brand, *ours, *_lexicon(case.language)])
    if len(known.brand) >= 3:
        spans = near_misses(known.brand, hidden, allowed=1)
        found += [("brand_foreign", span) for span in spans[:1]]
    for name in known.ingredients:
        if len(name) >= 3:
            spans = near_misses(name, hidden, allowed=1 + (len(name) > 5))
            found += [("ingredient_mutated", span) for span in spans[:1]]
    return [Fault(code, 2.0, span, grave=True) for code, span in found]


def _mutated_product(case: Case, known: Known, ours: list[str]) -> list[str]:
    """Spans that are almost the product's name, and not for the ingredient in it alone.

    A span must keep half of what the name holds beside its ingredients; else 透明质酸钠是水 would
    pass for a mutated 透明质酸保湿水.
    """
    if len(known.product) < 3:
        return []
    own = [char for char in masked(known.product, ours) if char not in (HOLE, " ")]
    needed = max(1.0, len(own) / 2)
    text = masked(case.plain, [known.product])
    spans = near_misses(known.product, text, allowed=max(1, len(known.product) // 3))
    return [span for span in spans if sum(char in masked(span, ours) for char in own) >= needed]


def other_product(case: Case, known: Known) -> list[Fault]:
    """Where the product is not named: a name of the same make, an ingredient and a form."""
    groups = topic("claims", case.language).get("forms", {}).get("groups", ())
    if known.product in case.plain or not groups:
        return []
    forms = {form for group in groups for form in group if len(form) > 1}
    names = (*_lexicon(case.language), *known.ingredients)
    made = compiled(
        f"(?:{'|'.join(map(re.escape, names))})[\u4e00-\u9fff]{{0,4}}"
        f"(?:{'|'.join(sorted(forms, key=len, reverse=True))})"
    )
    spans = [hit[0] for hit in made.finditer(case.plain)]
    wrong = [span for span in spans if "的" not in span and not _shortened(span, known.product)]
    return [Fault("name_mutated", 2.0, span, grave=True) for span in wrong[:1]]


@cache
def _lexicon(language: str) -> tuple[str, ...]:
    table = topic("ingredients", language)
    grouped = [name for group in table.get("aliases", ()) for name in group]
    names = {*grouped, *table.get("names", ()), *table.get("endogenous", ())}
    return tuple(sorted((n for n in names if len(n) > 2), key=len, reverse=True))


@cache
def _lexicon_pattern(language: str) -> re.Pattern[str]:
    table = topic("ingredients", language)
    grouped = [name for group in table.get("aliases", ()) for name in group]
    names = {*grouped, *table.get("names", ()), *table.get("endogenous", ())}
    if not names:
        return NOTHING
    ordered = sorted(names, key=lambda name: (-len(name), name))
    return re.compile(
        "|".join(
            rf"(?<![a-z0-9]){re.escape(n)}(?![a-z0-9])" if n.isascii() else re.escape(n)
            for n in ordered
        )
    )


@cache
def _ending_pattern(language: str) -> re.Pattern[str]:
    table = topic("ingredients", language)
    if not table.get("suffixes"):
        return NOTHING
    endings = "|".join(sorted(table["suffixes"], key=len, reverse=True))
    return re.compile(rf"([\u4e00-\u9fff]{{2,4}}?)(?:{endings})")


def foreign_ingredients(case: Case, known: Known) -> list[Fault]:
    """Ingredients that the facts do not hold, where the text speaks of the product."""
    table = topic("ingredients", case.language)
    ours = [known.product, *known.ingredients, *(name for also in known.also for name in also)]
    text = masked(case.plain, ours)
    endogenous = set(table.get("endogenous", ()))
    generic = table.get("generic", ())
    found: dict[str, Fault] = {}
    hits = [(hit[0], hit.start()) for hit in _lexicon_pattern(case.language).finditer(text)]
    covered = masked(text, [name for name, _ in hits])
    for hit in _ending_pattern(case.language).finditer(covered):
        if not any(hit[1].endswith(word) for word in generic):
            hits.append((hit[0], hit.start()))
    for name, start in hits:
        if name in case.plain_facts or any(entry in name for entry in known.ingredients):
            continue
        fault = _foreign(case, start, name, inborn=name in endogenous)
        if fault and (name not in found or fault.grave):
            found[name] = fault
    return list(found.values())


def _foreign(case: Case, start: int, name: str, *, inborn: bool) -> Fault | None:
    """What naming a foreign ingredient means at this place; None where it is fair."""
    contexts = topic("ingredients", case.language).get("said_of_product", {})
    clause, sentence = clause_at(case.plain, start), sentence_at(case.plain, start)
    if compiled(contexts["past"]).search(clause):
        return None
    of_product = compiled(contexts["pattern"]).search(clause) is not None
    numbered = re.search(
        rf"\d%的?{re.escape(name)}|{re.escape(name)}[^,。]{{0,4}}\d+(?:\.\d+)?%", sentence
    )
    grave = Fault("ingredient_foreign", 2.0, name, grave=True)
    if numbered:
        return grave
    if inborn:
        strict = re.search(r"含|添加|加入|复配|搭配|辅以|富含|配方", clause)
        lawful = compiled(contexts["science"]).search(clause)
        return grave if strict and not lawful else None
    if of_product or case.content_type.startswith(("paid_ad", "ecommerce")):
        return grave
    return Fault("ingredient_hinted", 0.6, name) if HOLE in sentence else None
