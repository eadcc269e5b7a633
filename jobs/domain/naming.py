"""Telling a product and its ingredients by the names that copy uses for them."""

import json
import re
from functools import lru_cache
from typing import Any

from jobs.domain.lexicon import REMEMBERED, clauses, compact, folded, pattern, sentences, synonyms

LATIN_TAIL = re.compile(r"[-\s]*[a-z0-9]+$")
GREEK_HEAD = re.compile(r"^[αβγ]-?")
CARRIERS = re.compile(r"(提取物|提取液|籽油|果油|籽|油)$")


@lru_cache(maxsize=REMEMBERED)
def ingredient_names(name: str, language: str) -> tuple[str, ...]:
    """An ingredient's name, its short forms and its synonyms, folded, longest first.

    >>> ingredient_names("神经酰胺NP", "zh")
    ('神经酰胺np', '神经酰胺')
    """
    full = folded(name).strip()
    bare = GREEK_HEAD.sub("", full)
    found = {full, bare}
    if not full.isascii():
        found |= {LATIN_TAIL.sub("", bare), CARRIERS.sub("", bare)}
    for part, others in synonyms(language, "product", "ingredients").items():
        if part in full:
            found.update(others)
    return tuple(sorted((one for one in found if len(one) > 1), key=lambda one: (-len(one), one)))


def names_product(text: str, facts: dict[str, Any], language: str) -> bool:
    """The text is about this product: its full name, or its hero and its category, and no other's.

    >>> facts = {"name": "烟酰胺净润精华液", "category": "精华液",
    ...          "ingredients": [{"name": "烟酰胺", "concentration": "5%"}]}
    >>> names_product("一支以烟酰胺为主的精华。", facts, "zh")
    True
    >>> names_product("原素方程烟酰胺焕亮精华液，清透。", facts, "zh")
    False
    """
    letters, name = compact(text), compact(str(facts.get("name", "")))
    if name and name in letters:
        return True
    category = str(facts.get("category", ""))
    words = (category, *synonyms(language, "product", "categories").get(folded(category), ()))
    heroes = [entry["name"] for entry in facts.get("ingredients", [])[:1]]
    hero_named = any(
        compact(form) in letters for hero in heroes for form in ingredient_names(hero, language)
    )
    category_named = any(compact(word) in letters for word in words if word)
    return hero_named and category_named and not names_another(text, facts, language)


def names_another(text: str, facts: dict[str, Any], language: str) -> bool:
    """After the brand, the hero or an opening quote stands a name that is not this product's."""
    forms = pattern(language, "product", "forms").pattern
    plain, known = pattern(language, "product", "named_words"), own_words(facts, language)
    heads = [folded(str(facts.get("brand", ""))), "《", "「", "“"]
    for entry in facts.get("ingredients", [])[:1]:
        heads.extend(ingredient_names(entry["name"], language))
    head = "|".join(map(re.escape, filter(None, heads)))
    for match in re.finditer(rf"(?:{head})([一-龥]{{2,8}}?)(?:{forms})", folded(text)):
        rest = plain.sub("", known.sub("", match[1]))
        if len(rest) > 1 and not re.search("[的了是在这那]", match[1]):
            return True
    return False


def own_words(facts: dict[str, Any], language: str) -> re.Pattern[str]:
    """Words that may stand in this product's own name: brand, ingredients, effects, its name."""
    words = {folded(str(facts.get(key, ""))) for key in ("brand", "name", "texture", "category")}
    for entry in facts.get("ingredients", []):
        words.update(ingredient_names(entry["name"], language))
    for key in ("effects", "suited_for"):
        words.update(folded(str(value)) for value in facts.get(key, ()))
    name = folded(str(facts.get("name", "")))
    words.update(name[place : place + 2] for place in range(len(name) - 1))
    for value in (*facts.get("effects", ()), *facts.get("suited_for", ())):
        words.update(value[place : place + 2] for place in range(len(value) - 1))
    ordered = sorted(filter(None, words), key=len, reverse=True)
    return re.compile("|".join(map(re.escape, ordered)) or r"(?!)")


def adds_ingredient(text: str, facts: dict[str, Any], language: str) -> bool:
    """The text says of the product that it contains an ingredient that the facts do not name.

    >>> facts = {"name": "烟酰胺精华", "ingredients": [{"name": "烟酰胺"}]}
    >>> adds_ingredient("配方还加入了玻色因，用来紧致肌肤。", facts, "zh")
    True
    >>> adds_ingredient("再加上玻色因，也未必更好。它不含视黄醇。", facts, "zh")
    False
    """
    before = ""
    for sentence in sentences(text, language):
        in_general = pattern(language, "foreign", "elsewhere").search(sentence)
        told_of = pattern(language, "foreign", "spoken_of").search(before)
        if not in_general and not told_of and brings_in_foreign(sentence, facts, language):
            return True
        before = sentence
    return False


def brings_in_foreign(sentence: str, facts: dict[str, Any], language: str) -> bool:
    """Some clause of the sentence claims a foreign ingredient for the product."""
    said = clauses(sentence)
    for clause, after in zip(said, [*said[1:], ""][: len(said)], strict=True):
        for match in pattern(language, "foreign", "names").finditer(clause):
            claimed = is_claimed(clause[: match.start()], clause[match.end() :], after, language)
            if claimed and is_foreign(match[0], facts, language):
                return True
    return False


def is_claimed(head: str, tail: str, after: str, language: str) -> bool:
    """The words around a name say that the product contains it."""
    contained, added, among, role = (
        pattern(language, "foreign", name) for name in ("contained", "added", "among", "role")
    )
    if among.fullmatch(head):
        return bool(role.search(tail))
    brought_in = contained.fullmatch(head) or added.fullmatch(head)
    acts = role.search(tail) or (not tail and (not after or role.search(after)))
    return bool(brought_in and acts)


def is_foreign(name: str, facts: dict[str, Any], language: str) -> bool:
    """The facts name nothing like it."""
    family = pattern(language, "foreign", "family")
    entries = [str(entry["name"]) for entry in facts.get("ingredients", [])]
    known = {form for entry in entries for form in ingredient_names(entry, language)}
    known = {form for form in known if not family.fullmatch(form)}
    told = folded(json.dumps(facts, ensure_ascii=False))
    forms = [form for form in ingredient_names(name, language) if not family.fullmatch(form)]
    return not any(
        form in told or any(form in one or one in form for one in known) for form in forms
    )
