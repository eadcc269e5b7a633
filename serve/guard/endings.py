"""Ends of a text that may still grow into a banned word.

jobs/domain/disguise.py says what a banned word is: an expression for each spelling. Here each has
a second one, built of the same parts, that finds where such a word has begun and is not yet done
when the text so far ends. tests/code/test_guard_endings.py holds the second against the first.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from jobs.domain.disguise import (
    ANY_MARK,
    GAP,
    IDEOGRAPH,
    JOINT,
    KOREAN_START,
    form_of,
    near_misses,
    segmenter,
    spelled,
    syllable,
)
from jobs.domain.lexicon import folded, synonyms

MAYBE_MARK = f"(?:{ANY_MARK})?"
MOST = {GAP: 6, ANY_MARK: 2, MAYBE_MARK: 2, JOINT: 2}  # characters that each can be
PLURAL = r"(?:es?|s)?\Z"  # or no plural: whether a Latin word is over shows the next character
NEVER = "(?!)"

Piece = tuple[str, str]  # a character in all its forms; what of a form may stand at the end


@dataclass(frozen=True)
class Watch:
    """One spelling of one banned word."""

    word: str  # as the guide has it
    whole: re.Pattern[str]  # finds it
    begun: re.Pattern[str]  # finds what may become it with more text
    most: int  # characters that it can be
    is_latin: bool  # whether it stands there depends on the character after it
    plain: str = ""  # the word, where `whole` finds all that is one character away from it


@cache
def watches(words: tuple[str, ...], language: str) -> tuple[Watch, ...]:
    """All spellings of a guide's words; loads the dictionaries that judge a match.

    Raises ValueError for a word that would be found in any text.
    """
    sounds = synonyms(language, "banned", "sounds")
    found = []
    for word in words:
        for spelling in (folded(word), *sounds.get(folded(word), ())):
            whole = re.compile(spelled(spelling))
            if whole.search("") or whole.search("s"):
                raise ValueError(
                    f"the banned word {word!r} has no letter; wanted at least one. Correct the "
                    "brand's guide."
                )
            begun, most = beginning(spelling)
            found.append(Watch(word, whole, re.compile(begun), most, spelling.isascii()))
        for plain, whole in near_misses((word,), language):
            begun = near_beginning(plain)
            found.append(Watch(word, whole, re.compile(begun), len(plain), False, plain))
    if any(re.search(f"[{IDEOGRAPH}]", word) for word in words):
        segmenter(words)
    return tuple(found)


def beginning(word: str) -> tuple[str, int]:
    """The expression of what may become the folded word, and the most characters of the word.

    >>> line = "a calm y.y"
    >>> [found.group() for found in re.finditer(beginning("yyds")[0], line)]
    ['y.y']
    """
    if word.isascii():
        parts = re.findall("[a-z0-9]+", word)
        joints = [MAYBE_MARK if place else JOINT for part in parts for place in range(len(part))]
        letters = "".join(parts)
        body = grown(pieces(letters), joints[1:], PLURAL)
        return f"(?<![a-z0-9]){body}", length(letters, joints[1:]) + len("es")
    letters = "".join(word.split())
    gaps, marks = [GAP] * (len(letters) - 1), [ANY_MARK] * (len(letters) - 1)
    loose = grown(pieces(letters), gaps, NEVER)
    if re.search("[가-힣]", word):
        return f"{KOREAN_START}(?:\\Z|{loose})", 1 + length(letters, gaps)
    divided = grown(pieces(letters), marks, NEVER)
    return f"{loose}|{divided}", length(letters, gaps)


def near_beginning(word: str) -> str:
    """The expression of what may become the word with one character replaced."""
    options = []
    for place in range(len(word)):
        parts: list[Piece] = [(character, NEVER) for character in word]
        parts[place] = (f"[{IDEOGRAPH}]", NEVER)
        options.append(grown(parts, [""] * (len(word) - 1), NEVER))
    return "|".join(options)


def pieces(letters: str) -> list[Piece]:
    """Each character with what of its spelling may stand at the end: 神 is also shen."""
    found: list[Piece] = []
    for letter in letters:
        spelling = syllable(letter) if re.match(f"[{IDEOGRAPH}]", letter) else ""
        parts = "|".join(spelling[:count] for count in range(1, len(spelling)))
        found.append((form_of(letter), rf"(?:{parts})\Z" if parts else NEVER))
    return found


def grown(parts: Sequence[Piece], joints: Sequence[str], last: str) -> str:
    """Some of the parts with what joins them, up to the end of the text; `last` follows all."""
    rest = last
    for (form, unfinished), joint in zip(parts[:0:-1], joints[::-1], strict=True):
        rest = rf"(?:\Z|{joint}(?:\Z|{unfinished}|{form}{rest}))"
    form, unfinished = parts[0]
    return f"(?:{unfinished}|{form}{rest})"


def length(letters: str, joints: Sequence[str]) -> int:
    """The most characters that they can be, spelled out and joined as loosely as can be."""
    spelt = (len(syllable(one)) if re.match(f"[{IDEOGRAPH}]", one) else 1 for one in letters)
    return sum(spelt) + sum(MOST[joint] for joint in joints)
