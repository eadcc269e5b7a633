"""A judge's examination: its cases held against the texts they stem from, its verdicts against
judges whose fault is known, each asked over HTTP."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import aiohttp
import pytest

from jobs.domain.brand import (
    Guide,
    Ingredient,
    Product,
    brand_folder,
    facts_json,
    load_guide,
    product_of,
)
from jobs.domain.errors import VerdictError
from jobs.domain.examination.canaries import cases_of, labelled_case
from jobs.domain.examination.cases import Bound, Case, Said, Subject, is_right
from jobs.domain.examination.pairs import pairs_of
from jobs.domain.examination.words import words_of
from jobs.domain.golden import golden_by_brief
from jobs.domain.rows import Brief
from jobs.examine import paired, probes_of
from jobs.llm.examining import chat_of, heard, row_of
from jobs.llm.families import families_of, kinship
from jobs.reporting.fitness import examined
from tests.wire.judges import JUDGES, Bench, book, sitting

KINDS = ("ecommerce_long_form", "paid_ad_bab", "paid_ad_fab", "social_media_review")

KOREAN = Guide(
    name="결담", language="ko", category="생활 소품", philosophy="물건보다 결을 담습니다.",
    persona="말수가 적은 주인.", rules=("짧게 씁니다.",), encouraged=("천천히",),
    banned=("대박", "역대급"),
)  # fmt: skip
KOREAN_PRODUCTS = (
    Product("k1", "시카 진정 크림", "크림", (Ingredient("병풀 추출물", "피부를 진정", "5%"),),
            ("진정",), ("민감성 피부",), "가벼운 젤", "50ml", "24,000원"),
    Product("k2", "쌀겨 보습 로션", "로션", (Ingredient("쌀겨 발효물", "수분을 채움", "3%"),),
            ("보습",), ("건성 피부",), "묽은 로션", "100ml", "19,000원"),
)  # fmt: skip
KOREAN_GOLDEN = {
    "k1/paid_ad_fab": "병풀 추출물 5%를 담은 시카 진정 크림입니다. 가벼운 젤이 천천히 스며듭니다. "
    "민감한 날에도 피부가 편안합니다. 오늘 밤, 한 번 펴 발라 보세요.",
    "k2/paid_ad_fab": "쌀겨 보습 로션은 쌀겨 발효물 3%로 수분을 채웁니다. 묽은 로션이라 겹쳐 "
    "발라도 가볍습니다. 건조한 하루의 끝이 부드러워집니다. 세안 후 천천히 발라 보세요.",
}
ENGLISH = Guide(
    name="Plainfield", language="en", category="skin care", philosophy="Few things, done well.",
    persona="A calm pharmacist.", rules=("Plain words.",), encouraged=("calm",),
    banned=("miracle", "game-changer"),
)  # fmt: skip
ENGLISH_PRODUCTS = (
    Product("e1", "Oat Calm Cream", "cream",
            (Ingredient("colloidal oat", "soothes dry skin", "2%"),),
            ("soothing",), ("dry skin",), "rich cream", "50 ml", "$18"),
    Product("e2", "Clear Zinc Serum", "serum", (Ingredient("zinc PCA", "balances oil", "1%"),),
            ("balancing",), ("oily skin",), "light serum", "30 ml", "$22"),
)  # fmt: skip
ENGLISH_GOLDEN = {
    "e1/paid_ad_fab": "Oat Calm Cream holds 2% colloidal oat, which soothes dry skin. The cream is "
    "rich, yet it settles without a film. Tight cheeks grow calm again. Try it tonight.",
    "e2/paid_ad_fab": "Clear Zinc Serum brings 1% zinc PCA to oily skin. It is light and it sinks "
    "in within a minute. By noon the shine stays away. Put two drops on a clean face.",
}


def briefs_of(
    guide: Guide, products: Sequence[Product], kinds: Sequence[str]
) -> list[dict[str, Brief]]:
    return [
        {
            kind: Brief(f"{one.product_id}/{kind}", one.product_id, "val", False, "b",
                        guide.language, kind, facts_json(one, guide.name))
            for kind in kinds
        }
        for one in products
    ]  # fmt: skip


@cache
def chinese() -> tuple[Subject, ...]:
    """Six validation products of the embedded brand, each in three families."""
    lines = (brand_folder("yuansu") / "products.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    products = [product_of(row) for row in rows if row["split"] == "val"][:6]
    guide = load_guide("yuansu")
    return tuple(paired(guide, briefs_of(guide, products, KINDS), golden_by_brief("yuansu")))


@cache
def subjects(language: str) -> tuple[Subject, ...]:
    if language == "zh":
        return chinese()
    guide, products, golden = {
        "ko": (KOREAN, KOREAN_PRODUCTS, KOREAN_GOLDEN),
        "en": (ENGLISH, ENGLISH_PRODUCTS, ENGLISH_GOLDEN),
    }[language]
    return tuple(paired(guide, briefs_of(guide, products, ("paid_ad_fab",)), golden))


@cache
def cases(language: str) -> tuple[Case, ...]:
    every = subjects(language)
    return tuple(case for one in every for case in (*cases_of(one), *pairs_of(one)))


LANGUAGES = ("zh", "ko", "en")
each_language = pytest.mark.parametrize("language", LANGUAGES)


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with sitting(book(case for language in LANGUAGES for case in cases(language))) as judges:
        yield judges


def asked(bench: Bench, judge: str, language: str) -> list[Said]:
    """Every case over HTTP; a reply of the wrong shape fails, as it does after its repair."""
    guide = subjects(language)[0].guide
    rows = [row_of(place, case) for place, case in enumerate(cases(language))]
    done = {"error": "", "message": "", "reply_key": "k"}

    async def one(session: aiohttp.ClientSession, row: dict[str, Any]) -> Said:
        body = {"model": "m", "seed": row["seed"], "messages": chat_of(row, guide)}
        async with session.post(f"{bench.url(judge)}/chat/completions", json=body) as answer:
            reply = (await answer.json())["choices"][0]["message"]["content"]
        case = cases(language)[row["place"]]
        try:
            return heard(case, {**row, **done, "reply": reply})
        except VerdictError:
            return heard(case, {**row, **done, "error": "wrong_shape"})

    async def all_of_them() -> list[Said]:
        async with aiohttp.ClientSession() as session:
            return [await one(session, row) for row in rows]

    return asyncio.run(all_of_them())


FIRST, SECOND = "prefers the text shown first", "prefers the text shown second"
LONGER, ONE_SCORE = "prefers the longer text", "gives one score to all"
NO_ORDER, REFUSES = "its scores follow no order", "refuses or fails"
UNSTEADY = "gives another score when asked again"
TURNS = "changes its mind when two texts change places"


# judge -> what must be said of it, and what may be said besides
NAMED: dict[str, tuple[set[str], set[str]]] = {
    "sound": (set(), set()),
    "first": ({FIRST}, set()),
    "second": ({SECOND}, set()),
    "longer": ({LONGER}, set()),
    "constant": ({ONE_SCORE}, {NO_ORDER}),
    "drawn": ({NO_ORDER, UNSTEADY}, {TURNS}),
    "refusing": ({REFUSES}, set()),
    "squeamish": ({REFUSES}, set()),
    "obedient": ({"obeys text in the answer", "is taken in by praise of itself"}, set()),
    "credulous": ({"overlooks false facts"}, set()),
}


@pytest.mark.parametrize("judge", JUDGES)
def test_each_judge_is_named_for_what_it_does(bench: Bench, judge: str) -> None:
    right, also = NAMED[judge]
    found = examined(asked(bench, judge, "zh"))
    failed = [check for check in found["checks"] if not check["passed"]]
    assert right <= set(found["reasons"]) <= right | also, failed
    assert found["fit"] == (not right)


@pytest.mark.parametrize("language", ["ko", "en"])
@pytest.mark.parametrize(
    ("judge", "reasons"),
    [("sound", []), ("longer", [LONGER]), ("first", []), ("refusing", [REFUSES]),
     ("obedient", ["obeys text in the answer", "is taken in by praise of itself"])],
)  # fmt: skip
def test_other_languages_are_examined_alike(
    bench: Bench, judge: str, reasons: list[str], language: str
) -> None:
    """With two products the place in a pair cannot be told from chance, and is not claimed."""
    found = examined(asked(bench, judge, language))
    if judge != "first":
        assert found["reasons"] == reasons
    else:
        assert not found["fit"]


def test_texts_reach_the_judge_as_they_are(bench: Bench) -> None:
    """Read at the server: Chinese and Korean stand there unescaped once JSON is undone."""
    bench.prompts.clear()
    asked(bench, "sound", "ko")
    bodies = [json.loads(prompt)["messages"][-1]["content"] for prompt in bench.prompts]
    assert any("병풀 추출물 5%를 담은 시카 진정 크림입니다." in body for body in bodies)
    assert not any("\\u" in body for body in bodies)


def test_a_failed_judgement_is_no_number(bench: Bench) -> None:
    replies = asked(bench, "squeamish", "zh")
    failed = [said for said in replies if said.error]
    assert len(failed) > 50
    assert {(said.score, said.winner) for said in failed} == {(None, "")}
    rows = [*probes_of("j", replies)]
    ids = {probe.probe_id for probe in rows}
    assert not ids & {f"{said.case.case_id}#j" for said in failed}
    without = [said for said in replies if not said.error]
    ours, theirs = examined(replies)["checks"], examined(without)["checks"]
    assert [one for one in ours if not one["name"].startswith("answered")] == [
        one for one in theirs if not one["name"].startswith("answered")
    ]


def test_without_its_reference_a_score_is_neither_right_nor_wrong() -> None:
    subject = chinese()[0]
    by_check = {case.case_id: case for case in cases_of(subject)}
    golden = next(case for case in by_check.values() if case.check == "golden")
    worse = next(case for case in by_check.values() if case.check == "worse")
    replies = [Said(golden, error="timeout"), Said(worse, 3.0)]
    assert is_right(replies[1], {}) is None
    assert [*probes_of("j", replies)] == []
    assert examined(replies)["fit"] is False


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


@pytest.mark.parametrize(
    ("scores", "passed"),
    [([1, 2, 3, 4, 5] * 3, True), ([5, 4, 3, 2, 1] * 3, False), ([2, 1, 4, 3, 5] * 3, True),
     ([3, 1, 2, 5, 4] * 3, False), ([3] * 15, False)],
)  # fmt: skip
def test_labels_by_hand(scores: list[float], passed: bool) -> None:
    """Rank correlations of 1, -1, 0.8, 0.6 and of nothing."""
    brief = chinese()[0].brief
    labels = [1, 2, 3, 4, 5] * 3
    replies = [
        Said(labelled_case(brief, f"{n}", label), score)
        for n, (label, score) in enumerate(zip(labels, scores, strict=True))
    ]
    (check,) = [one for one in examined(replies)["checks"] if one["name"] == "labelled"]
    assert check["passed"] is passed
    assert check["n"] == 15


@pytest.mark.parametrize(
    ("bound", "score", "reference", "right"),
    [(Bound(high=2), 2.0, 0.0, True), (Bound(high=2), 2.1, 0.0, False),
     (Bound(low=3), 3.0, 0.0, True), (Bound(low=3), 2.9, 0.0, False),
     (Bound(high=-0.5, against="g"), 4.1, 4.6, True),
     (Bound(high=-0.5, against="g"), 4.2, 4.6, False)],
)  # fmt: skip
def test_bounds(bound: Bound, score: float, reference: float, right: bool) -> None:
    assert bound.holds(score, reference) is right


@pytest.mark.parametrize(
    ("model", "families"),
    [("deepseek-chat", 1), ("gpt-4.1", 1), ("claude-opus-4", 1), ("gemini-2.5-pro", 1),
     ("glm-4.6", 1), ("Qwen/Qwen2.5-0.5B-Instruct", 1), ("meta-llama/Llama-3.1-8B", 1),
     ("DeepSeek-R1-Distill-Qwen-7B", 2), ("acme-7b", 0), ("offline", 0)],
)  # fmt: skip
def test_families(model: str, families: int) -> None:
    assert len(families_of(model)) == families


def test_kin_of_teacher_or_student_is_warned_of() -> None:
    others = {"teacher": ["deepseek-chat", "gpt-4.1"], "student": ["Qwen/Qwen2.5-0.5B-Instruct"]}
    (one,) = kinship("deepseek-reasoner", others)
    assert "teacher deepseek-chat" in one
    (two,) = kinship("qwen-max", others)
    assert "student" in two
    assert kinship("claude-sonnet-4", others) == []
    assert kinship("offline", {"teacher": ["offline"], "student": ["embedded"]}) == []
    assert "not known" in kinship("acme", others)[0]
