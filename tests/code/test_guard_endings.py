"""The beginning of a banned word is known as one: every disguise, cut at every place."""

import random
import re

import pytest

from jobs.domain.disguise import ANY_MARK, expressions, form_of, near_misses
from serve.guard.endings import watches

WORDS = {
    "zh": ("神器", "绝绝子", "yyds", "家人们"),
    "ko": ("대박", "역대급"),
    "en": ("miracle", "must-have", "no. 1"),
}


def spelled_at_random(word: str, language: str, draw: random.Random) -> str:
    """Its characters in any of their forms, with anything between; often no disguise of it."""
    letters = [one for one in word if one.isalnum()]
    forms = [re.sub(r"[()?:\[\]|]", " ", form_of(one)) for one in letters]
    options = [[*form.split()[0], *form.split()[1:]] for form in forms]
    marks = ["", "", " ", "-", "_", ".", "、", "......", "，", "\u2010", " - ", "*"]
    text = "".join(draw.choice(option) + draw.choice(marks) for option in options)
    return (
        draw.choice(["", "", "왕", "개", " "]) + text.rstrip() + draw.choice(["", "s", "es", "."])
    )


@pytest.mark.parametrize("language", ["zh", "ko", "en"])
def test_every_beginning_of_a_match_is_begun(language: str) -> None:
    draw = random.Random(language)
    checked = 0
    for word in WORDS[language]:
        kinds = watches((word,), language)
        patterns = [
            *expressions((word,), language),
            *(p for _, p in near_misses((word,), language)),
        ]
        assert [kind.whole.pattern for kind in kinds] == [each.pattern for each in patterns]
        for _ in range(200):
            text = spelled_at_random(word, language, draw)
            for kind in kinds:
                for match in kind.whole.finditer(text):
                    start, end = match.span()
                    assert end - start <= kind.most
                    for cut in range(start + 1, end):
                        begun = kind.begun.search(text[:cut])
                        assert begun, (text, text[:cut], kind.word)
                        assert begun.start() <= start
                        checked += 1
    assert checked > 1000


def test_a_latin_word_is_not_over_before_its_next_character() -> None:
    (kind,) = watches(("sale",), "en")
    assert all(kind.begun.search(text) for text in ("a sale", "sales", "sal", "$al3", "s-"))
    assert not any(kind.begun.search(text) for text in ("salesm", "sale ", "whole", "a", "dale"))


def test_separators_stop_being_a_disguise_at_some_length() -> None:
    (zh, *_), (en,) = watches(("神器",), "zh"), watches(("sale",), "en")
    assert zh.begun.search("神" + "." * 6)
    assert not zh.begun.search("神" + "." * 7)
    assert en.begun.search("s..")
    assert not en.begun.search("s...")
    assert ANY_MARK  # the lengths above are those of GAP and ANY_MARK


@pytest.mark.parametrize("word", ["", "!!!", "～", "\u200b"])
def test_a_word_without_a_letter_is_refused(word: str) -> None:
    with pytest.raises(ValueError, match="has no letter"):
        watches((word,), "en")
