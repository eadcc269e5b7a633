"""Planting the flaws that real drafts have, so that the stages that find them can be measured."""

import random
import re
from collections.abc import Callable

from jobs.domain.text import char_count, normalized
from jobs.llm.offline.teacher.chat import Asked
from jobs.llm.offline.teacher.facts import ingredients

NUMBER = re.compile(r"\d+(?:\.\d+)?")
FACTORS = (0.5, 1.5, 2, 3, 4)  # a false number is far enough from the true one to matter
DISGUISED = 0.3  # share of banned words that are spaced out or written full-width


def with_stray_tag(text: str, asked: Asked, rng: random.Random) -> str:
    """The text with markup, a placeholder or the writer's own remarks left in."""
    data, name = asked.book.defects, str(asked.facts.get("name", ""))
    kind = rng.choice(["wrap", "wrap", "inline", "name", "bold"])
    if kind == "wrap":
        before, after = rng.choice(data["stray_wraps"])
        return f"{before}{text}{after}"
    if kind == "inline":
        pieces = sentences_of(text, asked)
        pieces.insert(place_in(pieces, rng), rng.choice(data["stray_inline"]))
        return "".join(pieces)
    if name not in text:
        return f"<p>{text}</p>"
    mark = f"**{name}**" if kind == "bold" else rng.choice(data["stray_at_name"]) + name
    return text.replace(name, mark, 1)


def with_banned_word(text: str, asked: Asked, rng: random.Random) -> str:
    """The text with a hype sentence around one of the guide's banned words."""
    word = rng.choice(asked.banned)
    data = asked.book.defects
    forms = data["banned_sentences"].get(word.lower(), data["banned_any"])
    shown = disguised(word, rng) if rng.random() < DISGUISED else word
    sentence = rng.choice(forms).replace("{word}", shown)
    return insert_sentence(text, asked, rng, sentence=sentence)


def disguised(word: str, rng: random.Random) -> str:
    """The word spaced out, or full-width where it has letters for that."""
    wide = "".join(chr(ord(sign) + 0xFEE0) if "!" <= sign <= "~" else sign for sign in word)
    if wide != word and rng.random() < 0.5:
        return wide
    return " ".join(word) if " " not in word else word.replace(" ", "  ")


def with_false_fact(text: str, asked: Asked, rng: random.Random) -> str:
    """The text with one fact that the product's JSON does not bear out."""
    for change in rng.sample(FALSE_FACTS, len(FALSE_FACTS)):
        changed = change(text, asked, rng)
        if changed != text:
            return changed
    return text


def wrong_concentration(text: str, asked: Asked, rng: random.Random) -> str:
    """An ingredient's concentration, changed wherever it stands."""
    stated = [str(e["concentration"]) for e in ingredients(asked.facts) if e.get("concentration")]
    shown = [value for value in stated if value in text]
    return replaced_number(text, rng, value=rng.choice(shown), true=stated) if shown else text


def wrong_price(text: str, asked: Asked, rng: random.Random) -> str:
    """The price changed, or stated wrongly where it was not stated."""
    return wrong_measure(text, asked, "price", rng)


def wrong_size(text: str, asked: Asked, rng: random.Random) -> str:
    """The size changed, or stated wrongly where it was not stated."""
    return wrong_measure(text, asked, "size", rng)


def wrong_measure(text: str, asked: Asked, fact: str, rng: random.Random) -> str:
    """One fact with a number in it, changed or stated wrongly."""
    value = str(asked.facts.get(fact) or "")
    if not NUMBER.search(value):
        return text
    if value in text:
        return replaced_number(text, rng, value=value, true=[value])
    sentence = rng.choice(asked.book.defects[f"false_{fact}"])
    false = replaced_number(value, rng, value=value, true=[value])
    return insert_sentence(text, asked, rng, sentence=sentence.replace("{x}", false))


def wrong_ingredient(text: str, asked: Asked, rng: random.Random) -> str:
    """An ingredient that the product does not have."""
    data = asked.book.defects
    own = str(asked.facts)
    name, role = rng.choice([pair for pair in data["false_ingredients"] if pair[0] not in own])
    sentence = rng.choice(data["false_ingredient"]).replace("{x}", name).replace("{role}", role)
    return insert_sentence(text, asked, rng, sentence=sentence)


FALSE_FACTS: tuple[Callable[[str, Asked, random.Random], str], ...] = (
    wrong_concentration,
    wrong_price,
    wrong_size,
    wrong_ingredient,
)


def replaced_number(text: str, rng: random.Random, *, value: str, true: list[str]) -> str:
    """The text with another number in `value` wherever that stands, never a true one."""
    number = NUMBER.search(value)
    if number is None:
        return text
    whole = "." not in number[0]
    for factor in rng.sample(FACTORS, len(FACTORS)):
        other = float(number[0]) * factor
        shown = str(max(1, round(other))) if whole else f"{other:.3g}"
        false = value.replace(number[0], shown, 1)
        if false not in true:
            return re.sub(rf"(?<![\d.]){re.escape(value)}", false, text)
    return text


def near_duplicate(text: str, asked: Asked, rng: random.Random) -> str:
    """The text with two or three words exchanged for others, and all facts in place."""
    facts = [str(asked.facts.get("name")), *(str(e.get("name")) for e in ingredients(asked.facts))]
    kept = [fact for fact in facts if fact in text]
    changed, left = text, rng.randint(2, 3)
    for old, new in rng.sample(asked.book.defects["swaps"], len(asked.book.defects["swaps"])):
        swapped = changed.replace(old, new, 1)
        if left and swapped != changed and all(fact in swapped for fact in kept):
            changed, left = swapped, left - 1
    return changed if changed != text else text[:-1]


def insert_sentence(text: str, asked: Asked, rng: random.Random, *, sentence: str) -> str:
    """The text with a sentence more: somewhere between two of its own, or at its end.

    Where that would be too long for the window, one that is neither first nor last gives way.
    """
    pieces = sentences_of(text, asked)
    place = place_in(pieces, rng)
    name = normalized(str(asked.facts.get("name", "")))
    spare = [i for i in range(1, len(pieces) - 1) if name not in normalized(pieces[i])]
    if char_count(text) + char_count(sentence) > asked.max_chars and spare:
        place = rng.choice(spare)
        pieces[place] = ""
    return "".join([*pieces[:place], sentence, *pieces[place:]])


def sentences_of(text: str, asked: Asked) -> list[str]:
    """The text cut behind its full stops."""
    stop = re.escape(asked.book.grammar["stop"])
    return [piece for piece in re.split(rf"(?<={stop})", text) if piece]


def place_in(pieces: list[str], rng: random.Random) -> int:
    """Where something may be put between two sentences, or behind the only one."""
    return rng.randint(1, max(1, len(pieces) - 1))
