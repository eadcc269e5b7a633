"""Rule measures against counts made by hand, in three languages."""

import json
from dataclasses import replace

import pytest

from jobs.domain.brand import Guide
from jobs.domain.disguise import shows_banned
from jobs.domain.filters import DROPS, example
from jobs.domain.measures import FORM, MEASURES, measure
from jobs.domain.rows import Brief

GUIDES = {
    "zh": (("屏障", "修护", "温和"), ("神器", "逆天", "绝绝子")),
    "ko": (("천천히", "곁", "오래"), ("대박", "무조건", "최저가")),
    "en": (("barrier", "calm", "gentle"), ("miracle", "hack", "must-have")),
}
FACTS = {
    "zh": {
        "brand": "原素方程",
        "name": "烟酰胺净润精华液",
        "category": "精华液",
        "ingredients": [
            {"name": "烟酰胺", "role": "调节皮脂", "concentration": "5%"},
            {"name": "神经酰胺NP", "role": "补充屏障脂质"},
        ],
        "effects": ["改善毛孔粗大"],
        "size": "30ml",
        "price": "189元",
    },
    "ko": {
        "brand": "결담",
        "name": "새벽 진정 세럼",
        "category": "세럼",
        "ingredients": [{"name": "나이아신아마이드", "role": "피지 조절", "concentration": "5%"}],
        "effects": ["피부 진정"],
    },
    "en": {
        "brand": "Kiln",
        "name": "Dawn Calming Serum",
        "category": "serum",
        "ingredients": [{"name": "niacinamide", "role": "evens oil", "concentration": "5%"}],
        "effects": ["fewer visible pores"],
    },
}


def measured(text: str, language: str = "zh", kind: str = "paid_ad_fab") -> dict[str, float]:
    encouraged, banned = GUIDES[language]
    guide = Guide("Kiln", language, "c", "p", "q", ("r",), encouraged, banned)
    facts = json.dumps(FACTS[language], ensure_ascii=False)
    return measure(text, Brief("b", "p", "val", False, "k", language, kind, facts), guide)


GOOD = (
    "5%烟酰胺与神经酰胺一起，调节皮脂，也把屏障补上。皮肤温和稳定，才有余地改善毛孔粗大。"
    "烟酰胺净润精华液，今晚从一滴开始，给皮肤一次安静的机会。"
)
KO = (
    "새벽 진정 세럼에는 나이아신아마이드가 5% 들어 있습니다. "
    "피지를 고르게 다스려 피부 진정을 돕습니다. 대박을 약속하지 않고 천천히, 오래 "
    "곁에 머뭅니다. 오늘 밤 한 방울부터 시작해 보세요."
)
EN = (
    "Dawn Calming Serum carries 5% niacinamide. It evens oil and keeps the barrier calm, so that "
    "you see fewer visible pores over time. No miracle, no hack; a gentle habit. Try one drop "
    "tonight."
)


@pytest.mark.parametrize(
    ("text", "language", "wanted"),
    [
        (GOOD, "zh", {"banned_words": 0, "encouraged_words": 2, "product_named": 1,
                      "facts_named": 1, "length_fits": 1, "call_to_action": 1, "form_kept": 1}),
        (f"# {GOOD}", "zh", {"form_kept": 0, "length_fits": 1, "call_to_action": 1}),
        (GOOD * 3, "zh", {"length_fits": 0, "form_kept": 0, "facts_named": 1}),
        ("护肤神器，逆天好用，真是神 器。", "zh", {"banned_words": 2, "encouraged_words": 0,
                      "product_named": 0, "facts_named": 0, "length_fits": 0, "form_kept": 0}),
        ("含有烟酰胺的精华。", "zh", {"product_named": 1, "facts_named": 0.25}),
        ("15%烟酰胺。", "zh", {"facts_named": 0.25}),  # another number is no fact named
        ("", "zh", {"banned_words": 0, "encouraged_words": 0, "product_named": 0,
                    "facts_named": 0, "length_fits": 0, "call_to_action": 0, "form_kept": 0}),
        (KO, "ko", {"banned_words": 1, "encouraged_words": 3, "product_named": 1,
                    "facts_named": 1, "call_to_action": 1}),
        (EN, "en", {"banned_words": 2, "encouraged_words": 3, "product_named": 1,
                    "facts_named": 1, "call_to_action": 1}),
    ],
)  # fmt: skip
def test_counts_by_hand(text: str, language: str, wanted: dict[str, float]) -> None:
    found = measured(text, language)
    assert list(found) == list(MEASURES)
    assert {name: found[name] for name in wanted} == wanted


def test_the_type_decides_on_form_and_length() -> None:
    """A review needs no call to action; this one is too short for it all the same."""
    plain = GOOD.partition("今晚")[0] + "它不油腻，也不紧绷，很轻。"
    ad, review = measured(plain), measured(plain, kind="social_media_review")
    assert (ad["call_to_action"], ad["length_fits"], ad["form_kept"]) == (0, 1, 0)
    assert (review["call_to_action"], review["length_fits"], review["form_kept"]) == (0, 0, 0)


@pytest.mark.parametrize("text", ["……", "！！！", "。\n。", "\n", "🙂", "温和。……", "a" * 5000])
def test_any_text_can_be_measured(text: str) -> None:
    """What a model writes is any text. (Sentences of marks alone have no clause.)"""
    assert all(isinstance(value, float) for value in measured(text).values())


BANNED = [
    "护肤神器。",
    "神 器",
    "逆 天",
    "绝绝紫",
    "绝、绝、子",
    "人的精神器质",
    "逆着天光",
    "温和。",
    "",
]


@pytest.mark.parametrize("text", BANNED)
def test_counting_banned_words_agrees_with_the_filter_that_drops_them(text: str) -> None:
    words = GUIDES["zh"][1]
    assert bool(measured(text)["banned_words"]) == shows_banned(text, words, "zh")


def test_form_is_made_of_filters_alone() -> None:
    """Every fault of form is a reason to drop a copy too: no rule stands in two places."""
    assert {fault.__name__ for fault in FORM} <= set(DROPS)
    sound = example("烟酰胺净润精华液，同事小林用了一个月。今晚给皮肤一次安静的机会。")
    faults = {"stray_tag": f"**{sound.text}**", "too_short": "短。", "too_long": sound.text * 3}
    for name, text in faults.items():
        assert [f.__name__ for f in FORM if f(replace(sound, text=text))][:1] in (
            [name],
            ["wrong_product"],
        )
        assert MEASURES["form_kept"](replace(sound, text=text)) == 0.0
