"""Proposing pairs of a product and a value: what a planner's model would answer, seeded."""

import json
import random
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
TRIES = 20  # draws for one pair before one that is there already is given after all


@dataclass(frozen=True)
class Ideas:
    """What there is to propose in one language."""

    between: str  # a head and a product's name: a space, or nothing
    heads: tuple[str, ...]  # stand before a product's name; empty: nothing does
    endings: tuple[str, ...]  # stand behind a category that is not known
    values: tuple[str, ...]
    products: Mapping[str, list[str]]  # by category


@cache
def load_ideas(language: str) -> Ideas:
    """Read pairs.<language>.toml."""
    table = tomllib.loads((HERE / f"pairs.{language}.toml").read_text(encoding="utf-8"))
    return Ideas(
        between=table["between"],
        heads=tuple(table["heads"]),
        endings=tuple(table["endings"]),
        values=tuple(table["values"]),
        products=table["products"],
    )


def propose(
    request: dict[str, Any], language: str, rng: random.Random, *, repeated: float
) -> tuple[list[dict[str, str]], int]:
    """The pairs that a request asks for, and how many are planted repeats of earlier ones."""
    ideas, planted = load_ideas(language), 0
    known = [tuple(line.split(" / ")) for line in request.get("already", {}).get("latest", [])]
    found: list[dict[str, str]] = []
    for _ in range(int(request["pairs_wanted"])):
        earlier = [*known, *((pair["product"], pair["value"]) for pair in found)]
        pair = new_pair(request, ideas, rng, earlier)
        if earlier and rng.random() < repeated:
            product, value = rng.choice(earlier)
            pair |= {"product": respelled(product, rng), "value": value}
            planted += 1
        found.append(pair)
    return found, planted


def new_pair(
    request: dict[str, Any], ideas: Ideas, rng: random.Random, earlier: list[tuple[str, ...]]
) -> dict[str, str]:
    """A pair that is not among those the request shows, as long as one is found."""
    pair: dict[str, str] = {}
    for _ in range(TRIES):
        category = request.get("category") or rng.choice(sorted(ideas.products))
        names = ideas.products.get(category) or [
            f"{category}{ideas.between}{end}" for end in ideas.endings
        ]
        product = ideas.between.join(filter(None, (rng.choice(ideas.heads), rng.choice(names))))
        value = rng.choice(request.get("values") or ideas.values)
        pair = {"product": product, "category": category, "value": value}
        if (product, value) not in earlier:
            break
    return pair


def respelled(product: str, rng: random.Random) -> str:
    """The same product, as models write it a second time: as it was, spaced or marked otherwise."""
    others = (product, product.replace(" ", ""), f"{product}!", f"‘{product}’")
    return rng.choice(others)


def as_reply(pairs: list[dict[str, str]], rng: random.Random) -> str:
    """The pairs as JSON, now and then in a code block."""
    text = json.dumps({"pairs": pairs}, ensure_ascii=False)
    return f"```json\n{text}\n```" if rng.random() < 0.2 else text


def broken(reply: str, rng: random.Random) -> str:
    """The reply cut off, or with a mark missing: no JSON any more."""
    if rng.random() < 0.5:
        return reply[: len(reply) * 2 // 3].rstrip("}] \n`")
    return reply.replace('": "', '" "', 1)
