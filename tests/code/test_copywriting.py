"""`/v1/copy` without a model: its brief is training's, and what it refuses it says."""

import json
from dataclasses import replace
from typing import Any

import pytest

from jobs.domain.brand import Guide, Product, brand_folder, facts_json, load_guide
from jobs.domain.catalog import read_products
from jobs.domain.measures import measure
from jobs.domain.prompts import render_brief
from jobs.domain.rewards import rule_rewards
from jobs.domain.rows import Brief
from jobs.domain.samples import Sample
from serve.copywriting import Candidate, best, briefed, ranked, read_request
from serve.rules import RULES, RuleResult, checked, rule_reward

PRODUCT: dict[str, Any] = {
    "name": "泛醇润护乳",
    "category": "乳液",
    "ingredients": [
        {"name": "泛醇", "role": "舒缓", "concentration": "5%"},
        {"name": "角鲨烷", "role": "补充油脂"},
    ],
    "effects": ["减少紧绷"],
    "size": "80ml",
    "price": "129元",
}
ASKED: dict[str, Any] = {"product": PRODUCT, "content_type": "paid_ad_fab", "brand": "yuansu"}
GOOD = (
    "洗完脸就发紧，多半是屏障里的油脂不够。泛醇润护乳含5%泛醇，温和舒缓；角鲨烷补充油脂，"
    "紧绷感慢慢减少。80ml，129元。今晚洁面之后，不妨薄薄涂上一层。"
)


def asked(**changes: Any) -> dict[str, Any]:
    return {**ASKED, **changes}


def asked_of(product: Product) -> dict[str, Any]:
    """What a client sends for a row of the product list."""
    row = {
        "name": product.name,
        "category": product.category,
        "ingredients": [
            {"name": one.name, "role": one.role, "concentration": one.concentration}
            for one in product.ingredients
        ],
        "effects": list(product.effects),
        "texture": product.texture,
        "size": product.size,
        "price": product.price,
    }
    return {"product": row, "audience": list(product.suited_for)}


def test_the_chat_is_the_one_that_training_saw() -> None:
    guide = load_guide("yuansu")
    products = list(read_products(brand_folder("yuansu") / "products.jsonl", "zh"))
    assert len(products) > 20
    for product in products:
        row = Brief(
            "", "", "val", False, "yuansu", "zh", "paid_ad_pas", facts_json(product, guide.name)
        )
        brief, found = briefed(read_request(asked(**asked_of(product), content_type="paid_ad_pas")))
        assert found == guide
        assert render_brief(brief, found) == render_brief(row, guide)


def test_values_stand_as_a_teacher_proposed_them() -> None:
    guide = load_guide("gyeoldam")
    product = Product("p", "첫 물레 수업", "수업", value="느긋함, 배움")
    row = Brief(
        "", "", "val", False, "gyeoldam", "ko", "value_line", facts_json(product, guide.name)
    )
    request = {
        "product": {"name": "첫 물레 수업", "category": "수업"},
        "values": ["느긋함", " 배움 ", "느긋함"],
        "brand": "gyeoldam",
        "content_type": "value_line",
        "language": "ko",
    }
    brief, found = briefed(read_request(request))
    assert render_brief(brief, found) == render_brief(row, guide)


def test_one_request_has_one_brief() -> None:
    first, again = (briefed(read_request(ASKED))[0] for _ in range(2))
    other = briefed(read_request(asked(audience=["油性肌肤"])))[0]
    assert first == again
    assert first.brief_id != other.brief_id
    assert first.brief_id == f"{first.product_id}/paid_ad_fab"


