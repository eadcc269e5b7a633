"""A streamed text held back: what is shown never has a banned word, and nothing else is lost."""

import json
import random
import sys
import unicodedata

import pytest

from jobs.domain.brand import brand_folder, load_guide
from jobs.domain.disguise import shows_banned
from serve.guard.stream import Guarded, Holdback, attaches

WORDS = {
    "zh": load_guide("yuansu").banned,
    "ko": load_guide("gyeoldam").banned,
    "en": ("miracle", "must-have", "sale", "yyds"),
}
# Of what texts are drawn at random: pieces of banned words, what disguises them, what saves them.
PIECES = {
    "zh": [
        *"神器逆天奇迹秒杀绝绝子家人们",
        *"噐蹟殺絕喵渺妙紫籽萌添",
        *"精神安械质菌的特跡人",
        "shen",
        "qi",
    ]
    + ["miao", "yy", "ds", "Y", "ｙ", "D", "5", "jj", "zi", "歪", "滴", "艾斯", "永远的"]
    + [*" 、·.-_*，。！\n", "......", "\u200b", "\u00ad", "\u0301", "护肤", "温和", "a", "x"],
    "ko": [*"대박역대급인생템무조건최저가놓치지", *"개초왕은이를", *" .·-_*,!\n", "ㄷㅐ", "ㅂㅏㄱ"]
    + [unicodedata.normalize("NFD", word) for word in ("대박", "역대급", "각")]
    + ["\u200b", "\u0301", "\u11a8", "\u1161", "좋은", "ﾡ", "a"],
    "en": [*"miraclesuthvyd", *"!1|0@$5éíс", *" .-_*'’\n", "mira", "cle", "must", "have", "sale"]
    + ["s", "es", "yyds", "x", "\u200b", "\u0301", "Ｍ", "ﬆ", "Must", "calm", "9"],
}
DISGUISED = {
    "zh": [
        *(
            "护肤神器。",
            "护肤神 器。",
            "神...器在此",
            "神\u200b器，",
            "神噐。",
            "神器",
            "奇蹟。",
            "奇 蹟。",
        ),
        *("ＹＹＤＳ！", "y y d s。", "这是yyd5。", "绝、绝、子。", "绝绝紫。", "逆 添", "shen器。"),
        *(
            "喵杀全场。",
            "秒\u00ad杀！",
            "家_人_们，",
            "永远的神。",
            "绝，绝，子",
            "家。人！们",
            "神\u0301器好。",
        ),
    ],
    "ko": [
        *("대박이에요.", "대 박!", "대.박.", "초대박입니다", "역 대 급 가격", "인\u200b생템이다"),
        *(unicodedata.normalize("NFD", "무조건 좋아요"), "최·저·가,", "놓치지 마세요", "ㄷㅐ박!"),
    ],
    "en": [
        *("A miracle.", "a m1racle", "MIRACLES here", "m i r a c l e", "míracle!", "ｍiracle"),
        *(
            "must have",
            "a must-have.",
            "musthave",
            "on $ale",
            "s.a.l.e",
            "a sa\u200ble now",
            "yyds",
        ),
    ],
}
CLEAN = {
    "zh": [
        "人的精神器质。",
        "安神、器械。",
        "神器械",
        "奇特的迹象。",
        "30秒杀菌。",
        "yydsx",
        "精神器",
        "人们",
    ],
    "ko": ["반대박수를", "우리대박물관은", "천천히 오래 쓰는 손길."],
    "en": ["salesman", "a wholesale of dales", "musty haven", "miraculous", "sal", "50"],
}


def streamed(language: str, deltas: list[str]) -> tuple[list[str], Guarded | None]:
    """What was released, piece by piece, and what ended it."""
    holdback, released = Holdback(WORDS[language], language), []
    try:
        for delta in deltas:
            released.append(holdback.feed(delta))
            assert len(holdback.held) <= holdback.bound
        released.append(holdback.finish())
    except Guarded as found:
        return released, found
    return released, None


def split(text: str, draw: random.Random) -> list[str]:
    """Cut anywhere; some deltas are empty."""
    cuts = sorted(draw.choices(range(len(text) + 1), k=draw.randint(0, len(text) + 2)))
    return [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]


def held_to_account(language: str, text: str, deltas: list[str]) -> None:
    """The two promises, against the judge of whole texts."""
    released, found = streamed(language, deltas)
    shown = ""
    for piece in released:
        shown += piece
        assert not shows_banned(shown, WORDS[language], language), (deltas, shown)
    assert text.startswith(shown)
    assert (found is not None) == shows_banned(text, WORDS[language], language), (deltas, found)
    if found is None:
        assert shown == text
    else:
        assert found.word in WORDS[language]
        assert len(shown) <= found.where < len(text)


