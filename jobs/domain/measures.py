"""What can be counted in a text, exact and free: shown beside what judges say, never in its place.

Each measure is a number for one text; whether more is better is said in its own sentence.
"""

import json
from collections.abc import Callable
from typing import Any

from jobs.domain.brand import Guide
from jobs.domain.coverage import encouraged_used
from jobs.domain.coverage import facts_named as share_named
from jobs.domain.disguise import has_word
from jobs.domain.filters import (
    Checked,
    example,  # noqa: F401 - the doctests' text with all that it is held against
    no_call_to_action,
    no_person,
    stray_tag,
    too_long,
    too_short,
    wrong_product,
)
from jobs.domain.lexicon import folded, knows
from jobs.domain.naming import names_product
from jobs.domain.prompts import content_type
from jobs.domain.rows import Brief
from jobs.domain.wording import asks_for_action

NAMED = ("ingredients", "effects")  # of the facts, with the ingredients' concentrations
FORM = (stray_tag, wrong_product, too_short, too_long, no_call_to_action, no_person)

Measure = Callable[[Checked], float]
MEASURES: dict[str, Measure] = {}  # in the order in which they are shown


def measures(found: Measure) -> Measure:
    """Register a measure by its name."""
    MEASURES[found.__name__] = found
    return found


def measure(text: str, brief: Brief, guide: Guide) -> dict[str, float]:
    """Every measure of a text written for a brief, by name."""
    kind = content_type(brief.content_type, brief.language)
    facts: dict[str, Any] = json.loads(brief.facts)
    checked = Checked(text, kind, guide, facts)
    return {name: count(checked) for name, count in MEASURES.items()}


@measures
def banned_words(checked: Checked) -> float:
    """How many of the words that the guide bans are in it, plain or disguised. Fewer is better.

    >>> banned_words(example("护肤神器，绝、绝、子，真是神 器。"))
    2.0
    >>> banned_words(example("精神器质。"))
    0.0
    """
    line, words = folded(checked.text), checked.guide.banned
    return float(sum(has_word(line, word, words, checked.language) for word in words))


@measures
def encouraged_words(checked: Checked) -> float:
    """How many of the guide's encouraged words are in it; neither many nor few are a merit.

    >>> from dataclasses import replace
    >>> checked = example("科学修护，科学配方。")
    >>> guide = replace(checked.guide, encouraged=("屏障", "修护", "科学"))
    >>> encouraged_words(replace(checked, guide=guide))
    2.0
    """
    return float(encouraged_used(checked.text, checked.guide.encouraged))


@measures
def product_named(checked: Checked) -> float:
    """1.0 where it is about this product by name, or by hero ingredient and category; else 0.0.

    >>> product_named(example("烟酰胺净润精华液，清透。")), product_named(example("一款好精华。"))
    (1.0, 0.0)
    """
    return float(names_product(checked.text, checked.facts, checked.language))


@measures
def facts_named(checked: Checked) -> float:
    """The share of ingredients, concentrations and effects that stand in it, 0.0 to 1.0.

    The example's facts are two ingredients, one with its concentration, and one effect.

    >>> facts_named(example("5%烟酰胺与神经酰胺。")), facts_named(example("它改善毛孔粗大。"))
    (0.75, 0.25)
    """
    facts = {key: checked.facts[key] for key in NAMED if key in checked.facts}
    return share_named(checked.text, facts, checked.language)


@measures
def length_fits(checked: Checked) -> float:
    """1.0 where its characters are within the content type's bounds, else 0.0.

    >>> [length_fits(example("字" * count)) for count in (19, 20, 60, 61)]
    [0.0, 1.0, 1.0, 0.0]
    """
    return float(not too_short(checked) and not too_long(checked))


@measures
def call_to_action(checked: Checked) -> float:
    """1.0 where it asks the reader to do something, whether or not its type requires that.

    >>> call_to_action(example("今晚给皮肤一次安静的机会。")), call_to_action(example("它很温和。"))
    (1.0, 0.0)
    """
    if not knows(checked.language, "call_to_action", "phrase"):
        return 0.0
    return float(asks_for_action(checked.text, checked.facts, checked.language))


@measures
def form_kept(checked: Checked) -> float:
    """1.0 where no filter finds fault with its form, else 0.0.

    That is its length, what its content type requires, and leftover tags and markup.

    >>> form_kept(example("烟酰胺净润精华液，同事小林用了一个月。今晚给皮肤一次安静的机会。"))
    1.0
    >>> form_kept(example("烟酰胺净润精华液，同事小林用了一个月。它很温和，也很轻，很透气。"))
    0.0
    """
    return float(not any(fault(checked) for fault in FORM))
