"""Inventing products: most names are built of real words, some of any characters.

What a tiny model must learn here is to copy facts that it has never seen, so names repeat as
seldom as possible.
"""

from dataclasses import dataclass
from functools import cache
from random import Random
from zlib import crc32

from jobs.domain.brand import Ingredient, Product
from jobs.domain.text import common_characters
from jobs.training.corpus.lexicon import Kind, Topic, name_words, skin_care

HELD_OUT_NAMES = 16  # one name in 16 is never trained on
STRANGE = 0.15  # share of names that are strings of any characters
STRANGE_BRANDS = 0.5  # few words make brands' names: they would be known by heart
MISSING = 1 / 12  # how often a product has no texture, no size or no price


@dataclass(frozen=True)
class Invented:
    """A product that does not exist, with what the texts about it may draw on."""

    product: Product
    topic: Topic
    kind: Kind


def is_held_out(name: str) -> bool:
    """Whether a brand's or product's name is kept for testing: known by its hash alone.

    >>> [is_held_out(name) for name in ("甲", "乙", "丙")]
    [False, False, False]
    """
    return crc32(name.encode()) % HELD_OUT_NAMES == 0


@cache
def level_one() -> str:
    """The usual characters without the unlucky ones."""
    return _without_avoided("".join(common_characters()))


@cache
def usual() -> str:
    """The characters of the word lists, as often as they occur there."""
    words = [word for key, group in name_words().items() if key != "avoided" for word in group]
    words += [entry.name + entry.role for entry in skin_care().ingredients]
    words += [*skin_care().audiences, *skin_care().textures]
    words += [effect for topic in skin_care().topics for effect in topic.effects]
    characters = "".join(mark for word in words for mark in word if "\u4e00" <= mark <= "\u9fff")
    return _without_avoided(characters)


def _without_avoided(characters: str) -> str:
    return characters.translate(dict.fromkeys(map(ord, name_words()["avoided"][0])))


def strange(rng: Random, shortest: int = 2, longest: int = 5) -> str:
    """Some characters, half of them drawn evenly, half as the word lists use them."""
    length = rng.randint(shortest, min(longest, rng.randint(shortest, longest) + 1))
    pools = (level_one(), usual())
    return "".join(rng.choice(pools[rng.random() < 0.5]) for _ in range(length))


def brand_name(rng: Random) -> str:
    """A new brand's name of two to four characters."""
    if rng.random() < STRANGE_BRANDS:
        return strange(rng, 2, 4)
    return "".join(rng.sample(name_words()["brand_words"], rng.choice((2, 2, 3, 4))))


def product_name(rng: Random, hero: str, noun: str) -> str:
    """A product's name, built in one of many ways."""
    words = name_words()
    front, modifier = rng.choice(words["fronts"]), rng.choice(words["modifiers"])
    if rng.random() < STRANGE:
        new = strange(rng)
        forms = (new + noun, new + modifier + noun, new, f"{new[:2]}{hero}{noun}", hero + new)
        return rng.choice((*forms, new + noun))
    known = (hero + modifier + noun, hero + noun, front + modifier + noun, front + hero + noun)
    return rng.choice((*known, modifier + noun, modifier + hero + noun))


def invent(rng: Random, number: int) -> Invented:
    """A product with all its facts, some left out at random; a share of its names are strange."""
    topic = rng.choice(skin_care().topics)
    kind = rng.choice(topic.kinds)
    ingredients = _ingredients(rng, topic)
    noun = rng.choice(kind.nouns)
    product = Product(
        product_id=f"invented-{number}",
        name=product_name(rng, ingredients[0].name, noun),
        category=noun,
        ingredients=ingredients,
        effects=_effects(rng, topic),
        suited_for=tuple(rng.sample(skin_care().audiences, rng.choice((1, 1, 1, 2, 2, 3)))),
        texture=_texture(rng),
        size=_size(rng, kind),
        price=f"{rng.randint(*kind.price)}元" if rng.random() >= MISSING else "",
        split="train",
    )
    return Invented(product, topic, kind)


def _ingredients(rng: Random, topic: Topic) -> tuple[Ingredient, ...]:
    stated = 0.8
    found: dict[str, Ingredient] = {}
    for _ in range(rng.choices((1, 2, 3, 4), (18, 46, 26, 10))[0]):
        entry = _ingredient(rng, topic)
        concentration = _percent(rng) if rng.random() < stated else ""
        found[entry.name] = Ingredient(entry.name, entry.role, concentration)
        stated = 0.1  # as brands do: of the hero, seldom of others
    return tuple(found.values())


def _ingredient(rng: Random, topic: Topic) -> Ingredient:
    known = rng.choice(topic.ingredients if rng.random() < 0.9 else skin_care().ingredients)
    if rng.random() >= STRANGE:
        return known
    words = name_words()
    name = strange(rng)
    if rng.random() < 0.3:
        name = name[:3] + rng.choice(words["endings"])
    if rng.random() < 0.35:
        return Ingredient(name, rng.choice(words["roles_mixed"]).format(x=strange(rng, 2, 3)))
    if rng.random() < 0.15:
        return Ingredient(name, f"{known.role}、{rng.choice(topic.effects)}")
    return Ingredient(name, known.role)


def _percent(rng: Random) -> str:
    if rng.random() < 0.5:
        return f"{rng.randint(1, 20)}%"
    if rng.random() < 0.8:
        return f"{rng.randint(1, 99) / 10:g}%"
    return f"{rng.randint(1, 99)}%" if rng.random() < 0.6 else f"{rng.randint(1, 99) / 100:g}%"


def _effects(rng: Random, topic: Topic) -> tuple[str, ...]:
    effects = rng.sample(topic.effects, rng.choice((1, 2, 2, 2, 3)))
    if rng.random() < STRANGE / 2:
        effects[-1] = rng.choice(name_words()["effects_mixed"]).format(x=strange(rng, 2, 4))
    return tuple(effects)


def _texture(rng: Random) -> str:
    if rng.random() < MISSING:
        return ""
    return strange(rng, 2, 4) if rng.random() < STRANGE / 3 else rng.choice(skin_care().textures)


def _size(rng: Random, kind: Kind) -> str:
    if rng.random() < MISSING:
        return ""
    number = rng.randint(1, 60) * rng.choice((1, 2, 5, 10))
    return rng.choice((*kind.sizes, kind.sizes[-1])).replace("#", str(number))
