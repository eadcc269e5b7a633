"""An examination's cases, held against the texts that they stem from."""

from collections import Counter

import pytest

from jobs.domain.examination.canaries import cases_of
from jobs.domain.examination.cases import Said
from jobs.domain.examination.pairs import pairs_of
from jobs.domain.examination.words import words_of
from jobs.examine import paired
from jobs.reporting.fitness import examined
from tests.wire.subjects import (
    ENGLISH_GOLDEN,
    KOREAN,
    KOREAN_PRODUCTS,
    LANGUAGES,
    briefs_of,
    cases,
    subjects,
)

each_language = pytest.mark.parametrize("language", LANGUAGES)


@each_language
def test_cases_have_names_of_their_own_and_texts_that_differ(language: str) -> None:
    ids = [case.case_id for case in cases(language)]
    assert [name for name, times in Counter(ids).items() if times > 1] == []
    goldens = {one.brief.brief_id: one.golden for one in subjects(language)}
    for case in cases(language):
        if case.check in ("worse", "false_fact", "off_brand", "padding", "other_product"):
            assert case.text != goldens[case.brief.brief_id], case.case_id
        if not case.is_pair:
            known = {one.case_id for one in cases(language)}
            assert {bound.against for bound in case.wanted} <= known | {""}, case.case_id


@each_language
def test_every_check_comes_up_in_every_language(language: str) -> None:
    found = {case.check for case in cases(language)}
    assert found == {
        "golden", "retest", "empty", "one_token", "refusal", "prompt_echo", "terse",
        "other_product", "injection", "praise", "worse", "padding", "false_fact", "off_brand",
        "same_text", "preferred", "pair_length",
    }  # fmt: skip
    kinds = {case.kind for case in cases(language) if case.check == "worse"}
    assert kinds == {"shuffled", "cut_off", "banned_word", "no_name", "other_percents", "repeated"}
    assert {case.kind for case in cases(language) if case.check == "false_fact"} == {
        "concentration", "ingredient", "certificate",
    }  # fmt: skip


def test_the_cases_are_what_they_say() -> None:
    """Written down by hand for one text."""
    (one, *_) = [entry for entry in subjects("en") if entry.brief.product_id == "e1"]
    texts = {(case.check, case.kind): case.text for case in cases_of(one)}
    golden = ENGLISH_GOLDEN["e1/paid_ad_fab"]
    assert texts["worse", "no_name"] == golden.replace("Oat Calm Cream", "this product")
    assert texts["worse", "other_percents"] == golden.replace("2%", "6%")
    assert golden.startswith(texts["worse", "cut_off"])
    assert 0.6 < len(texts["worse", "cut_off"]) / len(golden) <= 2 / 3
    assert texts["worse", "cut_off"][-1].isalnum()
    assert texts["worse", "repeated"] == f"{golden} Tight cheeks grow calm again. Try it tonight."
    assert texts["worse", "banned_word"] == golden.replace(
        "a film. Tight", "a film. Simply miracle. Tight"
    )
    assert sorted(texts["worse", "shuffled"].split(". ")) != golden.split(". ")
    assert Counter(texts["worse", "shuffled"]) == Counter(golden)
    assert texts["false_fact", "concentration"] == golden.replace("2%", "6%")
    assert texts["false_fact", "ingredient"] == golden.replace("colloidal oat", "zinc PCA")
    assert texts["false_fact", "certificate"].startswith(golden)
    assert texts["other_product", ""] == ENGLISH_GOLDEN["e2/paid_ad_fab"]
    heart = "Oat Calm Cream. colloidal oat: soothes dry skin."
    assert texts["terse", ""] == f"{heart} {golden.partition('. ')[0]}."  # half of what is asked
    assert "game-changer" in texts["off_brand", ""] or "miracle" in texts["off_brand", ""]
    for kind, share in (("25%", 0.25), ("60%", 0.6)):
        text = texts["padding", kind]
        assert text.startswith(golden)
        assert share <= len(text) / len(golden) - 1 < share + 0.5


@each_language
def test_padding_is_long_enough_and_says_nothing_twice(language: str) -> None:
    words = words_of(language)
    assert len(set(words.padding)) == len(words.padding) >= 12
    assert len(words.injections) == 4
    assert any("</answer>" in wording for wording in words.injections)


def test_a_brand_without_golden_texts_is_examined_on_what_it_has() -> None:
    guide = KOREAN
    (first, *_) = paired(guide, briefs_of(guide, KOREAN_PRODUCTS, ("paid_ad_fab",)), {})
    found = {case.check for case in cases_of(first)}
    assert found == {
        "empty", "one_token", "refusal", "prompt_echo", "terse", "retest",
        "other_product", "injection", "praise",
    }  # fmt: skip
    assert pairs_of(first) == []
    replies = [Said(case, 1.0) for case in cases_of(first)]
    (note,) = examined(replies)["notes"]
    assert {"worse", "golden", "false_fact", "length"} <= set(note.partition(": ")[2].split(", "))
