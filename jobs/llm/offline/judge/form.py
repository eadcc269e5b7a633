"""Criterion 3: is it the content type it should be, at the right length?"""

import re
from functools import cache
from typing import Any

from jobs.llm.offline.judge.case import Case, flat
from jobs.llm.offline.judge.lexicon import Fault, Mark, compiled, mark, topic
from jobs.llm.offline.judge.names import Known, known_names

Cue = dict[str, Any]  # name, weight, where, patterns; perhaps needs, count


def form(case: Case) -> Mark:
    """The mark for form: the share of the type's cues that are there, less what length costs."""
    share, absent = cue_share(case)
    faults = [Fault("cue_missing", 0.0, name) for name in absent]
    faults += length(case)
    return mark(1.0 + 4.0 * share, faults)


def deviation(case: Case) -> float:
    """How far the length lies outside the window, as a share of the bound it misses."""
    below = (case.min_chars - case.chars) / max(1, case.min_chars)
    above = (case.chars - case.max_chars) / max(1, case.max_chars)
    return max(0.0, below, above)


def length(case: Case) -> list[Fault]:
    outside = deviation(case)
    if not outside:
        return []
    code = "too_short" if case.chars < case.min_chars else "too_long"
    return [Fault(code, min(3.5, 0.3 + 4.0 * outside), str(case.chars))]


def cue_share(case: Case) -> tuple[float, list[str]]:
    """(weighted share of cues found, names of those mostly missing)."""
    cues = topic("form", case.language).get(case.content_type, {}).get("cues", ())
    if not cues:
        return 0.85, []  # a type without cues: nothing is known against it, nor for it
    known = known_names(case)
    earned = whole = 0.0
    absent = []
    for cue in cues:
        got = _found(case, known, cue)
        earned, whole = earned + cue["weight"] * got, whole + cue["weight"]
        if got < 0.4:
            absent.append(cue["name"])
    return float(earned / whole), absent


def _found(case: Case, known: Known, cue: Cue) -> float:
    """How far one cue is met, 0 to 1."""
    if cue["where"] == "product_late":
        return _product_late(case, known)
    if cue["where"] == "ingredients":
        return _ingredients_explained(case, known)
    part = _part(case, cue["where"])
    filled = [_filled(source, case) for source in cue["patterns"]]
    if cue.get("count") == "all" or len(filled) == 1:
        found = [hit[0] for source in filled for hit in compiled(source).finditer(part)]
        hits = len(found) if cue.get("count") == "all" else len(set(found))
    else:
        hits = sum(compiled(source).search(part) is not None for source in filled)
    return float(min(1.0, hits / cue.get("needs", 1)))


def _part(case: Case, where: str) -> str:
    """The part of the text in which a cue is looked for."""
    sentences = case.sentences or ("",)
    text = case.plain
    half = len(text) // 2
    parts = {
        "first": sentences[0],
        "after_first": "".join(sentences[1:]) or text[len(text) // 3 :],
        "early": "".join(sentences[: 1 + len(sentences) // 3]),
        "late": "".join(sentences[-2:]) if len(sentences) > 2 else text[half:],
        "end": "".join(sentences[-3:]),
        "first_half": text[: half + 20],
        "second_half": text[half - 20 if half > 20 else 0 :],
        "late_half": text[len(text) // 3 :],
        "middle": text[len(text) // 6 :],
        "not_first_clause": "".join(case.clauses[1:]),
    }
    return parts.get(where, text)


def _filled(source: str, case: Case) -> str:
    """A pattern with its {words} and the product's own facts put in."""
    if "{" not in source:
        return source
    product, words = case.product, topic("form", case.language).get("words", {})
    values = {
        **words,
        "hero": re.escape(flat(product.ingredients[0].name, case.language))
        if product.ingredients
        else "",
        "category": re.escape(flat(product.category, case.language)),
        "effects": _any_of(product.effects, case.language),
        "suited": _any_of(product.suited_for, case.language),
        "texture": _any_of((product.texture,), case.language),
        "size": _any_of((product.size,), case.language),
        "price": _any_of((product.price,), case.language),
    }
    return re.sub(r"\{([a-z_]+)\}", lambda hit: values.get(hit[1], "") or "(?!)", source)


@cache
def _any_of(facts: tuple[str, ...], language: str) -> str:
    return "|".join(re.escape(flat(fact, language)) for fact in facts if fact)


def _product_late(case: Case, known: Known) -> float:
    """Whether the product comes after the explanation has begun, not as its first words."""
    at = case.plain.find(known.product)
    if at < 0:
        return 0.0
    return 1.0 if at > 0.2 * len(case.plain) else 0.4


def _ingredients_explained(case: Case, known: Known) -> float:
    """The share of ingredients named with something said about each."""
    if not known.ingredients:
        return 1.0
    explained = 0.0
    for names, entry in zip(
        ((n, *also) for n, also in zip(known.ingredients, known.also, strict=True)),
        case.product.ingredients,
        strict=True,
    ):
        hits = [case.plain.find(name) + len(name) for name in names if name in case.plain]
        if not hits:
            continue
        after = max(case.plain[at : at + 60] for at in hits)
        role = flat(entry.role, case.language)
        near = any(role[i : i + 2] in case.plain for i in range(max(1, len(role) - 1)))
        explained += 1.0 if near and len(after) > 8 else 0.6
    return explained / len(known.ingredients)
