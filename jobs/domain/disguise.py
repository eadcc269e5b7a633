"""Finding a banned word in any disguise, and only there.

A disguise is a separator between the word's characters, a traditional or variant form, a letter
or digit that looks alike, or a character that sounds the same. Matching so loosely would also join
what belongs to two words; a match in Chinese therefore counts only where a dictionary segmentation
does not cut through a neighbouring word. The libraries load when the first text needs them.
"""

import re
import unicodedata
import warnings
from functools import cache
from typing import Any

from jobs.domain.lexicon import folded, lexicon, synonyms

IDEOGRAPH = "一-龥"
# Marks that end or divide a sentence are not a disguise, unless they stand in every gap of a word
# of three characters or more.
SEPARATORS = r"[^\w\n，。；:!?《》—]|_"
GAP = rf"(?:{SEPARATORS}){{0,6}}"  # an ellipsis, normalised, is six dots
JOINT = r"[\s_\u2010-\u2015-]{0,2}"  # where the guide joins the parts of a word
# A Korean word begins where a disguise of it does: what follows are particles, what comes before
# makes it another word, but for a few prefixes that only make it louder.
KOREAN_START = r"(?<![가-힣])[개초왕핵]?"
# What passes for a Latin letter, besides the same letter with an accent: digits and signs, Cyrillic
# and Greek. From the confusables of Unicode Technical Standard 39, as far as people type them.
LOOK_ALIKE = {
    "a": "4@аα", "b": "8в", "c": "сϲ", "d": "ԁ", "e": "3еε", "g": "9", "h": "һ", "i": "1!ıіι|",
    "j": "ј", "k": "кκ", "l": "1|", "m": "м", "n": "п", "o": "0оο", "p": "рρ", "q": "ԛ", "s": "5$ѕ",
    "t": "7т", "u": "υ", "v": "ν", "w": "ԝ", "x": "хχ", "y": "уγ", "z": "2",
}  # fmt: skip
ANY_MARK = r"(?:[^\w\n]|_){1,2}"
RARE = 20  # how often jieba's corpus shall have had a word of the guide that it lacks
REACH = 6  # characters on each side that can belong to a word with the match


def shows_banned(text: str, words: tuple[str, ...], language: str) -> bool:
    """The text has one of the words, plain or disguised."""
    line = folded(text)
    return any(has_word(line, word, words, language) for word in words)


def has_word(line: str, word: str, words: tuple[str, ...], language: str) -> bool:
    """One banned word stands in the folded line; `words` are all of them, by which it is cut up."""
    spelled_out = [
        found for each in expressions((word,), language) for found in each.finditer(line)
    ]
    heard = [
        found
        for plain, each in near_misses((word,), language)
        for found in each.finditer(line)
        if sounds_like(found[0], plain) and not is_word(found[0], words)
    ]
    return any(stands_alone(line, found, words) for found in spelled_out + heard)


@cache
def expressions(words: tuple[str, ...], language: str) -> tuple[re.Pattern[str], ...]:
    """One pattern a word, with the spellings that the lexicon knows for it."""
    sounds = synonyms(language, "banned", "sounds")
    spellings = [
        spelling for word in words for spelling in (folded(word), *sounds.get(folded(word), ()))
    ]
    return tuple(re.compile(spelled(spelling)) for spelling in spellings)


def spelled(word: str) -> str:
    """The pattern of one word with its variants and separators."""
    if word.isascii():
        parts = [[form_of(one) for one in part] for part in re.findall("[a-z0-9]+", word)]
        loose = JOINT.join(rf"(?:{ANY_MARK})?".join(forms) for forms in parts)
        return rf"(?<![a-z0-9])(?:{loose})(?:s|es)?(?![a-z0-9])"
    forms = [form_of(character) for character in word if not character.isspace()]
    loose = GAP.join(forms)
    if re.search("[가-힣]", word):
        return f"{KOREAN_START}(?:{loose})"
    return f"{loose}|{ANY_MARK.join(forms)}" if len(forms) > 2 else loose


def form_of(character: str) -> str:
    """The character with its traditional, variant or accented forms, look-alikes and spelling."""
    if "a" <= character <= "z":
        return f"[{re.escape(character + accented()[character] + LOOK_ALIKE.get(character, ''))}]"
    if not re.match(f"[{IDEOGRAPH}]", character):
        return re.escape(character)
    shapes = character + "".join(variants().get(character, ()))
    return f"(?:[{shapes}]|{syllable(character)})"


