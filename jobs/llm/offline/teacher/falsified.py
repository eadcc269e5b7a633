"""A text in which one or two facts are another product's, and every other word is as it was.

What is put in is drawn from banks of what is true elsewhere, and what gives way to it is a value of
these banks too, as long as the text has one. With the weights that the banks have, a value is about
as often the true one of a pair as the false one, and only the facts tell which it is. Where the
weights are from stands in plans.zh.degrade.toml.
"""

import random
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from jobs.domain.text import char_count
from jobs.llm.offline.teacher.chat import Asked
from jobs.llm.offline.teacher.defects import NUMBER, insert_sentence, replaced_number
from jobs.llm.offline.teacher.facts import ingredients, strings
from jobs.llm.offline.teacher.weak import masked, unmasked

TRIES = 10  # for a text of the wanted length
FAR = 5  # times the one amount is the other, at most

Bank = Mapping[str, float]  # what is true elsewhere, and how likely it is drawn
Stated = Callable[[Asked], list[str]]


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
    text, flaws, exchanges = masked(asked), list[str](), dict[str, str]()
    for known in (True, False):  # a value that no bank has is exchanged where there is no other
        for name in rng.sample(sorted(FACTS), len(FACTS)):
            if len(flaws) < (wanted if known else 1):
                found = exchange(name, text, asked, rng, known=known)
                flaws += [name] * (not found.keys() <= exchanges.keys())
                exchanges = found | exchanges
    if flaws:
        text = with_exchanges(text, exchanges)
    else:
        text, flaws = with_statement(text, asked, rng), ["stated"]
    return unmasked(text, asked).strip(), tuple(flaws)


def exchange(
    name: str, text: str, asked: Asked, rng: random.Random, *, known: bool
) -> dict[str, str]:
    """One of a fact's values that stand in the text, and what is to stand there; none may fit."""
    bank, true = bank_of(name, asked), FACTS[name](asked)
    shown = [one for one in true if (one in bank) == known and stands(one, text, asked)]
    if not shown:
        return {}
    value = rng.choice(shown)
    false = other_value(name, value, asked, rng)
    return {value: false} if false != value else {}


def stands(value: str, text: str, asked: Asked) -> bool:
    """The value stands there, not as the end of a longer amount or as a part of another fact."""
    longer = (one for one in said(asked.facts) if value in one and value != one and one in text)
    return re.search(as_pattern(value), text) is not None and not any(longer)


def as_pattern(value: str) -> str:
    """What finds the value and no longer amount that ends in it."""
    return rf"(?<![\d.]){re.escape(value)}"


def said(facts: object) -> Iterator[str]:
    """Every text within the facts."""
    if isinstance(facts, str):
        yield facts
    elif isinstance(facts, Mapping):
        for one in facts.values():
            yield from said(one)
    elif isinstance(facts, list):
        for one in facts:
            yield from said(one)


def with_exchanges(text: str, exchanges: Mapping[str, str]) -> str:
    """All of them made at once, wherever the values stand: none is made within another."""
    pattern = "|".join(map(as_pattern, sorted(exchanges, key=len, reverse=True)))
    return re.sub(pattern, lambda found: exchanges[found[0]], text)


def other_value(name: str, value: str, asked: Asked, rng: random.Random) -> str:
    """Another product's value of this fact, by its weight.

    Where the bank has none, an amount is another multiple of itself, and other values stay.
    """
    true, bank = FACTS[name](asked), bank_of(name, asked)
    pool = fitting(name, value, asked)
    if pool:
        return rng.choices(pool, [bank[one] for one in pool])[0]
    return replaced_number(value, rng, value=value, true=true) if name in AMOUNTS else value


def fitting(name: str, value: str, asked: Asked) -> list[str]:
    """What the bank has to put in a value's place: nothing that is true too."""
    true, facts = FACTS[name](asked), str(asked.facts)
    pool = [one for one in bank_of(name, asked) if not is_near(one, facts, true)]
    return [one for one in pool if is_alike(one, value)] if name in AMOUNTS else pool


def is_alike(one: str, other: str) -> bool:
    """Two amounts are in one unit, and of one size: nobody knows 50 ml for false without the facts.

    >>> [is_alike("30ml", other) for other in ("50ml", "250ml", "50g")], is_alike("$32", "$45")
    ([True, False, False], True)
    """
    first, second = NUMBER.search(one), NUMBER.search(other)
    if first is None or second is None or NUMBER.sub("#", one) != NUMBER.sub("#", other):
        return False
    low, high = sorted((float(first[0]), float(second[0])))
    return high <= FAR * low


def bank_of(name: str, asked: Asked) -> Bank:
    """What is true elsewhere of this fact."""
    return dict(asked.book.degrade[FACT_BANKS[name]])


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
            false = other_value(fact, value, asked, rng)
            form = rng.choice(asked.book.defects[f"false_{fact}"]).replace("{x}", false)
            return insert_sentence(text, asked, rng, sentence=form)
    pool = [pair for pair in asked.book.defects["false_ingredients"] if pair[0] not in str(facts)]
    name, role = rng.choice(pool)
    form = rng.choice(asked.book.defects["false_ingredient"])
    return insert_sentence(
        text, asked, rng, sentence=form.replace("{x}", name).replace("{role}", role)
    )


def of_ingredients(key: str) -> Stated:
    """Reads one entry of every ingredient."""
    return lambda asked: [str(one[key]) for one in ingredients(asked.facts) if one.get(key)]


def of_product(key: str) -> Stated:
    """Reads what the product's facts have under a key."""
    return lambda asked: strings(asked.facts.get(key))


def skins(asked: Asked) -> list[str]:
    """Whom it suits; where that is everybody, nobody else is left."""
    suited, anybody = strings(asked.facts.get("suited_for")), asked.book.grammar["any_skin"]
    return [] if any(word in one.lower() for one in suited for word in anybody) else suited


AMOUNTS = ("concentration", "size", "price")
FACTS: Mapping[str, Stated] = {
    "concentration": of_ingredients("concentration"),
    "size": of_product("size"),
    "price": of_product("price"),
    "ingredient": of_ingredients("name"),
    "role": of_ingredients("role"),
    "effect": of_product("effects"),
    "suited_for": skins,
    "texture": of_product("texture"),
    "value": of_product("value"),
}
FACT_BANKS: Mapping[str, str] = {
    "concentration": "concentrations",
    "size": "sizes",
    "price": "prices",
    "ingredient": "ingredients",
    "role": "roles",
    "effect": "effects",
    "suited_for": "suited_for",
    "texture": "textures",
    "value": "values",
}
