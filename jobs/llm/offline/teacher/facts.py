"""From a product's facts to the words and phrase banks that a text may use."""

import random
from collections.abc import Mapping, Sequence
from typing import Any

from jobs.llm.offline.teacher.chat import Asked
from jobs.llm.offline.teacher.phrasebook import Banks, Category, Phrasebook, Topic
from jobs.llm.offline.teacher.templates import Scene


def scene_of(asked: Asked, rng: random.Random) -> Scene:
    """What one text about this product may speak of."""
    book = asked.book
    category = category_for(asked.facts, book)
    topic = topic_for(asked.facts, book, rng)
    scene = Scene(
        facts=product_words(asked, category, rng) | person_words(book, rng),
        banks={**book.banks, **category.banks, **topic.banks, **value_banks(asked.facts, book)},
        otherwise=book.otherwise,
        rng=rng,
    )
    names = ("zone", "span", "season", "advisor")
    settled = {name: scene.fill(rng.choice(scene.banks[name])) for name in names}
    scene.facts = {**scene.facts, **settled}
    belief, why, right = map(scene.fill, rng.choice(topic.myths))
    scene.facts = {**scene.facts, "belief": belief, "why": why, "right": right}
    return scene


def product_words(asked: Asked, category: Category, rng: random.Random) -> dict[str, str]:
    """The facts as they stand in a sentence; an empty value is a missing fact."""
    facts, grammar = asked.facts, asked.book.grammar
    hero, second, third = (distinct(ingredients(facts)) + [{}, {}, {}])[:3]
    effects = strings(facts.get("effects"))
    suited = strings(facts.get("suited_for"))
    anyone = [entry for entry in suited if any(w in entry for w in grammar["any_skin"])]
    hero_name = str(hero.get("name") or grammar["no_hero"])
    role = str(hero.get("role") or "") or enumerated(effects, grammar["joins"][:1], rng)
    role = role or str(grammar["no_role"])
    skins = [entry for entry in suited if entry not in anyone]
    kind = str(facts.get("category") or "")
    return {
        "brand": asked.brand,
        "name": str(facts.get("name", "")),
        "category": category.suffix[1] if category.suffix[:1] == (kind,) else kind,
        "hero": hero_name,
        "dose": dosed({**hero, "name": hero_name}, grammar),
        "role": role,
        "second": str(second.get("name", "")),
        "second_dose": dosed(second, grammar) if second.get("role") else "",
        "second_role": str(second.get("role", "")),
        "third": str(third.get("name", "")),
        "third_role": str(third.get("role", "")),
        "stated": grammar["stated"][not hero.get("concentration")],
        "effects": enumerated(effects, grammar["joins"], rng) or role,
        "suited": enumerated(anyone[:1] or suited, grammar["joins"], rng),
        "skin": rng.choice(skins) if skins else grammar["skin"],
        "texture": str(facts.get("texture") or ""),
        "size": str(facts.get("size") or ""),
        "price": str(facts.get("price") or ""),
        "value": str(facts.get("value") or ""),
    }


def ingredients(facts: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The product's ingredients that have a name; the first is the hero."""
    entries = facts.get("ingredients") or ()
    return [entry for entry in entries if isinstance(entry, dict) and entry.get("name")]


def distinct(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The ingredients, without those whose role another one before them has too."""
    roles: set[str] = set()
    kept: list[dict[str, Any]] = []
    for entry in entries:
        if not kept or entry.get("role") not in roles:
            kept.append(entry)
        roles.add(str(entry.get("role", "")))
    return kept


def person_words(book: Phrasebook, rng: random.Random) -> dict[str, str]:
    """Somebody to tell a story about."""
    job = rng.choice(book.people["jobs"])
    ta = rng.choice(sorted(set(book.people) - {"jobs"}))
    pronoun, *names = book.people[ta]
    return {"ta": pronoun, "who": rng.choice(names), "job": job["job"], "place": job["place"]}


def strings(value: object) -> list[str]:
    """A list of texts, also from a single text or nothing."""
    if isinstance(value, str):
        return [value] if value else []
    return [str(entry) for entry in value if entry] if isinstance(value, Sequence) else []


def dosed(ingredient: Mapping[str, Any], grammar: Mapping[str, Any]) -> str:
    """An ingredient's name, with its concentration where that is stated."""
    name, concentration = str(ingredient.get("name", "")), str(ingredient.get("concentration", ""))
    if not name or not concentration:
        return name
    form = grammar["dose_percent" if concentration.endswith("%") else "dose_other"]
    return str(form).format(name=name, concentration=concentration)


def enumerated(entries: Sequence[str], joins: Sequence[str], rng: random.Random) -> str:
    """A, B and C."""
    if len(entries) < 2:
        return "".join(entries)
    last = rng.choice(joins)
    return joins[0].join(entries[:-1]) + last + entries[-1]


def category_for(facts: Mapping[str, Any], book: Phrasebook) -> Category:
    """The first category whose words occur in the product's category, else in its name."""
    for said in (facts.get("category"), facts.get("name")):
        for category in book.categories:
            if any(word in str(said or "").lower() for word in category.words):
                return category
    return book.categories[-1]


def topic_for(facts: Mapping[str, Any], book: Phrasebook, rng: random.Random) -> Topic:
    """One of the topics that the effects are about; without any, one of the roles', or the last."""
    roles = " ".join(str(entry.get("role", "")) for entry in ingredients(facts))
    for said in (" ".join(strings(facts.get("effects"))), str(facts.get("category", "")), roles):
        fits = [topic for topic in book.topics if any(w in said.lower() for w in topic.words)]
        alone = [topic for topic in fits if topic.only]
        if fits:
            return rng.choice(alone or fits)
    return book.topics[-1]


def value_banks(facts: Mapping[str, Any], book: Phrasebook) -> Banks:
    """The phrases of the first value that the facts' value is about; none for another."""
    said = str(facts.get("value") or "")
    fits = (value.banks for value in book.values if any(word in said for word in value.words))
    return next(fits, {})
