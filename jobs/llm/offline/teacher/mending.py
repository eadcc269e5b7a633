"""Mending one text, by rules on the text alone: what an editor's model would hand back."""

import random
import re

from jobs.domain.text import char_count
from jobs.llm.offline.teacher.chat import Asked
from jobs.llm.offline.teacher.facts import scene_of
from jobs.llm.offline.teacher.writing import compose

TAG = "p|div|span|br|b|i|u|em|strong|h[1-6]|ul|ol|li|a|img|section|article|output|body|html|text"
MARKUP = (
    re.compile(r"```[a-z]*\n?|\n?```"),
    re.compile(rf"</?(?:{TAG})(?:\s[^<>]*)?/?>", re.IGNORECASE),
    re.compile(rf"</?(?:{TAG})(?![A-Za-z0-9])\s?/?", re.IGNORECASE),  # a tag's first half
    re.compile(rf"(?<![A-Za-z0-9<])/?(?:{TAG})>", re.IGNORECASE),  # a tag's second half
    re.compile(r"(?m)^\s*#{1,6}\s[^\n]*\n"),
    re.compile(r"(?m)^\s*#{1,6}\s+"),
    re.compile(r"&(?:nbsp|amp|lt|gt|quot);"),
    re.compile(r"\\n"),
    re.compile(r"\{\{?\s*[A-Za-z_ ]+\s*\}?\}"),
    re.compile(r"\[\s*[A-Za-z_ ]{3,}\s*\]"),
)
BOLD = re.compile(r"\*\*")


def mended(asked: Asked, rng: random.Random) -> str:
    """The text after the pass that the chat asks for."""
    if asked.task == "stray_tags":
        return without_stray_tags(asked)
    if asked.task == "real_person":
        return with_person(asked, rng)
    return with_call_to_action(asked, rng)


def without_stray_tags(asked: Asked) -> str:
    """Markup, placeholders, headings and remarks taken out; `<5%` and all else stays."""
    patterns, text = asked.book.mending, asked.text.strip()
    for name in ("preambles", "endings", "headings", "placeholders"):
        for pattern in patterns[name]:
            text = pattern.sub("", text)
    for markup in MARKUP:
        text = markup.sub("", text)
    text = BOLD.sub("", text)
    for pattern in patterns["preambles"]:  # a remark that stood behind a tag
        text = pattern.sub("", text.strip())
    return text.strip()


def with_person(asked: Asked, rng: random.Random) -> str:
    """The product's facts told anew by or about a person, in the window that is asked for."""
    told = ("social_media_review", "social_media_storytelling")
    name = asked.content_type if asked.content_type in told else told[1]
    return compose(asked.as_task(name), rng)


def with_call_to_action(asked: Asked, rng: random.Random) -> str:
    """The text with a call to action at its end, shortened where the window is full."""
    text = asked.text.strip()
    scene = scene_of(asked, rng)
    calls = [
        scene.fill(rng.choice(scene.banks[bank])) for bank in ("cta", "cta_short", "cta_short")
    ]
    room = asked.max_chars - char_count(text)
    fitting = [call for call in calls if char_count(call) <= room]
    stop, space = asked.book.grammar["stop"], asked.book.grammar["space"]
    if not fitting:
        text, call = shortened(text, stop=stop, name=str(asked.facts.get("name", ""))), calls[1]
    else:
        call = fitting[0]
    if text and text[-1].isalnum():
        text += stop.strip()
    return f"{text}{space}{call}".strip()


def shortened(text: str, *, stop: str, name: str) -> str:
    """The text without its last sentence that does not name the product."""
    pieces = [piece for piece in re.split(rf"(?<={re.escape(stop)})", text) if piece]
    for index in range(len(pieces) - 1, 0, -1):
        if name not in pieces[index]:
            return "".join(pieces[:index] + pieces[index + 1 :]).strip()
    return text
