"""Filters together: lengths, requirements, order, other languages, labelled rows."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jobs.domain.brand import Guide, facts_json, load_guide, product_of
from jobs.domain.filters import DROPS, Checked, example, first_reason, reasons
from jobs.domain.prompts import ContentType, content_type

DEV_ROWS = Path(__file__).parents[1] / "labelled" / "cleaning_dev.jsonl"


def test_lengths_do_not_count_white_space() -> None:
    assert reasons(example("字 " * 19)).count("too_short") == 1
    assert "too_short" not in reasons(example("字 " * 20))
    assert "too_long" not in reasons(example("字 " * 60))


def test_a_requirement_holds_only_where_the_content_type_names_it() -> None:
    text = "少一点，皮肤更稳，屏障也更稳定，这就是全部的道理。"
    required = {"wrong_product", "no_call_to_action", "no_person"}
    assert required <= set(reasons(example(text)))
    free = replace(example(text), kind=replace(example(text).kind, requires=()))
    assert reasons(free) == []


def test_first_reason_follows_the_registry() -> None:
    text = "**这是最好的精华！！"
    assert first_reason(example(text)) == reasons(example(text))[0] == "stray_tag"
    assert first_reason(replace(example("x"), text="")) == "broken"


def other_language(language: str, text: str, *, banned: tuple[str, ...], name: str) -> Checked:
    kind = ContentType("ad", "ad", "paid_ad", 5, 400, ("product_named", "call_to_action", "person"))
    guide = Guide("Kiln", language, "", "", "", (), (), banned)
    facts: dict[str, Any] = {
        "brand": "Kiln",
        "name": name,
        "category": "serum",
        "ingredients": [{"name": "niacinamide", "concentration": "5%"}],
        "size": "30ml",
    }
    return Checked(text, kind, guide, facts)


ENGLISH = "My neighbour keeps it simple: Calm Serum, 5% niacinamide, 30 ml. Try it tonight."


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (ENGLISH, []),
        (ENGLISH + " It is a M I R A C L E.", ["banned_word"]),
        (ENGLISH.replace("5%", "10%"), ["false_fact"]),
        (ENGLISH.replace("Calm Serum", "**Calm Serum**"), ["stray_tag"]),
        (ENGLISH.replace("Calm", "Bright").replace("niacinamide", "retinol"), ["wrong_product"]),
        (ENGLISH.replace(" Try it tonight.", ""), ["no_call_to_action"]),
        (ENGLISH.replace("My neighbour keeps", "Keeping"), ["no_person"]),
        (ENGLISH + " The best serum ever!!", ["hype"]),
        (ENGLISH.removesuffix("tonight.") + "with", ["broken"]),
    ],
)
def test_english(text: str, expected: list[str]) -> None:
    checked = other_language("en", text, banned=("miracle",), name="Calm Serum")
    assert reasons(checked) == expected


KOREAN = "저는 칼름 세럼을 한 달 썼어요. 피부가 한결 편안합니다. 오늘 밤 한 번 시작해 보세요."


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (KOREAN, []),
        (KOREAN + " 대·박 세럼.", ["banned_word"]),
        (KOREAN.replace("오늘 밤 한 번 시작해 보세요.", "결이 곱습니다."), ["no_call_to_action"]),
        (KOREAN.replace("저는", "많은 분이"), ["no_person"]),
    ],
)
def test_korean(text: str, expected: list[str]) -> None:
    checked = other_language("ko", text, banned=("대박",), name="칼름 세럼")
    assert reasons(checked) == expected


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", ENGLISH.replace("5% niacinamide", "0.05% panthenol")),
        (
            "en",
            "Question: why? Answer: water. Question: how? Answer: slowly. Question: when? "
            + ENGLISH,
        ),
        ("ko", KOREAN.replace("시작해 보세요", "매장에서 만나 보세요")),
        ("ko", KOREAN.replace("저는", "제빵사 민서에게 들은")),
    ],
)
def test_sound_texts_of_other_languages(language: str, text: str) -> None:
    checked = other_language(
        language, text, banned=(), name="칼름 세럼" if language == "ko" else "Calm Serum"
    )
    checked.facts["ingredients"].append({"name": "panthenol", "concentration": "0.05%"})
    assert reasons(checked) == []


@pytest.mark.parametrize(
    ("language", "word", "text"),
    [
        ("en", "miracle", "A m1racle in a jar."),
        ("en", "miracle", "A m!rácle in a jar."),
        ("en", "miracle", "A mirасle in a jar."),  # Cyrillic а and с
        ("en", "game-changer", "It is a game changer."),
        ("en", "game-changer", "A GameChanger, really."),
        ("ko", "기적", "피부에 기적이 일어나요."),
        ("ko", "대박", "초대박 세럼이에요."),
        ("ko", "대박", "대 박 세럼이에요."),
    ],
)
def test_disguised_words_of_other_languages(language: str, word: str, text: str) -> None:
    checked = other_language(language, text, banned=(word,), name="Calm Serum")
    assert DROPS["banned_word"](checked)


@pytest.mark.parametrize(
    ("language", "word", "text"),
    [
        ("en", "so", "50 ml, $0 for a trial."),
        ("en", "miracle", "The Dead Sea mirror, a clean one."),
        ("en", "game-changer", "We lost the game. Changers of habit win."),
        ("ko", "기적", "주기적으로 바르고, 유기적으로 관리하세요."),
        ("ko", "대박", "침대 박스 옆에 두세요."),
    ],
)
def test_words_that_only_hold_a_banned_one(language: str, word: str, text: str) -> None:
    checked = other_language(language, text, banned=(word,), name="Calm Serum")
    assert not DROPS["banned_word"](checked)


def test_development_rows() -> None:
    """At least nine in ten labelled defects are found, under one in twenty sound texts flagged."""
    guide = load_guide("yuansu")
    found, labelled, flagged, sound = 0, 0, 0, 0
    for line in DEV_ROWS.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        facts = json.loads(facts_json(product_of(row["product"]), guide.name))
        kind = content_type(row["content_type"], guide.language)
        got = set(reasons(Checked(row["text"], kind, guide, facts)))
        labelled += len(row["defects"])
        found += len(got & set(row["defects"]))
        sound += not row["defects"]
        flagged += not row["defects"] and bool(got)
    assert found >= 0.9 * labelled
    assert flagged < 0.05 * sound
