"""Finding text that is damaged: cut off, repeating itself, garbled, or in another language."""

import re
import unicodedata
from collections import Counter

from jobs.domain.lexicon import clauses, compact, folded, pattern, sentences

CLOSING = set("。！？!?.…”’\"'」』)）]】》〉~～】♪")
GARBLED = re.compile(
    "\ufffd"
    r"|锟斤拷|烫烫|屯屯|锛|銆|鈥|鐨[勫勯]|鏄[剧]|浜[哄庣]"  # UTF-8 read as GBK
    r"|[\u00c2-\u00f4][\u0080-\u00bf]{1,3}[^\s]{0,2}[\u00c2-\u00f4][\u0080-\u00bf]"  # as Latin-1
    r"|(?:ï¼|ã€|â€|Ã.|å.|æ.|ç.){2,}|ï¼|ã€|â€"  # as Windows-1252
    r"|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f]|[\ue000-\uf8ff]|\?{4,}|□{2,}|■{2,}"
)
SCRIPTS = {
    "zh": re.compile(r"[\u3400-\u9fff]"),
    "ko": re.compile(r"[가-힣]"),
    "en": re.compile(r"[A-Za-z]+"),
    "ja": re.compile(r"[\u3040-\u30ff]"),
    "ru": re.compile(r"[\u0400-\u04ff]+"),
    "th": re.compile(r"[\u0e00-\u0e7f]"),
    "ar": re.compile(r"[\u0600-\u06ff]+"),
    "other": re.compile(r"[\u0370-\u03ff]{3,}|[\u0590-\u05ff\u0700-\u0dff\u0e80-\u109f]+"),
}
ENGLISH = re.compile(r"\b(?:the|and|is|are|of|with|your|that|for|this|it|in|to|which|from|not)\b")
# Words that are in nearly every sentence of another language written in Latin letters, and not in
# English: French, Spanish, German, Portuguese, Italian, Dutch, Indonesian, Vietnamese.
OTHER_LATIN = re.compile(
    r"\b(?:le|la|les|des|du|un|une|et|est|pour|avec|el|los|las|de|que|con|para|una|por|der|die|das"
    r"|und|ist|mit|ein|eine|fur|für|auf|o|os|da|do|em|com|il|di|che|per|della|het|een|van|voor|yang"
    r"|dan|untuk|dengan|dari|cho|với|của|và|là|mọi|các)\b"
)
LITTLE_WORDS = 3  # of another language: one or two can stand in a name
LOOP = re.compile(r"(.{6,60}?)\1\1|(.{2,5}?)\2{4,}|(.{14,}?)\3")
# A post may end in hashtags, and a tag left behind the last sentence does not cut it off.
TRAILING = re.compile(r"(?:\s*#[^\s#，。]+#?|\s*</?[\w|/]*>?|[*_`#~]+|\s+)+$")
LONG = 12  # characters of a sentence that nobody writes twice
LETTERS_PER_CHARACTER = 3  # "question" says no more than two Chinese characters do
WINDOW = 10  # characters; a product's full name is rarely longer


def is_cut_off(text: str, language: str) -> bool:
    """The last sentence has no end.

    >>> is_cut_off("以及不同浓度之间的", "zh"), is_cut_off("慢慢来。", "zh")
    (True, False)
    """
    body = TRAILING.sub("", text).rstrip()
    if not compact(body):
        return True
    last = body[-1]
    if last not in CLOSING and unicodedata.category(last) not in ("So", "Mn", "Sk", "Cf"):
        line = folded(body.splitlines()[-1])
        return not pattern(language, "broken", "spec_line").search(line)
    return bool(pattern(language, "broken", "dangling").search(folded(body)))


def repeats_itself(text: str, language: str) -> bool:
    """The same sentence, or the same long clause, comes over and over.

    >>> repeats_itself("先洁面，再涂精华，最后是防晒。" * 3, "zh")
    True
    """
    spoken = Counter(compact(part) for part in sentences(text, language))
    said = Counter(compact(part) for whole in sentences(text, language) for part in clauses(whole))
    per = LETTERS_PER_CHARACTER if language == "en" else 1
    return (
        any(times > 1 and len(part) >= LONG * per for part, times in spoken.items())
        or any(times > 2 and len(part) >= 6 * per for part, times in spoken.items())
        or any(times > 2 and len(part) >= 8 * per for part, times in said.items())
        or any(times > 4 and len(part) >= 4 * per for part, times in said.items())
        or bool(LOOP.search(compact(text)))
        or share_repeated(compact(text)) > 0.35
    )


def share_repeated(letters: str) -> float:
    """Of all runs of WINDOW characters, how many came before."""
    runs = [letters[place : place + WINDOW] for place in range(len(letters) - WINDOW + 1)]
    return 1 - len(set(runs)) / len(runs) if runs else 0.0


def is_garbled(text: str) -> bool:
    """Some of it was decoded wrongly.

    >>> is_garbled("烟酰胺ï¼\u008c温和"), is_garbled("Crème à la rose。")
    (True, False)
    """
    return bool(GARBLED.search(text))


def in_other_language(text: str, language: str) -> bool:
    """Most of it, or a whole passage of it, is not in the guide's language.

    Shares of scripts tell Chinese, Korean and English apart, from one another and from the rest, so
    no model is needed. Languages in Latin letters are told from English by their little words.

    >>> in_other_language("A gentle serum.", "zh")
    True
    >>> in_other_language("5% Niacinamide烟酰胺精华。", "zh")
    False
    """
    counts = {name: len(script.findall(text)) for name, script in SCRIPTS.items()}
    if language == "zh" and counts["ja"] * 10 > counts["zh"]:
        return True
    if language == "ko":
        counts["ko"] //= 2  # a word has about two syllables; words are what is counted of English
    if language == "en":
        return counts["en"] < sum(counts.values()) - counts["en"] or is_other_latin(text)
    own = counts.get(language, 0)
    others = sum(count for name, count in counts.items() if name != language)
    return own < others or has_english_passage(text)


def is_other_latin(text: str) -> bool:
    """In Latin letters, but with the little words of another language than English.

    >>> is_other_latin("Un sérum doux pour la peau, avec 5 % de niacinamide.")
    True
    >>> is_other_latin("The Eau de la Mer serum, for the skin, is calm and light.")
    False
    """
    line = text.lower()
    others = len(OTHER_LATIN.findall(line))
    return others >= LITTLE_WORDS and others > len(ENGLISH.findall(line))


def has_english_passage(text: str) -> bool:
    """A run of English that is more than names: it has several of the little words."""
    runs = re.findall(r"[A-Za-z][A-Za-z0-9 ,.;:'’%()\n-]{40,}", text)
    return any(len(ENGLISH.findall(run.lower())) > 2 for run in runs)
