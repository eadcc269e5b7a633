"""Copies with other names: brief and text change alike, and nothing but the names does."""

import json
from random import Random
from typing import Any

import pytest

from jobs.domain.amounts import amounts_of, with_other_amounts
from jobs.domain.brand import BRANDS, facts_json, load_guide
from jobs.domain.catalog import read_products
from jobs.domain.renaming import Renamer

ENGLISH: dict[str, Any] = {
    "name": "Calm Barrier Cream",
    "ingredients": [{"name": "Ectoin", "role": "holds water"}, {"name": "Squalane", "role": "r"}],
    "price": "29 EUR",
}
KOREAN: dict[str, Any] = {
    "name": "진정 장벽 크림",
    "ingredients": [{"name": "엑토인", "role": "보습"}],
}


def without_names(facts: dict[str, Any]) -> dict[str, Any]:
    ingredients = [{**entry, "name": ""} for entry in facts["ingredients"]]
    return {**facts, "name": "", "ingredients": ingredients}


def test_every_name_of_the_catalogue_changes_in_brief_and_text_alike() -> None:
    guide = load_guide("yuansu")
    products = read_products(BRANDS / "yuansu" / "products.jsonl", "zh")
    facts = [facts_json(product, guide.name) for product in products]
    texts = [
        f"{p.name}，含{'、'.join(i.name for i in p.ingredients)}。每晚用{p.name}。"
        for p in products
    ]
    renamer, seen = Renamer(facts, texts, "zh"), set[str]()
    for number, (old_facts, text) in enumerate(zip(facts, texts, strict=True)):
        new_facts, new_text = renamer.renamed(old_facts, text, Random(number))
        old, new = json.loads(old_facts), json.loads(new_facts)
        assert without_names(old) == without_names(new)
        listed = "、".join(entry["name"] for entry in new["ingredients"])
        assert new_text == f"{new['name']}，含{listed}。每晚用{new['name']}。"
        assert new["name"][-2:] == old["name"][-2:]
        assert (new_facts, new_text) == renamer.renamed(old_facts, text, Random(number))
        seen.add(new["name"])
    assert len(seen & set(renamer.names)) < len(facts) / 50
    assert len(seen) > 0.98 * len(facts)


@pytest.mark.parametrize(
    ("language", "facts", "text"),
    [
        ("en", ENGLISH, "Meet {0}. {1} holds water; {2} follows. 29 EUR."),
        ("ko", KOREAN, "{0}에는 {1}이 들어 있습니다."),
    ],
)
def test_languages_with_words(language: str, facts: dict[str, Any], text: str) -> None:
    def filled(content: dict[str, Any]) -> str:
        return text.format(content["name"], *(entry["name"] for entry in content["ingredients"]))

    source = json.dumps(facts, ensure_ascii=False)
    renamer = Renamer(
        [source], [filled(facts), "Every evening two drops and some patience"], language
    )
    new_facts, new_text = renamer.renamed(source, filled(facts), Random(1))
    new = json.loads(new_facts)
    assert new_text == filled(new)
    assert new["name"] != facts["name"]
    assert new["name"].split()[-1] == facts["name"].split()[-1]
    assert without_names(new) == without_names(facts)


def test_what_product_and_hero_share_they_go_on_sharing() -> None:
    source = '{"name": "神经酰胺润护身体乳", "ingredients": [{"name": "神经酰胺NP"}]}'
    other = '{"name": "烟酰胺净润精华液", "ingredients": []}'
    renamer = Renamer([other], ["每晚两滴，慢慢来。"], "zh")
    for seed in range(50):
        facts, text = renamer.renamed(source, "神经酰胺润护身体乳含神经酰胺NP。", Random(seed))
        new = json.loads(facts)
        root = new["ingredients"][0]["name"].removesuffix("NP")
        assert "神经酰胺" not in facts
        assert new["name"].startswith(root)
        assert text == f"{new['name']}含{root}NP。"


def test_words_are_replaced_whole() -> None:
    source = json.dumps(ENGLISH)
    renamer = Renamer([source], ["every evening two drops and some patience"], "en")
    for seed in range(30):
        new = json.loads(renamer.renamed(source, "", Random(seed))[0])
        names = [new["name"], *(entry["name"] for entry in new["ingredients"])]
        known = {"every", "evening", "two", "drops", "and", "some", "patience"}
        known |= {"Calm", "Barrier", "Cream", "Ectoin", "Squalane"}
        assert {word for name in names for word in name.split()} <= known


def test_a_name_of_one_character_stays() -> None:
    source = '{"name": "水", "ingredients": [{"name": "盐"}]}'
    assert Renamer([source], ["水里有盐"], "zh").renamed(source, "水里有盐", Random(0)) == (
        source,
        "水里有盐",
    )


def test_amounts_are_whose_the_brief_says() -> None:
    """Every amount in a text stands before an ingredient that has it, as before the change."""
    guide = load_guide("yuansu")
    products = list(read_products(BRANDS / "yuansu" / "products.jsonl", "zh"))
    facts = [facts_json(product, guide.name) for product in products]
    amounts, given, taken = amounts_of(facts), 0, 0
    for number, (product, source) in enumerate(zip(products, facts, strict=True)):
        hero = product.ingredients[0]
        text = f"以{hero.concentration}{hero.name}为主，还有{hero.concentration}{hero.name}。"
        new_facts, new_text = with_other_amounts(source, text, amounts, Random(number))
        old, new = json.loads(source)["ingredients"], json.loads(new_facts)["ingredients"]
        first = new[0].get("concentration", "")
        assert new_text == f"以{first}{hero.name}为主，还有{first}{hero.name}。"
        assert [entry["name"] for entry in new] == [entry["name"] for entry in old]
        for before, after in zip(old[1:], new[1:], strict=True):
            kept, now = before.get("concentration"), after.get("concentration")
            assert now == kept if kept else now is None or now in amounts
            assert not now or now != first or now == kept
            given += bool(now) and not kept
        taken += bool(hero.concentration) and not first
    assert given > len(products) / 2
    assert 0.05 < taken / len(products) < 0.25


def test_an_amount_that_cannot_be_taken_out_stays() -> None:
    source = '{"ingredients": [{"name": "泛醇", "concentration": "5%"}, {"name": "角鲨烷"}]}'
    for seed in range(50):
        facts, text = with_other_amounts(source, "含泛醇，浓度是5%。", ["5%", "2%"], Random(seed))
        entries = json.loads(facts)["ingredients"]
        assert text == "含泛醇，浓度是5%。"
        assert entries[0]["concentration"] == "5%"
        assert entries[1].get("concentration") in (None, "2%")
