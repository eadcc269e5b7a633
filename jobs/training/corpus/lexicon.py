"""The corpus's words and sentence plans, read once from the TOML files under data/."""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jobs.domain.brand import Ingredient

DATA = Path(__file__).resolve().parent / "data"


@dataclass(frozen=True)
class Kind:
    """A sort of product, such as creams."""

    unit: str  # measure word
    nouns: tuple[str, ...]
    sizes: tuple[str, ...]  # "#" stands for any number
    price: tuple[int, int]  # lowest and highest, in yuan
    usage: tuple[str, ...]


@dataclass(frozen=True)
class Topic:
    """One thing that products are for, such as hydrating, with all that can be said of it."""

    kinds: tuple[Kind, ...]
    ingredients: tuple[Ingredient, ...]  # one entry for each true role
    effects: tuple[str, ...]
    troubles: tuple[str, ...]
    causes: tuple[str, ...]
    afters: tuple[str, ...]
    myths: tuple[tuple[str, str], ...]  # a belief and what is true
    steps: tuple[str, ...]  # how it works


@dataclass(frozen=True)
class SkinCare:
    """What the invented brands sell."""

    audiences: tuple[str, ...]
    textures: tuple[str, ...]
    topics: tuple[Topic, ...]
    ingredients: tuple[Ingredient, ...]  # of all topics


@dataclass(frozen=True)
class Tone:
    """How a brand sounds."""

    name: str
    slots: dict[str, tuple[str, ...]]  # slot -> its fillers
    rules: tuple[str, ...]
    banned: tuple[str, ...]


@dataclass(frozen=True)
class InventedBrand:
    """A brand that does not exist."""

    name: str
    tone: str
    philosophy: str
    persona: str
    encouraged: tuple[str, ...]


@dataclass(frozen=True)
class Plans:
    """The sentence plans of one content type."""

    weight: int  # how often the type is drawn, against the others
    chars: tuple[int, int]  # bounds of a text, without white space
    plans: tuple[tuple[tuple[str, ...], ...], ...]  # of each plan its lines, of each line its forms


def read_data(*parts: str) -> dict[str, Any]:
    """One parsed file under data/."""
    return tomllib.loads(DATA.joinpath(*parts).read_text(encoding="utf-8"))


@cache
def tones() -> dict[str, Tone]:
    """Every tone by its name."""
    found = {}
    for name, table in read_data("tones.toml").items():
        lists = {key: tuple(value) for key, value in table.items()}
        rules, banned = lists.pop("rules"), lists.pop("banned")
        found[name] = Tone(name, lists, rules, banned)
    return found


@cache
def brands(part: str) -> tuple[InventedBrand, ...]:
    """The brands of `train` or `held_out`."""
    entries = read_data("brands.toml")[part]
    return tuple(
        InventedBrand(**{**entry, "encouraged": tuple(entry["encouraged"])}) for entry in entries
    )


@cache
def name_words() -> dict[str, tuple[str, ...]]:
    """The lists that names, people and times are drawn from."""
    return {key: tuple(value) for key, value in read_data("names.toml").items()}


@cache
def plans_by_type() -> dict[str, Plans]:
    """Every content type's plans."""
    found = {}
    for path in sorted(DATA.glob("plans/*.toml")):
        for name, table in read_data("plans", path.name).items():
            low, high = table["chars"]
            plans = tuple(tuple(map(_forms, plan)) for plan in table["plans"])
            found[name] = Plans(table["weight"], (low, high), plans)
    return found


def _forms(line: str | list[str]) -> tuple[str, ...]:
    return (line,) if isinstance(line, str) else tuple(line)


@cache
def skin_care() -> SkinCare:
    """All that products are made of and can do."""
    table = read_data("skin_care.toml")
    kinds = {entry["id"]: _kind(entry) for entry in table["kinds"]}
    topics = tuple(_topic(entry, kinds) for entry in table["topics"])
    return SkinCare(
        audiences=tuple(table["audiences"]),
        textures=tuple(table["textures"]),
        topics=topics,
        ingredients=tuple(entry for topic in topics for entry in topic.ingredients),
    )


def _kind(entry: dict[str, Any]) -> Kind:
    low, high = entry["price"]
    return Kind(
        unit=entry["unit"],
        nouns=tuple(entry["nouns"]),
        sizes=tuple(entry["sizes"]),
        price=(low, high),
        usage=tuple(entry["usage"]),
    )


def _topic(entry: dict[str, Any], kinds: dict[str, Kind]) -> Topic:
    ingredients = []
    for line in entry["ingredients"]:
        name, *roles = line.split("|")
        ingredients += [Ingredient(name, role) for role in roles]
    myths = [line.partition("|") for line in entry["myths"]]
    return Topic(
        kinds=tuple(kinds[name] for name in entry["kinds"]),
        ingredients=tuple(ingredients),
        effects=tuple(entry["effects"]),
        troubles=tuple(entry["troubles"]),
        causes=tuple(entry["causes"]),
        afters=tuple(entry["afters"]),
        myths=tuple((belief, truth) for belief, _, truth in myths),
        steps=tuple(entry["steps"]),
    )
