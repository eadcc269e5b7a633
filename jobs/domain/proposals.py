"""Pairs of a product and a value that a teacher proposes: reading, checking, counting them."""

import json
import math
import random
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from jobs.domain.errors import RowError
from jobs.domain.lexicon import compact

FENCE = re.compile(r"\A```(?:json)?\s*\n(.*)\n```\Z", re.DOTALL)
BETWEEN = re.compile(r"\s*[,，、/·;]\s*")
# Letters in common, in order, of all: "전통 한옥 체험 수업" and "한옥 체험 수업" have 0.86;
# "한옥 체험 수업" and "한복 체험 수업", which are two things, 0.83.
ALIKE = 0.85


@dataclass(frozen=True)
class Wanted:
    """What proposals are to be; an empty list leaves the choice to the teacher."""

    categories: tuple[str, ...]
    values: tuple[str, ...]
    banned: tuple[str, ...]  # the guide's words
    max_chars: int  # of a product's name, and of a value


@dataclass(frozen=True)
class Proposed:
    """One pair that meets what is wanted."""

    product: str
    category: str
    values: tuple[str, ...]


def read_pairs(reply: str) -> list[Any]:
    """The entries of a reply: a JSON list, or an object with `pairs`. Raises RowError.

    >>> read_pairs('{"pairs": [{"product": "cup"}]}'), read_pairs("```json\\n[]\\n```")
    ([{'product': 'cup'}], [])
    """
    plain = reply.strip()
    fenced = FENCE.match(plain)
    try:
        found = json.loads(fenced[1] if fenced else plain)
    except json.JSONDecodeError as error:
        raise RowError(f"not JSON ({error.msg}): {plain[:60]!r}") from error
    pairs = found.get("pairs") if isinstance(found, dict) else found
    if not isinstance(pairs, list):
        raise RowError(f"wanted an object with a list of pairs: {plain[:60]!r}")
    return pairs


class Gathered:
    """The pairs that were taken so far, each unlike the others."""

    def __init__(self, wanted: Wanted) -> None:
        self.wanted = wanted
        self.kept: list[Proposed] = []
        self.names: dict[tuple[str, ...], list[str]] = {}  # by values: compact product names

    def add(self, entry: Any) -> str:
        """Take an entry; the reason why it is not taken, empty where it is."""
        reason, pair = checked(entry, self.wanted)
        if pair is None:
            return reason
        key = tuple(sorted(map(compact, pair.values)))
        name, others = compact(pair.product), self.names.setdefault(key, [])
        if name in others:
            return "repeated"
        if any(is_alike(name, other) for other in others):
            return "near_duplicate"
        others.append(name)
        self.kept.append(pair)
        return ""


def is_alike(name: str, other: str) -> bool:
    """Two names of one thing.

    >>> is_alike("전통한옥체험수업", "한옥체험수업"), is_alike("한옥체험수업", "한복체험수업")
    (True, False)
    """
    matcher = SequenceMatcher(None, name, other, autojunk=False)
    bounds = (matcher.real_quick_ratio, matcher.quick_ratio, matcher.ratio)  # cheapest first
    return all(bound() >= ALIKE for bound in bounds)


def checked(entry: Any, wanted: Wanted) -> tuple[str, Proposed | None]:
    """A reply's entry as a pair, or the reason why it is none."""
    if not isinstance(entry, dict):
        return "bad_entry", None
    product, category = (tidy(entry.get(name)) for name in ("product", "category"))
    values = values_of(entry.get("value"))
    reasons = {
        "no_product": not compact(product),
        "no_category": not compact(category),
        "no_value": not values,
        "too_long": max(map(len, (product, *values)), default=0) > wanted.max_chars,
        "unknown_category": not is_among((category,), wanted.categories),
        "unknown_value": not is_among(values, wanted.values),
        "banned_word": any(
            compact(word) in compact(f"{product} {' '.join(values)}") for word in wanted.banned
        ),
    }
    reason = next((name for name, holds in reasons.items() if holds), "")
    return reason, None if reason else Proposed(product, category, values)


def tidy(value: Any) -> str:
    """A text with single spaces; empty for anything else."""
    return " ".join(value.split()) if isinstance(value, str) else ""


def values_of(value: Any) -> tuple[str, ...]:
    """One value or several, from a list or from a text with commas, each once.

    >>> values_of("cultural, nostalgic"), values_of(["cultural", "cultural"])
    (('cultural', 'nostalgic'), ('cultural',))
    """
    parts = BETWEEN.split(value) if isinstance(value, str) else value
    found = [tidy(part) for part in parts] if isinstance(parts, list) else []
    return tuple(dict.fromkeys(part for part in found if compact(part)))


def is_among(found: Sequence[str], known: Sequence[str]) -> bool:
    """All are known, or nothing is prescribed."""
    return not known or {compact(one) for one in found} <= {compact(one) for one in known}


def coverage(pairs: Sequence[Proposed]) -> Counter[tuple[str, str]]:
    """How many pairs each (category, value) has; a pair of two values counts in both.

    >>> coverage([Proposed("cup", "home", ("calm", "warm")), Proposed("tea", "home", ("calm",))])
    Counter({('home', 'calm'): 2, ('home', 'warm'): 1})
    """
    return Counter((pair.category, value) for pair in pairs for value in pair.values)


def focus(
    pairs: Sequence[Proposed], wanted: Wanted, number: int, chance: random.Random
) -> tuple[str, list[str]]:
    """What the request `number` of a round is about: the category and values with the fewest pairs.

    Requests of a round take categories in turn; of the values it is half of them. Ties are broken
    by chance; a list that is not prescribed gives no focus.
    """
    counts = coverage(pairs)
    by_category = Counter(pair.category for pair in pairs)
    categories = chance.sample(wanted.categories, len(wanted.categories))
    categories.sort(key=lambda category: by_category[category])
    category = categories[number % len(categories)] if categories else ""
    values = chance.sample(wanted.values, len(wanted.values))
    values.sort(key=lambda value: counts[category, value])
    return category, values[: math.ceil(len(values) / 2)]


def request_facts(
    pairs: Sequence[Proposed], about: tuple[str, list[str]], *, count: int, shown: int
) -> dict[str, Any]:
    """What a request states: how many pairs, of what, and what there is already.

    What there is stands as counts by category and value, and as the latest pairs of the category.
    """
    category, values = about
    same = [pair for pair in pairs if category in ("", pair.category)]
    counts: dict[str, dict[str, int]] = {}
    for (kind, value), number in sorted(coverage(pairs).items()):
        counts.setdefault(kind, {})[value] = number
    latest = [f"{pair.product} / {', '.join(pair.values)}" for pair in same[-shown:]]
    facts: dict[str, Any] = {"pairs_wanted": count, "category": category, "values": values}
    return {**facts, "already": {"counts": counts, "latest": latest if shown else []}}