@pytest.mark.parametrize(
    ("n", "candidates", "tries"), [(1, None, 2), (8, None, 16), (3, 3, 3), (2, 32, 32)]
)
def test_how_many_texts_are_asked_for(n: int, candidates: int | None, tries: int) -> None:
    assert read_request(asked(n=n, candidates=candidates)).tries == tries


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ([], "the body: input should be a valid dictionary"),
        (None, "the body"),
        ({}, "product: field required"),
        (asked(product={**PRODUCT, "name": " \n"}), "product.name: .*at least 1 character"),
        (asked(product={**PRODUCT, "name": 7}), "product.name: .*valid string"),
        (asked(product={**PRODUCT, "name": "x" * 201}), "product.name: .*at most 200"),
        (asked(product={**PRODUCT, "price": None}), "product.price: .*valid string"),
        (asked(product={**PRODUCT, "colour": "red"}), "product.colour: there is no such field"),
        (asked(product={**PRODUCT, "name": "\ud800"}), "product.name"),
        (
            asked(product={**PRODUCT, "ingredients": [{"name": "泛醇"}]}),
            "ingredients.0.role: field",
        ),
        (asked(audience="all"), "audience: .*valid list"),
        (asked(audience=["x"] * 21), "audience: .*at most 20"),
        (asked(n=0), "n: .*greater than or equal to 1"),
        (asked(n=9), "n: .*less than or equal to 8"),
        (asked(n=True), "n: .*valid integer"),
        (asked(n=2.0), "n: .*valid integer"),
        (asked(n=4, candidates=3), "candidates is 3; wanted at least n, 4"),
        (asked(candidates=33), "candidates: .*less than or equal to 32"),
        (asked(temprature=1), "temprature: there is no such field"),
    ],
)
def test_a_body_that_is_no_request_is_refused(body: Any, problem: str) -> None:
    with pytest.raises(ValueError, match=problem) as refused:
        read_request(body)
    assert type(refused.value) is ValueError
    assert "泛醇" not in str(refused.value)
    str(refused.value).encode()


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        (
            {"brand": "../brands/yuansu"},
            "brand: there is no such brand; wanted one of gyeoldam, yuansu",
        ),
        ({"brand": "nobody"}, "there is no such brand"),
        ({"language": "en"}, "this brand writes zh"),
        ({"content_type": "sonnet"}, "no such type in zh; wanted one of .*paid_ad_fab"),
        ({"content_type": "../chat/brief"}, "no such type"),
        ({"content_type": "value_line"}, "about a value"),
        ({"product": {"name": "泛醇润护乳", "category": "乳液"}}, "none, and no values"),
    ],
)
def test_what_no_brief_can_be_made_of_is_refused(changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        briefed(read_request(asked(**changes)))


def results(text: str, finish_reason: str = "stop") -> dict[str, RuleResult]:
    brief, guide = briefed(read_request(ASKED))
    return {found.name: found for found in checked(text, brief, guide, finish_reason)}


def test_scores_are_those_of_the_rewards_and_measures() -> None:
    brief, guide = briefed(read_request(ASKED))
    for text in (GOOD, GOOD[:40], "护肤神器！！", ""):
        found = results(text, "length")
        sample = Sample(brief, guide, text, "length")
        wanted = {name: reward(sample) for name, reward in rule_rewards().items()}
        counted = measure(text, brief, guide)
        assert {name: result.score for name, result in found.items()} == wanted | {
            name: counted[name] for name in ("form_kept", "facts_named")
        }
        assert list(found) == list(RULES)
        assert rule_reward(list(found.values())) == pytest.approx(
            sum(wanted.values()) / len(wanted)
        )


def test_a_sound_text_passes_every_rule() -> None:
    assert [found.name for found in results(GOOD).values() if not found.passed] == []


@pytest.mark.parametrize(
    ("text", "name", "words"),
    [
        (GOOD + "神 器，逆天。", "banned_words_absent", "banned words: 神器, 逆天"),
        (GOOD[:19], "within_length", "19 characters; wanted 50 to 120"),
        (GOOD.replace("泛醇润护乳", "它"), "names_product", "does not name the product"),
        (GOOD.replace("泛醇", "它"), "names_hero", "does not name 泛醇"),
        (GOOD.replace("129元", "99元"), "figures_true", "2 of 3 figures are true"),
        (GOOD.replace("温和", "").replace("屏障", ""), "encouraged_words", "too few"),
        (GOOD + "最有效！！", "calm", "shouts"),
        (GOOD[:-3], "ended", "cut off"),
        ("A calm lotion with panthenol.", "own_language", "another language"),
        ("**" + GOOD, "plain_text", "markup"),
        (GOOD[:18], "form_kept", "lacks"),
        ("乳液很温和。", "facts_named", "0%"),
    ],
)
def test_what_is_wrong_is_said_in_words(text: str, name: str, words: str) -> None:
    found = results(text)[name]
    assert not found.passed
    assert words in found.words


def test_a_text_that_was_cut_off_has_not_ended() -> None:
    assert results(GOOD, "stop")["ended"].passed
    assert not results(GOOD, "length")["ended"].passed


def test_a_brand_without_words_can_be_written_for() -> None:
    brief, guide = briefed(read_request(ASKED))
    bare: Guide = replace(guide, encouraged=(), banned=())
    found = {one.name: one for one in checked("护肤神器。", brief, bare)}
    assert found["banned_words_absent"].passed
    assert found["encouraged_words"].passed


def candidates(*texts: str) -> list[Candidate]:
    return [Candidate(text, tuple(results(text).values())) for text in texts]


def test_the_best_clean_ones_are_taken_each_once() -> None:
    texts = ["温和的乳液。", "护肤神器。", "温和的乳液。 ", "慢慢来。", " ", "不急。"]
    order = ranked(candidates(*texts), [0.1, 0.9, 0.4, 0.3, 0.8, 0.3])
    assert [one.text for one in order] == ["护肤神器。", " ", "温和的乳液。 ", "慢慢来。", "不急。"]
    assert [one.text for one in best(order, 2, 6)] == ["温和的乳液。 ", "慢慢来。"]
    with pytest.raises(ValueError, match="of 6 texts 5 were .* 3 kept .* wanted 4"):
        best(order, 4, 6)


def test_a_missing_score_is_no_low_score() -> None:
    with pytest.raises(ValueError, match="candidate 1 has the score nan"):
        ranked(candidates("一。", "二。"), [0.5, float("nan")])
    with pytest.raises(ValueError, match="shorter|longer"):
        ranked(candidates("一。", "二。"), [0.5])


def test_a_request_says_the_same_after_json() -> None:
    assert read_request(json.loads(json.dumps(ASKED))) == read_request(ASKED)