@pytest.mark.parametrize(
    ("language", "text"),
    [(language, text) for language in DISGUISED for text in DISGUISED[language]],
)
def test_a_planted_word_is_guarded_before_any_of_it_is_shown(language: str, text: str) -> None:
    around = {
        "zh": ("温和的配方", "今天到货。"),
        "ko": ("오늘의 글 ", " 곁에."),
        "en": ("Our ", " too."),
    }
    before, after = around[language]
    for whole in (text, before + text, before + text + after):
        assert shows_banned(whole, WORDS[language], language)
        held_to_account(language, whole, list(whole))
        held_to_account(language, whole, [whole])


@pytest.mark.parametrize(
    ("language", "text"), [(language, text) for language in CLEAN for text in CLEAN[language]]
)
def test_a_text_that_only_looks_like_it_is_released_whole(language: str, text: str) -> None:
    assert not shows_banned(text, WORDS[language], language)
    held_to_account(language, text, list(text))


@pytest.mark.parametrize("language", ["zh", "ko", "en"])
def test_any_text_in_any_split(language: str) -> None:
    """1,000 texts drawn from what words are made of, often of few pieces, each cut at random."""
    draw = random.Random(language)
    guarded = 0
    for _ in range(1000):
        few = draw.sample(PIECES[language], draw.choice([4, 8, len(PIECES[language])]))
        text = "".join(draw.choices(few, k=draw.randint(1, 24)))
        held_to_account(language, text, split(text, draw))
        guarded += shows_banned(text, WORDS[language], language)
    assert 50 < guarded < 950


def test_what_shows_a_word_without_the_rest_waits_for_the_rest() -> None:
    """神器械 has no banned word, but 神器 alone does, and what follows may yet be another."""
    banned, text = ("神器", "械质"), "这神器械......好"
    assert not shows_banned(text, banned, "zh")
    holdback, shown = Holdback(banned, "zh"), ""
    for character in text:
        shown += holdback.feed(character)
        assert not shows_banned(shown, banned, "zh")
    assert shown + holdback.finish() == text


def test_a_sentence_mark_settles_what_stands_before_it() -> None:
    holdback = Holdback(WORDS["zh"], "zh")
    assert holdback.feed("人的精神器") + holdback.feed("。它") == "人的精神器。"


@pytest.mark.parametrize("language", ["zh", "ko", "en"])
def test_letters_that_fall_apart_and_visible_runs_hold_nothing_up(language: str) -> None:
    word = WORDS[language][0]
    for filler in (".", " ", "-", "、", "\u0301", "a\u0301", "\u1161", "s", word[0], "5"):
        text = word[0] + filler * 4000
        released, found = streamed(language, list(text))
        assert found is None
        assert "".join(released) == text


def test_a_word_drowned_in_characters_without_width_is_a_disguise() -> None:
    holdback, shown = Holdback(WORDS["zh"], "zh"), ""
    with pytest.raises(Guarded) as found:
        for character in "温和的神" + "\u200b" * 10_000 + "器":
            shown += holdback.feed(character)
    assert (found.value.word, found.value.where) == ("神器", 3)
    assert shown == "温和的"
    plain = "温和。" + "\u200b" * 10_000 + "神经"
    assert "".join(streamed("zh", list(plain))[0]) == plain


def test_ordinary_copy_is_shown_almost_as_it_comes() -> None:
    """Two characters behind; a third where the copy has half a banned word."""
    rows = (brand_folder("yuansu") / "golden.jsonl").read_text(encoding="utf-8").splitlines()
    texts = [json.loads(row)["text"] for row in rows[:40]]
    assert sum(map(len, texts)) > 4000
    for text in texts:
        holdback, shown = Holdback(WORDS["zh"], "zh"), ""
        for number, character in enumerate(text, 1):
            shown += holdback.feed(character)
            assert number - len(shown) <= 3
        assert shown + holdback.finish() == text


def test_what_composes_attaches() -> None:
    """Every second half of a character that Unicode composes, and no half that begins one."""
    for code in range(sys.maxunicode + 1):
        halves = unicodedata.decomposition(chr(code)).split()
        if len(halves) == 2 and not halves[0].startswith("<"):
            assert attaches(chr(int(halves[1], 16))), hex(code)
    assert all(attaches(chr(code)) for code in (*range(0x1161, 0x1176), *range(0x11A8, 0x11C3)))
    assert not any(attaches(chr(code)) for code in range(0xAC00, 0xD7A4))


def test_a_text_that_is_over_takes_no_more() -> None:
    holdback = Holdback(WORDS["en"], "en")
    assert holdback.feed("Calm") + holdback.finish() == "Calm"
    with pytest.raises(ValueError, match="a Holdback of its own"):
        holdback.feed("er")
    with pytest.raises(Guarded):
        holdback = Holdback(WORDS["en"], "en")
        holdback.feed("On sale now.")
    with pytest.raises(ValueError, match="a Holdback of its own"):
        holdback.finish()
