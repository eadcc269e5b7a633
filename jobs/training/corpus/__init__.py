"""Marketing copy of brands that do not exist: what the embedded base model is pretrained on.

It teaches fluent Chinese in the nine content types, a usual marketing voice, and above all to copy
facts out of the brief's JSON. No brand of configs/brands/ and nothing a teacher wrote is in it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random

from jobs.domain.brand import Guide, facts_json
from jobs.domain.prompts import Message, render_brief, render_guided
from jobs.domain.rows import Brief
from jobs.training.corpus.guides import draw_brand, house_guide, renamed, varied_guide
from jobs.training.corpus.invention import Invented, invent, is_held_out
from jobs.training.corpus.lexicon import InventedBrand, plans_by_type, tones
from jobs.training.corpus.writing import write

GUIDED = 0.1  # share of examples whose prompt shows the guide
OWN_WORDS = 0.4  # share of the other examples that use the brand's encouraged words


@dataclass(frozen=True)
class Example:
    """A brief and a text that answers it."""

    brief: Brief
    guide: Guide
    guided: bool  # the prompt shows the guide
    text: str

    @property
    def messages(self) -> list[Message]:
        """The chat to train on."""
        render = render_guided if self.guided else render_brief
        return [*render(self.brief, self.guide), {"role": "assistant", "content": self.text}]


def examples(count: int, seed: int) -> Iterator[Example]:
    """`count` examples of the training brands; the same ones for the same seed."""
    rng = Random(seed)
    for number in range(count):
        content_type = _draw_type(rng)
        while (example := _example(rng, content_type, number)) is None:
            pass  # the product fitted no plan, or is held out: take another
        yield example


def held_out_briefs(count: int, seed: int) -> list[tuple[Brief, Guide]]:
    """`count` briefs of brands and products that `examples` never shows, the types in turn."""
    rng = Random(seed)
    types = list(plans_by_type())
    found: list[tuple[Brief, Guide]] = []
    while len(found) < count:
        brand = draw_brand(rng, "held_out")
        invented = invent(rng, len(found))
        if is_held_out(invented.product.name):
            guide = house_guide(brand)
            found.append((_brief(invented, guide, types[len(found) % len(types)], "val"), guide))
    return found


def _example(rng: Random, content_type: str, number: int) -> Example | None:
    """One example, or None where the drawn product fits no plan or is held out."""
    guided = rng.random() < GUIDED
    brand = draw_brand(rng, "train")
    guide = varied_guide(rng, brand) if guided and rng.random() < 0.5 else house_guide(brand)
    guide = renamed(rng, guide)
    invented = invent(rng, number)
    if is_held_out(invented.product.name):
        return None
    known = guide if guided else _usual(rng, brand, guide)
    text = _text(rng, content_type, invented, known, brand.tone)
    if text is None:
        return None
    return Example(_brief(invented, guide, content_type, "train"), guide, guided, text)


def _draw_type(rng: Random) -> str:
    plans = plans_by_type()
    return rng.choices(list(plans), [entry.weight for entry in plans.values()])[0]


def _usual(rng: Random, brand: InventedBrand, guide: Guide) -> Guide:
    """The guide as far as a reader who knows only the brand's name could tell."""
    known = guide.name == brand.name and rng.random() < OWN_WORDS
    return guide if known else replace(guide, encouraged=())


def _text(
    rng: Random, content_type: str, invented: Invented, guide: Guide, tone: str
) -> str | None:
    text = write(rng, content_type, invented, guide, tones()[tone])
    if text is None or any(word in text for word in guide.banned):
        return None
    return text


def _brief(invented: Invented, guide: Guide, content_type: str, split: str) -> Brief:
    product = invented.product
    return Brief(
        brief_id=f"{product.product_id}/{content_type}",
        product_id=product.product_id,
        split=split,
        new_hero=False,
        brand="invented",
        language="zh",
        content_type=content_type,
        facts=facts_json(product, guide.name),
    )
