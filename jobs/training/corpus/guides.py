"""The guides of invented brands."""

from dataclasses import replace
from functools import cache
from random import Random

from jobs.domain.brand import Guide
from jobs.training.corpus.invention import brand_name, is_held_out
from jobs.training.corpus.lexicon import InventedBrand, brands, tones

CATEGORY = "护肤"
RENAMED = 0.8  # share of examples whose brand has a name of its own: names are to be read


def draw_brand(rng: Random, part: str) -> InventedBrand:
    """A brand of the part, `train` or `held_out`."""
    return rng.choice(brands(part))


@cache
def house_guide(brand: InventedBrand) -> Guide:
    """The brand's one guide; its rules and banned words are drawn by its name."""
    return _guide(brand, Random(brand.name), brand.encouraged)


def varied_guide(rng: Random, brand: InventedBrand) -> Guide:
    """A guide that has to be read: other rules, and any brands' words."""
    words = sorted({word for other in brands("train") for word in other.encouraged})
    return _guide(brand, rng, tuple(rng.sample(words, rng.randint(5, min(8, len(words))))))


def renamed(rng: Random, guide: Guide) -> Guide:
    """The guide, now and then under a new name. No name that is held out is ever given."""
    if rng.random() >= RENAMED:
        return guide
    name = brand_name(rng)
    if is_held_out(name) or name in {brand.name for brand in brands("held_out")}:
        return guide
    return replace(guide, name=name)


def _guide(brand: InventedBrand, rng: Random, encouraged: tuple[str, ...]) -> Guide:
    tone = tones()[brand.tone]
    return Guide(
        name=brand.name,
        language="zh",
        category=CATEGORY,
        philosophy=brand.philosophy,
        persona=brand.persona,
        rules=tuple(rng.sample(tone.rules, rng.randint(2, min(4, len(tone.rules))))),
        encouraged=encouraged,
        banned=tuple(rng.sample(tone.banned, rng.randint(4, 7))),
    )
