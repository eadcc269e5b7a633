"""What a judge is shown, read back from the chat: guide, facts, window and the fenced answer.

Nothing else is known here: not who wrote the answer, and nothing of any file beside the lexicons.
The guide is read by its layout (three labelled lines, a label, a list, two labelled lines), so the
same reader serves every language's partial.
"""

import json
import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from jobs.domain.brand import Guide, Product, product_of
from jobs.domain.text import char_count, normalized

ANSWER = re.compile(r"<answer (\S+)>\n?(.*)\n?</answer \1>", re.DOTALL)
FACTS = re.compile(r"```json\s*\n(.*?)\n```", re.DOTALL)
WINDOW = re.compile(r"(\d+)\s*(?:到|至|to|and|[-–—~])\s*(\d+)")
RULES = re.compile(
    r"^(?P<brand>[^\n]+)\n(?P<philosophy>[^\n]+)\n(?P<persona>[^\n]+)\n[^\n]*\n"
    r"(?P<rules>(?:- [^\n]*\n)+)(?P<encouraged>[^\n]*)\n(?P<banned>[^\n]*)",
    re.MULTILINE,
)
NAME_AND_CATEGORY = re.compile(r"^(.*?)\s*[（(]([^（）()]*)[）)]\s*$")
HAN = re.compile(r"[\u4e00-\u9fff]")
HANGUL = re.compile(r"[\uac00-\ud7a3]")


@dataclass(frozen=True)
class Case:
    """One judgement to be made."""

    guide: Guide
    product: Product
    content_type: str
    rubric: str  # the prompt's text before the guide
    facts: str  # the JSON text as shown
    min_chars: int
    max_chars: int
    text: str  # the answer, untouched

    @property
    def language(self) -> str:
        return self.guide.language

    @cached_property
    def plain(self) -> str:
        """The answer as the rules read it: see `flat`."""
        return flat(self.text, self.language)

    @cached_property
    def plain_facts(self) -> str:
        return flat(self.facts, self.language)

    @cached_property
    def sentences(self) -> tuple[str, ...]:
        """Sentences with their closing marks."""
        stop = r"[。!?\n]" if self.language == "zh" else r"(?:[.!?](?=\s|$)|\n)"
        parts = re.split(rf"(?<={stop[:-1]}])" if self.language == "zh" else stop, self.plain)
        return tuple(part.strip() for part in parts if part.strip(" \n”』」\"'"))

    @cached_property
    def clauses(self) -> tuple[str, ...]:
        parts = re.split(r"[,。!?;:\n]|\.(?=\s|$)|——", self.plain)
        return tuple(part.strip() for part in parts if part.strip())

    @property
    def chars(self) -> int:
        return char_count(self.text)


def flat(text: str, language: str) -> str:
    """NFKC, lower case; no blanks but line ends in Chinese, single blanks elsewhere.

    >>> flat("浓度 ５％，温和！", "zh")
    '浓度5%,温和!'
    """
    kept = normalized(text).strip()
    if language == "zh":
        return re.sub(r"\s*\n\s*", "\n", re.sub(r"[^\S\n]+", "", kept))
    return re.sub(r"\s*\n\s*", "\n", re.sub(r"[^\S\n]+", " ", kept))


def prompt_in(body: dict[str, Any]) -> str:
    """The chat's last user message; empty where there is none in plain text."""
    contents = [
        message.get("content")
        for message in body.get("messages") or ()
        if isinstance(message, dict) and message.get("role") == "user"
    ]
    return contents[-1] if contents and isinstance(contents[-1], str) else ""


def read_case(body: dict[str, Any]) -> Case | None:
    """The judgement that a chat body asks for; None where it asks for something else."""
    prompt = prompt_in(body)
    answer = ANSWER.search(prompt)
    if answer is None:
        return None
    shown = prompt[: answer.start()]
    blocks = FACTS.findall(shown)
    layout = RULES.search(shown)
    windows = WINDOW.findall(shown[: layout.start()] if layout else shown)
    product = _product(blocks[-1]) if blocks else None
    if layout is None or product is None or not windows:
        return None
    rubric = shown[: layout.start()]
    return Case(
        guide=guide_of(layout, language_of(rubric)),
        product=product,
        content_type=str(json.loads(blocks[-1]).get("content_type", "")),
        rubric=rubric,
        facts=blocks[-1],
        min_chars=int(windows[-1][0]),
        max_chars=int(windows[-1][1]),
        text=answer[2],
    )


def _product(block: str) -> Product | None:
    try:
        record = json.loads(block)
        record.pop("content_type", None)
        record.pop("brand", None)
        return product_of({"product_id": "", **record})
    except (json.JSONDecodeError, TypeError, KeyError, AttributeError):
        return None


def guide_of(layout: re.Match[str], language: str) -> Guide:
    """The guide whose lines `RULES` matched."""
    brand = NAME_AND_CATEGORY.match(_value(layout["brand"]))
    rules = tuple(line[2:].strip() for line in layout["rules"].splitlines())
    return Guide(
        name=brand[1] if brand else _value(layout["brand"]),
        language=language,
        category=brand[2] if brand else "",
        philosophy=_value(layout["philosophy"]),
        persona=_value(layout["persona"]),
        rules=rules,
        encouraged=_listed(layout["encouraged"]),
        banned=_listed(layout["banned"]),
    )


def _value(line: str) -> str:
    return re.split(r"[:：]", line, maxsplit=1)[-1].strip()


def _listed(line: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in re.split(r"[、,，]", _value(line)) if word.strip())


def language_of(rubric: str) -> str:
    """The language that a text is mostly in.

    >>> language_of("评审项：真实（truth）"), language_of("평가 항목: 사실성 (truth)")
    ('zh', 'ko')
    """
    han, hangul = len(HAN.findall(rubric)), len(HANGUL.findall(rubric))
    if hangul > 0.1 * len(rubric):
        return "ko"
    return "zh" if han > 0.1 * len(rubric) else "en"
