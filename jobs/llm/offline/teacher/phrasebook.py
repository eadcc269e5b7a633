"""The writer's data for one language, read from plans.<language>*.toml beside this file."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jobs.llm.offline.teacher.templates import Template, parse

HERE = Path(__file__).resolve().parent

Banks = Mapping[str, tuple[Template, ...]]


@dataclass(frozen=True)
class Line:
    """One sentence of a plan."""

    template: Template
    calls: bool  # it is the call to action
    optional: bool
    begins_paragraph: bool


@dataclass(frozen=True)
class Topic:
    """What is known of one concern of the skin."""

    words: tuple[str, ...]  # it is about these; none: about anything
    only: bool  # where it fits, no other topic does
    banks: Banks
    myths: tuple[tuple[Template, Template, Template], ...]  # belief, why not, what instead


@dataclass(frozen=True)
class Value:
    """What is said of a value that a product's copy is to express."""

    words: tuple[str, ...]  # it is about these
    banks: Banks


@dataclass(frozen=True)
class Category:
    """Where on the body and how a kind of product is used."""

    words: tuple[str, ...]
    suffix: tuple[str, ...]  # (category, how to call it in a sentence)
    banks: Banks


@dataclass(frozen=True)
class Phrasebook:
    """All that is needed to write in one language."""

    language: str
    signals: Mapping[str, re.Pattern[str]]  # how the parts of a chat are recognised
    grammar: Mapping[str, Any]
    banks: Banks
    otherwise: Banks
    topics: tuple[Topic, ...]
    categories: tuple[Category, ...]
    values: tuple[Value, ...]
    people: Mapping[str, Any]
    plans: Mapping[str, tuple[tuple[Line, ...], ...]]
    fillers: Banks  # sentences that may be added to a text that is too short
    plain: Mapping[str, list[str]]  # answers to chats that ask for no copy
    defects: Mapping[str, Any]
    degrade: Mapping[str, Any]  # what makes a text worse on purpose
    mending: Mapping[str, tuple[re.Pattern[str], ...]]  # what is taken out of a text


@cache
def load_phrasebook(language: str) -> Phrasebook:
    """Read all files of the language. Raises FileNotFoundError where there is none."""
    paths = sorted(HERE.glob(f"plans.{language}*.toml"))
    if not paths:
        raise FileNotFoundError(f"no plans.{language}*.toml in {HERE}")
    merged: dict[str, Any] = {}
    for path in paths:
        for key, value in tomllib.loads(path.read_text(encoding="utf-8")).items():
            if isinstance(value, dict):
                merged.setdefault(key, {}).update(value)
            else:
                merged.setdefault(key, []).extend(value)
    return Phrasebook(
        language=language,
        signals={name: re.compile(source) for name, source in merged["signals"].items()},
        grammar=merged["grammar"],
        banks=banks_of(merged["phrases"]),
        otherwise=banks_of(merged["otherwise"]),
        topics=tuple(topic_of(table) for table in merged["topics"].values()),
        categories=tuple(category_of(table) for table in merged["categories"]),
        values=tuple(value_of(table) for table in merged.get("values", {}).values()),
        people=merged["people"],
        plans={
            name: tuple(tuple(map(line_of, plan["lines"])) for plan in plans)
            for name, plans in merged["plans"].items()
        },
        fillers=banks_of(merged["fillers"]),
        plain=merged["plain"],
        defects=merged["defects"],
        degrade=merged["degrade"],
        mending={name: tuple(map(re.compile, kept)) for name, kept in merged["mending"].items()},
    )


def banks_of(table: Mapping[str, list[str]]) -> Banks:
    """Phrases by the name of their bank."""
    return {name: tuple(map(parse, phrases)) for name, phrases in table.items()}


def topic_of(table: dict[str, Any]) -> Topic:
    """One [topics.x] table; all keys but words, only and myths are banks."""
    phrases = {key: value for key, value in table.items() if key not in ("words", "only", "myths")}
    myths = tuple((parse(a), parse(b), parse(c)) for a, b, c in table["myths"])
    return Topic(tuple(table["words"]), bool(table.get("only")), banks_of(phrases), myths)


def value_of(table: dict[str, Any]) -> Value:
    """One [values.x] table; all keys but words are banks."""
    phrases = {key: value for key, value in table.items() if key != "words"}
    return Value(tuple(table["words"]), banks_of(phrases))


def category_of(table: dict[str, Any]) -> Category:
    """One [[categories]] table; all keys but words and suffix are banks."""
    phrases = {key: value for key, value in table.items() if key not in ("words", "suffix")}
    return Category(tuple(table["words"]), tuple(table.get("suffix", ())), banks_of(phrases))


def line_of(source: str) -> Line:
    """One line of a plan, with its marks / ? ! before it.

    >>> line_of("?!Try it.").calls
    True
    """
    text = source.lstrip("/?!")
    marks = source[: len(source) - len(text)]
    return Line(parse(text), "!" in marks, "?" in marks, "/" in marks)