@cache
def accented() -> dict[str, str]:
    """Latin letters with marks, by the letter alone; NFKC has composed them to one character."""
    found = dict.fromkeys("abcdefghijklmnopqrstuvwxyz", "")
    for code in (*range(0xC0, 0x250), *range(0x1E00, 0x1F00)):
        plain = unicodedata.normalize("NFKD", chr(code))[0]
        if plain in found:
            found[plain] += chr(code)
    return found


@cache
def variants() -> dict[str, tuple[str, ...]]:
    """Traditional characters by their simplified one, from zhconv's tables."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zhconv 1.4.3 imports pkg_resources, which warns
        from zhconv.zhconv import getdict

        pairs = getdict("zh-hans").items()
    found: dict[str, list[str]] = {}
    for old, new in pairs:
        if len(old) == len(new) == 1 and old != new:
            found.setdefault(new, []).append(old)
    return {new: tuple(old) for new, old in found.items()}


@cache
def syllable(character: str) -> str:
    """How a character sounds, without its tone."""
    from pypinyin import lazy_pinyin

    return str(lazy_pinyin(character)[0])


@cache
def near_misses(words: tuple[str, ...], language: str) -> tuple[tuple[str, re.Pattern[str]], ...]:
    """Each Chinese word with one character replaced by any other."""
    found = []
    for word in map(folded, words):
        if language == "zh" and re.fullmatch(f"[{IDEOGRAPH}]{{2,}}", word):
            options = [
                word[:place] + f"[{IDEOGRAPH}]" + word[place + 1 :] for place in range(len(word))
            ]
            found.append((word, re.compile("|".join(options))))
    return tuple(found)


def sounds_like(heard: str, word: str) -> bool:
    """One character differs and sounds the same.

    >>> sounds_like("绝绝紫", "绝绝子"), sounds_like("家人都", "家人们")
    (True, False)
    """
    pairs = [(ours, theirs) for ours, theirs in zip(heard, word, strict=True) if ours != theirs]
    if not pairs or pairs[0][0] in str(lexicon("zh")["banned"]["plain"]):
        return False
    ((ours, theirs),) = pairs
    if len(word) > 2:
        return near(ours) == near(theirs)
    return syllable(ours) == syllable(theirs)


def near(character: str) -> str:
    """A syllable in which endings that many speakers do not tell apart are one."""
    return re.sub("(?<=[aei]n)g$", "", syllable(character))


def is_word(candidate: str, words: tuple[str, ...]) -> bool:
    """The segmenter for these words has it in its dictionary."""
    return bool(segmenter(words).FREQ.get(candidate))


def stands_alone(line: str, match: re.Match[str], words: tuple[str, ...]) -> bool:
    """No word of the dictionary reaches from inside the match to outside of it.

    >>> alone = lambda line: stands_alone(line, re.search("神、?器", line), ())
    >>> alone("护肤神器"), alone("人的精神器质"), alone("安神、器械")
    (True, False, False)
    """
    if not re.search(f"[{IDEOGRAPH}]", match[0]):
        return any(map(str.isalpha, match[0]))  # "50" is a number, whatever it looks like
    before = phrase(line[max(0, match.start() - REACH) : match.start()], nearest=-1)
    after = phrase(line[match.end() : match.end() + REACH], nearest=0)
    middle = phrase(match[0], nearest=None)
    cuts, place = {0}, 0
    for piece in segmenter(words).cut(before + middle + after, HMM=False):
        place += len(piece)
        cuts.add(place)
    return {len(before), len(before) + len(middle)} <= cuts


def phrase(text: str, nearest: int | None) -> str:
    """Letters and ideographs, up to the sentence mark that is nearest to the match."""
    part = text if nearest is None else re.split(r"[，。；:!?()\n—]", text)[nearest]
    return "".join(filter(str.isalnum, part))


@cache
def segmenter(words: tuple[str, ...]) -> Any:
    """jieba with its own dictionary and the guide's words, or it would cut through those."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # jieba 0.42.1 has invalid escapes and pkg_resources
        import logging

        import jieba

        jieba.setLogLevel(logging.ERROR)
        tokenizer = jieba.Tokenizer()
        tokenizer.initialize()
    for word in words:
        if not tokenizer.FREQ.get(word):
            tokenizer.add_word(word, freq=RARE)
    return tokenizer
