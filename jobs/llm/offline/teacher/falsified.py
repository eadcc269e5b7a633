"""A text in which one or two facts are another product's, and every other word is as it was."""

import random
import re
from collections.abc import Callable, Mapping
from typing import Any

from jobs.domain.text import char_count
from jobs.llm.offline.teacher.chat import Asked
from jobs.llm.offline.teacher.defects import insert_sentence, replaced_number
from jobs.llm.offline.teacher.facts import ingredients, strings
from jobs.llm.offline.teacher.weak import masked, unmasked

TRIES = 10  # for a text of the wanted length

Change = Callable[[str, Asked, random.Random], str]


def falsified(asked: Asked, rng: random.Random, *, count: int = 0) -> tuple[str, tuple[str, ...]]:
    """The text with so many false facts, one or two where none is said, and what they are.

    False is as often longer than true as it is shorter, as far as a few tries bring it about.
    """
    side, wanted = rng.choice((-1, 1)), count or rng.choice((1, 1, 2))
    for _ in range(TRIES):
        text, flaws = once(asked, rng, wanted)
        if (char_count(text) - char_count(asked.text)) * side >= 0:
            break
    return text, flaws


def once(asked: Asked, rng: random.Random, wanted: int) -> tuple[str, tuple[str, ...]]:
    """One try. The product's name stays, though an ingredient's may be a part of it."""
    text, flaws = masked(asked), list[str]()
    for name in rng.sample(sorted(CHANGES), len(CHANGES)):
        if len(flaws) < wanted:
            changed = CHANGES[name](text, asked, rng)
            flaws += [name] * (changed != text)
            text = changed
    if not flaws:
        text, flaws = with_statement(text, asked, rng), ["stated"]
    return unmasked(text, asked).strip(), tuple(flaws)


def other_concentration(text: str, asked: Asked, rng: random.Random) -> str:
    """An ingredient's concentration is another."""
    stated = [str(e["concentration"]) for e in ingredients(asked.facts) if e.get("concentration")]
    return other_number(text, stated, rng)


def other_size(text: str, asked: Asked, rng: random.Random) -> str:
    """The size is another."""
    return other_number(text, strings(asked.facts.get("size")), rng)


def other_price(text: str, asked: Asked, rng: random.Random) -> str:
    """The price is another."""
    return other_number(text, strings(asked.facts.get("price")), rng)


def other_number(text: str, stated: list[str], rng: random.Random) -> str:
    """One of the stated amounts, exchanged wherever it stands."""
    shown = [value for value in stated if stands(value, text)]
    return replaced_number(text, rng, value=rng.choice(shown), true=stated) if shown else text


def stands(value: str, text: str) -> bool:
    """The amount stands there, not as the end of a longer one."""
    return re.search(rf"(?<![\d.]){re.escape(value)}", text) is not None


def other_ingredient(text: str, asked: Asked, rng: random.Random) -> str:
    """One of the ingredients is another."""
    names = [str(entry["name"]) for entry in ingredients(asked.facts)]
    return exchanged(text, names, "ingredients", asked, rng)


def other_role(text: str, asked: Asked, rng: random.Random) -> str:
    """An ingredient does something else."""
    roles = [str(entry["role"]) for entry in ingredients(asked.facts) if entry.get("role")]
    return exchanged(text, roles, "roles", asked, rng)


def other_effect(text: str, asked: Asked, rng: random.Random) -> str:
    """The product does something else."""
    return exchanged(text, strings(asked.facts.get("effects")), "effects", asked, rng)


def other_skin(text: str, asked: Asked, rng: random.Random) -> str:
    """The product is for somebody else; nobody else is left where it is for everybody."""
    suited, anybody = strings(asked.facts.get("suited_for")), asked.book.grammar["any_skin"]
    if any(word in entry.lower() for entry in suited for word in anybody):
        return text
    return exchanged(text, suited, "suited_for", asked, rng)


def other_texture(text: str, asked: Asked, rng: random.Random) -> str:
    """The product feels otherwise."""
    return exchanged(text, strings(asked.facts.get("texture")), "textures", asked, rng)


def other_value(text: str, asked: Asked, rng: random.Random) -> str:
    """The product stands for something else."""
    return exchanged(text, strings(asked.facts.get("value")), "values", asked, rng)


def exchanged(text: str, true: list[str], bank: str, asked: Asked, rng: random.Random) -> str:
    """One of the true values, exchanged wherever it stands for one that the facts do not have."""
    shown, facts = [value for value in true if value in text], str(asked.facts)
    pool = [one for one in asked.book.degrade[bank] if not is_near(one, facts, true)]
    return text.replace(rng.choice(shown), rng.choice(pool)) if shown and pool else text


def is_near(value: str, facts: str, true: list[str]) -> bool:
    """The value is true too, or a true one is a part of it, or both are two such sorts of a thing.

    That is, a watery feel is hardly another for being called clear instead of light.
    """
    sorts = ("水感", "油感", "乳感", "serum", "oil", "lotion")
    return value in facts or any(
        one in value or any(sort in one and sort in value for sort in sorts) for one in true
    )


def with_statement(text: str, asked: Asked, rng: random.Random) -> str:
    """A sentence that says something false, for a text that states no fact."""
    facts: Mapping[str, Any] = asked.facts
    for fact in ("price", "size"):
        value = str(facts.get(fact) or "")
        if any(sign.isdigit() for sign in value):
            false = replaced_number(value, rng, value=value, true=[value])
            form = rng.choice(asked.book.defects[f"false_{fact}"]).replace("{x}", false)
            return insert_sentence(text, asked, rng, sentence=form)
    pool = [pair for pair in asked.book.defects["false_ingredients"] if pair[0] not in str(facts)]
    name, role = rng.choice(pool)
    form = rng.choice(asked.book.defects["false_ingredient"])
    return insert_sentence(
        text, asked, rng, sentence=form.replace("{x}", name).replace("{role}", role)
    )


CHANGES: Mapping[str, Change] = {
    "concentration": other_concentration,
    "size": other_size,
    "price": other_price,
    "ingredient": other_ingredient,
    "role": other_role,
    "effect": other_effect,
    "suited_for": other_skin,
    "texture": other_texture,
    "value": other_value,
}
