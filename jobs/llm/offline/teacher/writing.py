"""One text in one of the language's sentence plans, within the window that the prompt asks for."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from jobs.domain.text import char_count, normalized
from jobs.llm.offline.teacher.chat import Asked
from jobs.llm.offline.teacher.facts import ingredients, scene_of
from jobs.llm.offline.teacher.phrasebook import Line
from jobs.llm.offline.teacher.templates import Missing, Scene, Slot, Template

ATTEMPTS = 14  # with 8, one ad in forty lacked an encouraged word; most texts need one or two
PATIENCE = 4  # attempts after which a text may be a little longer or shorter than aimed at
OFF_TARGET = 2  # the objection to a text that is inside the window but not where aimed at
AD_WINDOW = 100  # a window narrower than this, in characters, is an ad's

Plan = tuple[Line, ...]


@dataclass(frozen=True)
class Manner:
    """How a text is to be written where it is not simply to be good."""

    calls: bool = True  # ads: with a call to action
    person: bool = True  # reviews and stories: with a person


@dataclass(frozen=True)
class Sentence:
    """A line of a plan in words."""

    line: Line
    text: str

    @property
    def length(self) -> int:
        return char_count(self.text)


GOOD = Manner()


def compose(asked: Asked, rng: random.Random, manner: Manner = GOOD) -> str:
    """The best of some attempts; the first that nothing speaks against ends the search."""
    best, least = "", float("inf")
    for number in range(1, ATTEMPTS + 1):
        plan = rng.choice(plans_for(asked, manner))
        text, dropped = attempt(asked, plan, rng, manner)
        objection = objections(asked, text, manner) + 8 * dropped
        if objection < least:
            best, least = text, objection
        if least <= (OFF_TARGET if number >= PATIENCE else 0):
            break
    return best


def plans_for(asked: Asked, manner: Manner) -> Sequence[Plan]:
    """The content type's plans; for a type that is not known, those of one of the same length."""
    plans = asked.book.plans
    name = asked.content_type
    if not manner.person:
        return plans["flat_review" if name.endswith("review") else "flat_story"]
    if not manner.calls and name == "paid_ad_cta":
        return plans["paid_ad_fab"]  # without its first sentence an ad of this type has no head
    if name in plans:
        return plans[name]
    if is_ad(asked):
        return plans["paid_ad_fab"]
    long = asked.content_type.startswith("ecommerce")
    return plans["ecommerce_long_form" if long else "social_media_educational"]


def is_ad(asked: Asked) -> bool:
    """Whether the text must call to an action; a type without plans is known by its window."""
    is_known = asked.content_type in asked.book.plans
    return asked.content_type.startswith("paid_ad") or (
        not is_known and asked.max_chars <= AD_WINDOW
    )


def target(asked: Asked) -> tuple[int, int]:
    """The lengths to aim at: the lower middle of the window."""
    width = asked.max_chars - asked.min_chars
    low, high = (0.2, 0.68) if is_ad(asked) else (0.05, 0.34)
    return asked.min_chars + round(low * width), asked.min_chars + round(high * width)


def attempt(asked: Asked, plan: Plan, rng: random.Random, manner: Manner) -> tuple[str, int]:
    """One text, and how many sentences of its plan could not be written."""
    scene = scene_of(asked, rng)
    lines = [line for line in plan if manner.calls or not line.calls]
    written: list[Sentence | None] = []
    dropped = 0
    for line in lines:
        try:
            written.append(Sentence(line, scene.fill(line.template)))
        except Missing:
            written.append(None)
            dropped += not line.optional
    sentences = [sentence for sentence in written if sentence]
    low, high = target(asked)
    kept = chosen(sentences, rng, goal=rng.randint(low, high), limit=high)
    add_encouraged_words(kept, high, asked, scene)
    fill_up(kept, low, asked, scene)
    return joined(kept), dropped


def chosen(
    sentences: list[Sentence], rng: random.Random, *, goal: int, limit: int
) -> list[Sentence]:
    """All that must be said, and of the rest as much as brings the text to its goal."""
    length = sum(entry.length for entry in sentences if not entry.line.optional)
    keep = {index for index, entry in enumerate(sentences) if not entry.line.optional}
    optional = [index for index in range(len(sentences)) if index not in keep]
    for index in rng.sample(optional, len(optional)):
        if length < goal and length + sentences[index].length <= limit:
            keep.add(index)
            length += sentences[index].length
    return [entry for index, entry in enumerate(sentences) if index in keep]


def fill_up(sentences: list[Sentence], low: int, asked: Asked, scene: Scene) -> None:
    """Add general sentences before the last one until the text is long enough."""
    general = asked.book.fillers["ad" if is_ad(asked) else "long"]
    fillers = asked.book.fillers.get(asked.content_type, general)
    room = asked.max_chars - sum(entry.length for entry in sentences)
    for filler in scene.rng.sample(fillers, len(fillers)):
        if sum(entry.length for entry in sentences) >= low or not sentences:
            break
        added = said(scene, filler)
        if 0 < char_count(added) <= room:
            line = Line(filler, calls=False, optional=True, begins_paragraph=False)
            sentences.insert(-1, Sentence(line, added))
            room -= char_count(added)


def add_encouraged_words(sentences: list[Sentence], high: int, asked: Asked, scene: Scene) -> None:
    """Where the guide's words are not ours, name them in sentences that fit any word."""
    text = joined(sentences)
    plain = normalized(text)
    unsaid = [word for word in asked.encouraged if normalized(word) not in plain]
    if len(unsaid) < len(asked.encouraged):
        return
    for word in scene.rng.sample(unsaid, min(len(unsaid), 2)):
        scene.facts = {**scene.facts, "word": word}
        added = said(scene, (Slot("word_sentence"),))
        if added and char_count(joined(sentences)) + char_count(added) <= high and sentences:
            line = Line((), calls=False, optional=True, begins_paragraph=False)
            sentences.insert(-1, Sentence(line, added))


def said(scene: Scene, template: Template) -> str:
    """The template in words, or nothing where a fact is missing."""
    try:
        return scene.fill(template)
    except Missing:
        return ""


def joined(sentences: Sequence[Sentence]) -> str:
    """The text with its paragraphs."""
    text = ""
    for entry in sentences:
        if entry.line.begins_paragraph and text:
            text = text.rstrip() + "\n"
        text += entry.text
    return text.strip()


def objections(asked: Asked, text: str, manner: Manner) -> int:
    """How much speaks against a text; 0 for a good one."""
    length, plain, grammar = char_count(text), normalized(text), asked.book.grammar
    low, high = target(asked)
    total = 0
    if not low <= length <= high:
        total += OFF_TARGET
    if not asked.min_chars <= length <= asked.max_chars:
        total += 100 + max(asked.min_chars - length, length - asked.max_chars)
    total += 500 * (str(asked.facts.get("name", "")) not in text)
    total += 1000 * any(normalized(word) in plain for word in asked.banned)
    total += 60 * missing_hero(asked, text)
    words = sum(normalized(word) in plain for word in asked.encouraged)
    total += 5 * max(0, min(2, len(asked.encouraged)) - words)
    if is_ad(asked):
        total += 300 * (manner.calls != any(call in plain for call in grammar["calls"]))
    if not manner.person:
        total += 300 * any(word in plain for word in grammar["persons"])
    return total


def missing_hero(asked: Asked, text: str) -> int:
    """How many of the hero ingredient's name and concentration the text does not say."""
    hero = next(iter(ingredients(asked.facts)), {})
    wanted = [str(hero.get(key) or "") for key in ("name", "concentration")]
    return sum(fact not in text for fact in wanted)
