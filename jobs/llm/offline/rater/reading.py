"""What the rater is asked, read from the chat alone, as a paid model would have to."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from jobs.domain.errors import VerdictError
from jobs.domain.lexicon import clauses, compact, folded, sentences
from jobs.llm.offline.rater.words import LANGUAGES, entry, pattern

FENCED = re.compile(r"<copy ([0-9a-f]{16})>\n(.*)\n</copy \1>", re.DOTALL)
FACTS = re.compile(r"```json\n(\{.*?\})\n```", re.DOTALL)
FAMILIES = ("paid_ad", "social_media", "ecommerce")
TOLD_CHARS = 12  # of a line that counts as an instruction


@dataclass(frozen=True)
class Asked:
    """One text with all that the chat shows beside it."""

    is_check: bool  # else a rating is wanted
    language: str  # the prompt's
    banned: tuple[str, ...]
    encouraged: tuple[str, ...]
    rules: str  # all that stands before the facts
    facts: Mapping[str, Any]
    content_type: str
    low: int  # characters without white space
    high: int
    text: str

    @property
    def family(self) -> str:
        """Of its content type; value_line is one of its own."""
        return next((name for name in FAMILIES if self.content_type.startswith(name)), "line")

    @cached_property
    def line(self) -> str:
        """The text, folded."""
        return folded(self.text)

    @cached_property
    def letters(self) -> str:
        """Letters, digits and ideographs of the text."""
        return compact(self.text)

    @cached_property
    def sentences(self) -> list[str]:
        """Folded sentences."""
        return sentences(self.text, self.language)

    @cached_property
    def clauses(self) -> list[str]:
        """What stands between the marks of its sentences."""
        return [part for sentence in self.sentences for part in clauses(sentence)]

    @property
    def ingredients(self) -> Sequence[Mapping[str, str]]:
        """Of the facts; the first is the hero."""
        found: Sequence[Mapping[str, str]] = self.facts.get("ingredients", ())
        return found

    @cached_property
    def known(self) -> str:
        """All facts in one folded line."""
        return folded(json.dumps(self.facts, ensure_ascii=False))

    def has(self, key: str, line: str) -> bool:
        """The line has something of a word list."""
        return bool(pattern(self.language, key).search(line))


def read(messages: Sequence[Mapping[str, str]]) -> Asked:
    """The first question of a chat; a request to repair a reply asks the same again.

    Raises VerdictError for a chat that asks neither for a check nor for a rating.
    """
    system = "\n".join(one["content"] for one in messages if one["role"] == "system")
    user = next((one["content"] for one in messages if one["role"] == "user"), "")
    copy = FENCED.search(user)
    before = user[: copy.start()] if copy else user
    told = FACTS.search(before)
    language = next((name for name in LANGUAGES if _listed(system, name, "banned") is not None), "")
    asked = user[copy.end() :] if copy else ""
    if copy is None or told is None or not language or '"reason"' not in asked:
        raise VerdictError("this is no request to check or rate a text")
    rules = before[: told.start()]
    bounds = pattern(language, "prompt.bounds").search(rules)
    facts = json.loads(told[1])
    return Asked(
        is_check='"exaggerated"' in asked,
        language=language,
        banned=_listed(system, language, "banned") or (),
        encouraged=_listed(system, language, "encouraged") or (),
        rules=f"{system}\n{rules}",
        content_type=facts.pop("content_type", ""),
        facts=facts,
        low=int(bounds[1]) if bounds else 0,
        high=int(bounds[2]) if bounds else 10**6,
        text=copy[2].strip(),
    )


def _listed(system: str, language: str, name: str) -> tuple[str, ...] | None:
    """The guide's words after a label; None where the prompt has no such label."""
    found = re.search(entry(language, f"prompt.{name}"), system, re.MULTILINE)
    if found is None:
        return None
    parts = found[1].split(entry(language, "prompt.joint"))
    return tuple(word.strip() for word in parts if word.strip())
