"""Reading a chat: what is asked, of which brand, about which product. The message text is all."""

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from jobs.llm.offline.teacher.phrasebook import Phrasebook, load_phrasebook

JSON_BLOCK = re.compile(r"```json\s*(\{.*?\})\s*```", re.DOTALL)
FENCED = re.compile(r"<copy (\w+)>\n(.*?)\n?</copy \1>", re.DOTALL)
EXEMPLAR = re.compile(r"<exemplar (\w+)>\n.*?\n?</exemplar \1>", re.DOTALL)
JUDGED = re.compile(r"<answer \w+>")
MENDS = ("stray_tags", "real_person", "call_to_action")
SPOILS = ("exaggerated", "false")  # of a text that is shown; a weak one is written from the facts


@dataclass(frozen=True)
class Asked:
    """One chat, understood."""

    task: str  # write, weak, propose, one of MENDS or SPOILS, or other
    book: Phrasebook
    facts: dict[str, Any]
    content_type: str
    brand: str
    encouraged: tuple[str, ...]
    banned: tuple[str, ...]
    min_chars: int
    max_chars: int
    text: str  # what is to be mended or spoilt

    def as_task(self, content_type: str) -> "Asked":
        """The same product in another content type."""
        return replace(self, content_type=content_type)

    def showing(self, text: str) -> "Asked":
        """The same request about another text."""
        return replace(self, text=text)


def read_chat(messages: Sequence[dict[str, Any]]) -> Asked:
    """What a chat asks for; a chat that asks for no copy is `other`."""
    prose = "\n".join(content_of(message) for message in messages)
    prose = EXEMPLAR.sub("", prose)  # whatever an example says, it asks for nothing
    fenced = FENCED.search(prose)
    judged = JUDGED.search(prose)
    prose = FENCED.sub("", prose)
    facts = json_facts(prose)
    prose = JSON_BLOCK.sub("", prose)
    book = load_phrasebook(language_of(prose))
    window = book.signals["window"].search(prose)
    task = "other"
    if fenced:
        task = editing_task(prose, book)
    elif "pairs_wanted" in facts:
        task = "propose"
    elif facts.get("name") and window and not judged:
        task = "weak" if book.signals["weak"].search(said(prose, book, "task")) else "write"
    low, high = sorted(map(int, window.groups())) if window else (0, 0)
    return Asked(
        task=task,
        book=book,
        facts=facts,
        content_type=str(facts.get("content_type", "")),
        brand=str(facts.get("brand") or said(prose, book, "brand")),
        encouraged=listed(prose, book, "encouraged"),
        banned=listed(prose, book, "banned"),
        min_chars=low,
        max_chars=high or 10**6,
        text=fenced[2] if fenced else "",
    )


def content_of(message: dict[str, Any]) -> str:
    """A message's text, also where it comes as a list of parts."""
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return "\n".join(str(part.get("text", "")) for part in content)


def json_facts(prose: str) -> dict[str, Any]:
    """The product's facts, or nothing where there is no readable JSON block."""
    block = JSON_BLOCK.search(prose)
    if block is None:
        return {}
    try:
        facts = json.loads(block[1])
    except json.JSONDecodeError:
        return {}
    return facts if isinstance(facts, dict) else {}


def language_of(prose: str) -> str:
    """ko, zh or en, by the script that the prose is mostly in.

    >>> language_of("写一篇广告 for Acme"), language_of("광고를 써 주세요"), language_of("Write")
    ('zh', 'ko', 'en')
    """
    scripts = Counter(
        "ko" if "\uac00" <= sign <= "\ud7a3" else "zh" for sign in prose if sign >= "\u3400"
    )
    letters = sum(sign.isascii() and sign.isalpha() for sign in prose)
    if not scripts or scripts.total() * 4 < letters:
        return "en"
    return "ko" if scripts["ko"] * 2 > scripts["zh"] else "zh"


def editing_task(prose: str, book: Phrasebook) -> str:
    """Which change of the shown text the chat's task line asks for."""
    task = said(prose, book, "task")
    return next((name for name in (*MENDS, *SPOILS) if book.signals[name].search(task)), "other")


def said(prose: str, book: Phrasebook, name: str) -> str:
    """What the prose says after one of its labels."""
    found = book.signals[name].search(prose)
    return found[1].strip() if found else ""


def listed(prose: str, book: Phrasebook, name: str) -> tuple[str, ...]:
    """The words that the prose lists after one of its labels."""
    words = book.signals["list"].split(said(prose, book, name))
    return tuple(word.strip() for word in words if word.strip())
