"""Worse versions of a text, made by rule: whoever reads both knows which is better.

Each is a flaw that small models really have: no order, no end, a banned word, no name, a number
that is not the product's, the same thing said again.
"""

import re
from collections.abc import Callable
from itertools import pairwise
from random import Random

from jobs.domain.brand import Guide
from jobs.domain.examination.words import Words

# A full stop before a digit or letter ends nothing: "0.05%".
SENTENCE = re.compile(r".+?(?:[。！？!?]+|\.(?=\s|$)|\n+|$)[”’」』\"）)]*\s*", re.DOTALL)
PERCENT = re.compile(r"(\d+(?:\.\d+)?)(\s*[%％])")
FEWEST_TO_SHUFFLE = 4  # sentences: fewer often read as well in another order
KEPT = 2 / 3  # of a text whose last third is cut off
DRAWS = 200


def sentences(text: str) -> list[str]:
    """Sentences as they stand, each with its closing marks and white space.

    >>> sentences("含0.5%泛醇。“好吗？”好。")
    ['含0.5%泛醇。', '“好吗？”', '好。']
    >>> sentences("It has 0.5% zinc. Calm")
    ['It has 0.5% zinc. ', 'Calm']
    """
    return SENTENCE.findall(text)


def joined(text: str, addition: str) -> str:
    """Both in one text, with a space where the language has one between sentences.

    >>> joined("一句。", "两句。"), joined("One.", "Two.")
    ('一句。两句。', 'One. Two.')
    """
    body = text.rstrip()
    wide = bool(body) and body[-1] in "。！？”’」』"
    return f"{body}{'' if wide or not body else ' '}{addition}"


def shuffled(text: str, seed: str) -> str:
    """Its sentences in an order in which none follows the one that it followed; empty if few.

    >>> shuffled("一。二。三。四。", "x") in ("一。二。三。四。", "")
    False
    >>> shuffled("一。二。三。", "x")
    ''
    """
    parts, rng = sentences(text), Random(seed)
    if len(parts) < FEWEST_TO_SHUFFLE:
        return ""
    order = list(range(len(parts)))
    for _ in range(DRAWS):
        rng.shuffle(order)
        if all(after != before + 1 for before, after in pairwise(order)):
            break
    text = ""
    for place in order:
        text = joined(text, parts[place].strip())
    return text


def cut(text: str) -> str:
    """Its first two thirds, ending within a sentence.

    >>> cut("一二三四五。七八九。")
    '一二三四五'
    """
    kept = text[: int(len(text) * KEPT)].rstrip()
    return re.sub(r"[\W_]+$", "", kept)


def with_banned(text: str, guide: Guide, words: Words, turn: int) -> str:
    """One of the guide's banned words in a short sentence of its own, in the middle of the text."""
    if not guide.banned:
        return ""
    parts = sentences(text)
    said = words.banned_in_use.format(banned=guide.banned[turn % len(guide.banned)])
    half = (len(parts) + 1) // 2
    front = joined("".join(parts[:half]), said)
    return joined(front, "".join(parts[half:])) if parts[half:] else front


def without_name(text: str, name: str, words: Words) -> str:
    """The product's name taken out; empty where the text does not have it."""
    return text.replace(name, words.this_product) if name and name in text else ""


def other_percent(percent: str) -> str:
    """Another concentration: three times as much, or half where that would be too much.

    >>> other_percent("5"), other_percent("0.1"), other_percent("30")
    ('15', '0.3', '15')
    """
    value = float(percent)
    return f"{round(value * 3 if value * 3 < 60 else value / 2, 4):g}"


def with_other_percents(text: str) -> str:
    """Every percentage changed; empty where there is none.

    >>> with_other_percents("含5%泛醇。"), with_other_percents("含泛醇。")
    ('含15%泛醇。', '')
    """
    changed = PERCENT.sub(lambda found: f"{other_percent(found[1])}{found[2]}", text)
    return changed if changed != text else ""


def repeated(text: str) -> str:
    """The second half of its sentences said twice.

    >>> repeated("一。二。三。")
    '一。二。三。二。三。'
    """
    parts = sentences(text)
    return joined(text, "".join(parts[len(parts) // 2 :]))


def worse_versions(text: str, name: str, guide: Guide, words: Words, turn: int) -> dict[str, str]:
    """kind -> worse version; a kind that the text leaves no room for is not there."""
    kinds: dict[str, Callable[[], str]] = {
        "shuffled": lambda: shuffled(text, f"{turn}"),
        "cut_off": lambda: cut(text),
        "banned_word": lambda: with_banned(text, guide, words, turn),
        "no_name": lambda: without_name(text, name, words),
        "other_percents": lambda: with_other_percents(text),
        "repeated": lambda: repeated(text),
    }
    made = {kind: make() for kind, make in kinds.items()}
    return {kind: version for kind, version in made.items() if version and version != text}
