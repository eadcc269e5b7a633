"""Turning a sentence plan into a text.

A plan is a list of lines; of a line that is a list, one is drawn. "?" marks one that may be left
out, "*" is the place of the brand's own words, "/" starts a paragraph, "A || B" takes the first
whose facts are there; a line whose facts are all missing is left out.
"""

import re
from functools import cache
from random import Random

from jobs.domain.brand import Guide, Ingredient
from jobs.training.corpus.invention import Invented
from jobs.training.corpus.lexicon import Tone, name_words, plans_by_type

SLOT = re.compile(r"\{(\w+)\}")
ATTEMPTS = 4  # plans tried before another product is taken


@cache
def alternatives(line: str) -> tuple[tuple[str, ...], ...]:
    """A line's alternatives, each as text, slot, text, slot, ..., text.

    >>> alternatives("a{x} || b")
    (('a', 'x', ''), ('b',))
    """
    return tuple(tuple(SLOT.split(part)) for part in line.lstrip("?").split(" || "))


def write(rng: Random, plans: str, invented: Invented, guide: Guide, tone: Tone) -> str | None:
    """A text by one of the type's plans with all its facts true, or None if none would fit.

    `guide.encouraged` is what the text may use of the brand's own words; none: it uses none.
    """
    type_plans = plans_by_type()[plans]
    for _ in range(ATTEMPTS):
        values = fact_values(rng, invented, guide)
        text = _compose(
            rng, rng.choice(type_plans.plans), _Filler(rng, values, tone.slots), type_plans.chars
        )
        if text is not None:
            return text
    return None


class _Filler:
    """Fills slots with a text's facts and, where they have no such slot, with its tone's words."""

    def __init__(self, rng: Random, values: dict[str, str], slots: dict[str, tuple[str, ...]]):
        self.rng = rng
        self.values = values
        self.slots = slots

    def line(self, line: str) -> str:
        """The first alternative whose facts are there, or nothing."""
        for parts in alternatives(line):
            filled = self._fill(parts)
            if filled is not None:
                return filled
        return ""

    def _fill(self, parts: tuple[str, ...]) -> str | None:
        if len(parts) == 1:
            return parts[0]
        out = list(parts)
        for place in range(1, len(parts), 2):
            value = self.values.get(parts[place])
            if value is None:
                fillers = self.slots.get(parts[place])
                if fillers is None:
                    return None
                value = self.line(self.rng.choice(fillers))
            out[place] = value
        return "".join(out)


def _compose(
    rng: Random, lines: tuple[tuple[str, ...], ...], filler: _Filler, chars: tuple[int, int]
) -> str | None:
    low, high = chars
    plan = [rng.choice(forms) for forms in lines]
    words_line = "{words}" if "w1" in filler.values else ""
    sentences = ["" if line[0] == "?" else _sentence(filler, line, words_line) for line in plan]
    total = sum(len(sentence) for sentence in sentences if sentence != "\n")
    optional = [place for place, line in enumerate(plan) if line[0] == "?"]
    rng.shuffle(optional)
    for place in optional:
        if total >= low:
            break
        sentence = filler.line(plan[place])
        length = len(sentence)
        if total + length <= high:
            sentences[place] = sentence
            total += length
    if not low <= total <= high:
        return None
    return re.sub("\n{2,}", "\n", "".join(sentences)).strip()


def _sentence(filler: _Filler, line: str, words_line: str) -> str:
    if line == "/":
        return "\n"
    return filler.line(words_line if line == "*" else line)


def fact_values(rng: Random, invented: Invented, guide: Guide) -> dict[str, str]:
    """What each slot of facts stands for in one text; a slot whose fact is missing is absent."""
    product, topic = invented.product, invented.topic
    belief, truth = rng.choice(topic.myths)
    people = name_words()
    values = {
        "brand": guide.name,
        "name": product.name,
        "noun": product.category,
        "unit": invented.kind.unit,
        "hero": product.ingredients[0].name,
        "effects": "、".join(product.effects),
        "e1": product.effects[0],
        "suited": "、".join(product.suited_for),
        "s1": product.suited_for[0],
        "texture": product.texture,
        "size": product.size,
        "price": product.price,
        "belief": belief,
        "truth": truth,
        "trouble": rng.choice(topic.troubles),
        "cause": rng.choice(topic.causes),
        "after": rng.choice(topic.afters),
        "step": rng.choice(topic.steps),
        "usage": rng.choice(invented.kind.usage),
        "person": rng.choice(people["people"]),
        "job": rng.choice(people["jobs"]),
        "scene": rng.choice(people["scenes"]),
        "days": rng.choice(people["days"]),
    }
    values.update(_ingredient_values(rng, product.ingredients))
    for place, word in enumerate(rng.sample(guide.encouraged, min(3, len(guide.encouraged))), 1):
        values[f"w{place}"] = word
    return {slot: value for slot, value in values.items() if value}


def _ingredient_values(rng: Random, ingredients: tuple[Ingredient, ...]) -> dict[str, str]:
    with_share = [_with_concentration(rng, entry) for entry in ingredients]
    values = {"heroC": with_share[0]}
    values["all"] = "、".join(with_share[:-1]) + ("和" if with_share[1:] else "") + with_share[-1]
    for place, (entry, stated) in enumerate(zip(ingredients, with_share, strict=True), 1):
        values[f"ing{place}"] = entry.name
        values[f"ing{place}C"] = stated
        values[f"role{place}"] = entry.role
    return values


def _with_concentration(rng: Random, ingredient: Ingredient) -> str:
    """As "5%烟酰胺" three times in four."""
    name, share = ingredient.name, ingredient.concentration
    if not share:
        return name
    return rng.choice((f"{share}{name}",) * 3 + (f"{name}（{share}）",))
