"""Marking in a text what a reader looks for: banned and encouraged words, facts, other numbers."""

import json
import re
from collections.abc import Iterator
from typing import Any

from markupsafe import Markup, escape

from jobs.domain.brand import Guide
from jobs.domain.text import normalized

NUMBER = re.compile(r"\d+(?:[.,]\d+)*(?:\s?(?:%|‰|元|원|(?:ml|mg|kg|g|l)(?![a-z])))?")


def marked(text: str, guide: Guide, facts: str) -> Markup:
    """The text escaped, with <mark class="banned | encouraged | fact | number"> around what counts.

    A number that stands in the facts is a `fact`; any other is a `number`, for a person to check.
    Words are found in other case, full-width forms and around zero-width characters too.
    """
    parts = (
        _mark(name, part) if name else escape(part) for name, part in segments(text, guide, facts)
    )
    return Markup("").join(parts)


def segments(text: str, guide: Guide, facts: str) -> list[tuple[str, str]]:
    """The same as (class, part of the text); the class of what is not marked is empty."""
    folded, places = _folded(text)
    parts, end = [], 0
    for name, start, stop in _spans(folded, guide, facts):
        first, last = places[start], places[stop - 1] + 1
        parts += [("", text[end:first]), (name, text[first:last])]
        end = last
    return [(name, part) for name, part in [*parts, ("", text[end:])] if part]


def _mark(name: str, text: str) -> Markup:
    return Markup('<mark class="{}">{}</mark>').format(name, text)


def _folded(text: str) -> tuple[str, list[int]]:
    """The text as it is compared, and for each of its characters the place it came from."""
    pairs = [(folded, at) for at, character in enumerate(text) for folded in normalized(character)]
    return "".join(folded for folded, _ in pairs), [at for _, at in pairs]


def _spans(folded: str, guide: Guide, facts: str) -> Iterator[tuple[str, int, int]]:
    """(class, start, stop) of each mark, left to right. A banned word goes before all else."""
    known = json.loads(facts)
    numbers = {_tight(found) for found in NUMBER.findall(normalized(_values(known)))}
    numerals = {re.match(r"[\d.,]+", number)[0] for number in numbers}  # type: ignore[index]
    words = {normalized(word): "encouraged" for word in guide.encouraged}
    words |= {normalized(name): "fact" for name in _names(known)}
    words |= {normalized(word): "banned" for word in guide.banned}
    order = sorted(filter(None, words), key=lambda word: (words[word] != "banned", -len(word)))
    pattern = re.compile("|".join([*map(re.escape, order), NUMBER.pattern]))
    for match in pattern.finditer(folded):
        found = match[0]
        is_known = _tight(found) in numbers or found in numerals
        yield words.get(found) or ("fact" if is_known else "number"), *match.span()


def _tight(number: str) -> str:
    return "".join(number.split())


def _names(facts: dict[str, Any]) -> list[str]:
    """What the product and its ingredients are called."""
    return [facts.get("name", ""), *(entry["name"] for entry in facts.get("ingredients", ()))]


def _values(value: Any) -> str:
    """Every string in the facts, one a line."""
    if isinstance(value, dict):
        return "\n".join(map(_values, value.values()))
    if isinstance(value, list):
        return "\n".join(map(_values, value))
    return str(value)
