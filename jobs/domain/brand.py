"""A brand's guide and its products, read from configs/brands/<brand>/."""

import json
import tomllib
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from jobs.domain.errors import InputError

ROOT = Path(__file__).resolve().parents[2]
BRANDS = ROOT / "configs" / "brands"


@dataclass(frozen=True)
class Guide:
    """How a brand writes."""

    name: str  # as readers know the brand
    language: str  # zh, ko or en
    category: str  # what it sells
    philosophy: str
    persona: str  # who seems to speak
    rules: tuple[str, ...]
    encouraged: tuple[str, ...]  # words
    banned: tuple[str, ...]  # words


@dataclass(frozen=True)
class Ingredient:
    """One thing a product is made of; the first of a product is its hero."""

    name: str
    role: str  # what it does
    concentration: str = ""  # with its unit; empty where it is not stated


@dataclass(frozen=True)
class Product:
    """One item with its facts."""

    product_id: str
    name: str
    category: str
    ingredients: tuple[Ingredient, ...] = ()
    effects: tuple[str, ...] = ()
    suited_for: tuple[str, ...] = ()
    texture: str = ""
    size: str = ""
    price: str = ""
    value: str = ""  # what its copy is to express, where ingredients are not the point
    split: str = field(default="")  # train, dev, val; empty: the brief job decides


def facts_json(product: Product, brand_name: str) -> str:
    """The one JSON object by which every prompt states a product's facts.

    Ids, the split and empty values are left out.

    >>> mug = Product("p1", "Mug", "cup", (Ingredient("clay", "keeps warm"),), ("warm",))
    >>> facts_json(mug, "Kiln")[:30]
    '{"brand":"Kiln","name":"Mug","'
    """
    record = asdict(product)
    facts: dict[str, Any] = {"brand": brand_name}
    for key in ("name", "category", "ingredients", "effects", "suited_for", "texture", "size"):
        facts[key] = record[key]
    facts |= {"price": record["price"], "value": record["value"]}
    facts["ingredients"] = [
        {key: value for key, value in ingredient.items() if value}
        for ingredient in record["ingredients"]
    ]
    kept = {key: value for key, value in facts.items() if value}
    return json.dumps(kept, ensure_ascii=False, separators=(",", ":"))


def product_of(record: dict[str, Any]) -> Product:
    """A product from a parsed row. Raises TypeError or KeyError where the row does not fit."""
    record = dict(record)
    record["ingredients"] = tuple(Ingredient(**entry) for entry in record.get("ingredients") or ())
    for name in ("effects", "suited_for"):
        record[name] = tuple(record.get(name) or ())
    return Product(**record)


def brand_folder(brand: str) -> Path:
    """Where the brand's files lie. Raises InputError naming the brands there are."""
    folder = BRANDS / brand
    if not (folder / "guide.toml").is_file():
        known = sorted(path.parent.name for path in BRANDS.glob("*/guide.toml"))
        raise InputError(
            f"there is no configs/brands/{brand}/guide.toml; brands here: {', '.join(known)}. "
            f"Add the folder, or set the config's brand to one of them."
        )
    return folder


def load_guide(brand: str) -> Guide:
    """The brand's guide. Raises InputError for a missing folder, an unknown or missing key."""
    path = brand_folder(brand) / "guide.toml"
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path.relative_to(ROOT)} cannot be read: {error}") from error
    wanted = {entry.name for entry in fields(Guide)}
    if set(table) != wanted:
        raise InputError(
            f"{path.relative_to(ROOT)} has keys {sorted(table)}; wanted exactly {sorted(wanted)}."
        )
    for entry in fields(Guide):
        value, is_text = table[entry.name], entry.type is str
        parts = [value] if is_text else value
        if not isinstance(parts, list) or not all(isinstance(part, str) for part in parts):
            raise InputError(
                f"{path.relative_to(ROOT)} {entry.name} = {str(value)[:60]!r}; wanted "
                f"{'text' if is_text else 'a list of texts'}. Correct it."
            )
    lists = {key: tuple(value) for key, value in table.items() if isinstance(value, list)}
    return Guide(**{**table, **lists})
