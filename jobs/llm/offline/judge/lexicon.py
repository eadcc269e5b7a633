"""The judge's word lists, read once from data/, and how a match in them is told from a denial.

Chinese lists lie in one file per topic; every other language has one file with the topics as its
tables. A topic or list that a language lacks matches nothing.
"""

import re
import tomllib
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

DATA = Path(__file__).resolve().parent / "data"
NOTHING = re.compile(r"(?!)")
DENIALS = re.compile(
    r"不|没|无|非|别|勿|莫|拒绝|避免|告别|而不|谈不上|算不上|何来|\bno\b|\bnot\b|\bnever\b|n't\b|without|않|없|아니"
)
REACH = 9  # characters before a match in which a denial still governs it


@dataclass(frozen=True)
class Fault:
    """One thing found wrong."""

    code: str  # names its phrase in data/reasons.toml
    loss: float  # points that its criterion loses
    evidence: str = ""
    grave: bool = False  # one that the rubric caps the score for


@dataclass(frozen=True)
class Mark:
    """One criterion's result."""

    score: float  # 1.0 .. 5.0
    faults: tuple[Fault, ...] = ()

    @property
    def graves(self) -> int:
        return sum(fault.grave for fault in self.faults)


def mark(score: float, faults: list[Fault]) -> Mark:
    """A mark that starts at `score` and loses what its faults cost."""
    left = score - sum(fault.loss for fault in faults)
    return Mark(min(5.0, max(1.0, left)), tuple(faults))


@cache
def _file(name: str) -> dict[str, Any]:
    return tomllib.loads((DATA / f"{name}.toml").read_text(encoding="utf-8"))


@cache
def topic(name: str, language: str) -> dict[str, Any]:
    """The lists of one topic."""
    table = _file(name) if language == "zh" else _file(language).get(name, {})
    return dict(table)


@cache
def pattern(name: str, table: str, entry: str, language: str) -> re.Pattern[str]:
    """One list as a pattern; one that matches nothing where the language has no such list."""
    source = topic(name, language).get(table, {}).get(entry)
    return re.compile(source, re.MULTILINE) if source else NOTHING


@lru_cache(maxsize=4096)
def compiled(source: str) -> re.Pattern[str]:
    return re.compile(source, re.MULTILINE)


def clause_start(text: str, position: int) -> int:
    """Where the clause that holds `position` begins."""
    marks = [text.rfind(sign, 0, position) for sign in ",。!?;:\n"]
    return max(marks) + 1


def clause_at(text: str, position: int) -> str:
    """The clause that holds `position`."""
    end = re.compile(r"[,。!?;:\n]").search(text, position)
    return text[clause_start(text, position) : end.start() if end else len(text)]


def sentence_at(text: str, position: int) -> str:
    """The sentence that holds `position`."""
    start = max(text.rfind(sign, 0, position) for sign in "。!?\n") + 1
    end = re.compile(r"[。!?\n]").search(text, position)
    return text[start : end.start() if end else len(text)]


def denied(text: str, position: int) -> bool:
    """Whether a denial stands shortly before `position` in the same clause.

    >>> denied("它不是神器", 3), denied("它是神器", 2)
    (True, False)
    """
    start = max(clause_start(text, position), position - REACH)
    return DENIALS.search(text, start, position) is not None


def asserted(found: re.Pattern[str], text: str, known: str = "") -> list[str]:
    """What `found` matches in `text`, each once, without denials and without words in `known`."""
    words: list[str] = []
    for match in found.finditer(text):
        word = match[0]
        if word and word not in words and word not in known and not denied(text, match.start()):
            words.append(word)
    return words
