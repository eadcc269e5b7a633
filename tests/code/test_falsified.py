"""False facts by the offline teacher: no value tells by itself which text is the false one."""

import json
import math
import re
from collections import Counter
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import pytest

from jobs.domain.brand import brand_folder, facts_json, load_guide
from jobs.domain.catalog import read_products
from jobs.domain.degrading import render_degrading
from jobs.domain.prompts import render_request
from jobs.domain.rows import Brief
from jobs.domain.telltale import Texts, told
from jobs.domain.text import char_count
from jobs.llm.offline.teacher import Teacher
from jobs.llm.offline.teacher.phrasebook import load_phrasebook

TYPES = ("ecommerce_long_form", "paid_ad_bab", "paid_ad_fab", "social_media_educational",
         "social_media_review")  # fmt: skip
BANKS = ("ingredients", "roles", "effects", "suited_for", "textures")
AMOUNTS = ("concentrations", "sizes", "prices")
MOST_TOLD = 0.56  # by words alone; it was 0.92 when banks were made up and numbers multiplied
COMMON = 25  # times that a value gives way or is put in: from then on its odds mean something


@dataclass(frozen=True)
class Falsified:
    """A copy and what the teacher made of it."""

    facts: dict[str, Any]
    product_id: str
    copy: str
    text: str
    planted: tuple[str, ...]

    @cached_property
    def bare(self) -> tuple[str, str]:
        """Copy and text without the product's name, of which an ingredient's may be a part."""
        name = self.facts["name"]
        return self.copy.replace(name, ""), self.text.replace(name, "")

    def moved(self, value: str) -> int:
        """How often the text has the value, less how often the copy has it."""
        before, after = self.bare
        return after.count(value) - before.count(value)


@cache
def made() -> list[Falsified]:
    """One copy or more of every train and dev product, made false."""
    guide, found = load_guide("yuansu"), []
    writer, spoiler = Teacher({}, seed=3), Teacher({"bad_negative": 0.0}, seed=4)
    for product in read_products(brand_folder("yuansu") / "products.jsonl", "zh"):
        if product.split == "val":
            continue
        for name in TYPES:
            facts, where = facts_json(product, guide.name), f"{product.product_id}/{name}"
            brief = Brief(where, product.product_id, "train", False, "b", "zh", name, facts)
            copy = writer.reply({"messages": render_request(brief, guide)}).text
            chat = render_degrading("false", brief, guide, copy)
            told = spoiler.reply({"messages": chat})
            found.append(
                Falsified(json.loads(facts), product.product_id, copy, told.text, told.planted)
            )
    return found


def bank(name: str, language: str = "zh") -> dict[str, int]:
    return dict(load_phrasebook(language).degrade[name])


def asked_for(facts: dict[str, Any], text: str, seed: int = 0) -> str:
    """A text about a product of these facts, made false."""
    shown = json.dumps({"content_type": "paid_ad_fab", **facts}, ensure_ascii=False)
    brief = Brief("b", "p", "train", False, "b", "zh", "paid_ad_fab", shown)
    chat = render_degrading("false", brief, load_guide("yuansu"), text)
    return Teacher({"bad_negative": 0.0}).reply({"messages": chat, "seed": seed}).text


def test_words_alone_do_not_tell_false_texts() -> None:
    pairs = [Texts(f"n{n}", "false", one.product_id, one.copy, one.text)
             for n, one in enumerate(made())]  # fmt: skip
    figures = told(pairs)
    print(figures)
    assert figures["pairs"] == 2000
    assert figures["accuracy"] < MOST_TOLD


def test_a_value_gives_way_as_often_as_it_is_put_in() -> None:
    gone, put = Counter[str](), Counter[str]()
    for name in (*BANKS, "concentrations"):
        for value in bank(name):
            for one in made():
                gone[value] += one.moved(value) < 0
                put[value] += one.moved(value) > 0
    common = [value for value in gone if gone[value] + put[value] >= COMMON]
    assert len(common) > 40
    for value in common:
        total = gone[value] + put[value]
        odds = put[value] / total
        assert abs(odds - 0.5) < 0.1 + 4 * math.sqrt(0.25 / total), (value, odds, total)
    assert 0.47 < sum(put[v] for v in common) / sum(put[v] + gone[v] for v in common) < 0.53


def test_what_the_chinese_banks_hold_is_true_of_train_or_dev_products() -> None:
    lines = (brand_folder("yuansu") / "products.jsonl").read_text(encoding="utf-8").splitlines()
    every = [one for one in map(json.loads, lines) if one.get("split") != "val"]
    parts = [part for one in every for part in one["ingredients"]]
    true = {
        "ingredients": Counter(part["name"] for part in parts),
        "roles": Counter(part["role"] for part in parts),
        "concentrations": Counter(part["concentration"] for part in parts),
        "effects": Counter(effect for one in every for effect in one["effects"]),
        "suited_for": Counter(skin for one in every for skin in one["suited_for"]),
        "textures": Counter(one["texture"] for one in every),
        "sizes": Counter(one["size"] for one in every),
        "prices": Counter(one["price"] for one in every),
    }
    for name, counts in true.items():
        assert {value: counts[value] for value in bank(name) if counts[value] < 2} == {}, name
        assert len(bank(name)) >= 8


@pytest.mark.parametrize("language", ["zh", "ko", "en"])
@pytest.mark.parametrize("name", [*BANKS, *AMOUNTS, "values"])
def test_banks_name_each_value_once_with_a_weight(language: str, name: str) -> None:
    listed = load_phrasebook(language).degrade[name]
    assert len(dict(listed)) == len(listed) >= 8
    assert all(weight > 0 for _, weight in listed)
    if name in AMOUNTS:
        units = Counter(re.sub(r"[\d.]+", "#", value) for value in bank(name, language))
        assert all(count > 2 for count in units.values()), units


def test_what_is_put_in_is_not_true_of_the_product() -> None:
    values = [value for name in (*BANKS, *AMOUNTS) for value in bank(name)]
    for one in made()[::2]:
        more = [value for value in values if one.moved(value) > 0]
        parts = {value for value in more for other in more if value in other != value}
        assert more
        for value in set(more) - parts:
            assert value not in str(one.facts), (value, one.text)


def test_one_or_two_facts_are_changed_and_lengths_go_both_ways() -> None:
    assert {len(one.planted) for one in made()} == {1, 2}
    assert all(one.text != one.copy for one in made())
    kinds = Counter(flaw for one in made() for flaw in one.planted)
    assert set(kinds) == {"concentration", "effect", "ingredient", "price", "role", "size",
                          "suited_for", "texture"}  # fmt: skip
    steps = [char_count(one.text) - char_count(one.copy) for one in made()]
    uneven = [step for step in steps if step]
    longer = sum(step > 0 for step in uneven)
    assert abs(longer - len(uneven) / 2) < 4 * math.sqrt(len(uneven) / 4)
    assert abs(sum(steps)) / len(steps) < 0.5  # of a character


def test_amounts_keep_their_unit_and_are_not_far_off() -> None:
    facts = {"name": "某霜", "size": "50g", "price": "199元",
             "ingredients": [{"name": "某醇", "role": "", "concentration": "5%"}]}  # fmt: skip
    text = "某霜含5%某醇，50g一罐，199元。"
    found = {asked_for(facts, text, seed) for seed in range(80)}
    amounts: dict[str, set[float]] = {"%": set(), "g": set(), "元": set()}
    for one in found:
        for number, unit in re.findall(r"([\d.]+)(%|g|元)", one):
            amounts[unit].add(float(number))
    for unit, true in (("%", 5), ("g", 50), ("元", 199)):
        assert true in amounts[unit]  # in some texts another one was changed
        assert len(amounts[unit]) > 4
        assert all(true / 5 <= number <= true * 5 for number in amounts[unit])
        values = {f"{number:g}{unit}" for number in amounts[unit] - {true}}
        assert values <= set(bank({"%": "concentrations", "g": "sizes", "元": "prices"}[unit]))


def test_a_role_is_exchanged_as_a_whole() -> None:
    role = "调节皮脂、匀净肤色"
    facts = {
        "name": "某霜",
        "ingredients": [{"name": "某醇", "role": role}],
        "effects": ["匀净肤色"],
    }
    text = f"某霜里的某醇，{role}。"
    found = {asked_for(facts, text, seed) for seed in range(40)}
    roles = {one.removeprefix("某霜里的某醇，").removesuffix("。") for one in found}
    assert len(roles) > 8
    assert roles <= set(bank("roles")) - {role}
    assert any("、" in one for one in roles)


def test_values_that_no_bank_has_are_exchanged_where_there_is_no_other() -> None:
    facts = {"name": "某霜", "texture": "从未见过的质地", "size": "7桶"}
    found = {asked_for(facts, "某霜，从未见过的质地，7桶。", seed) for seed in range(60)}
    assert any("7桶" in one for one in found)
    assert any("从未见过的质地" in one and "7桶" not in one for one in found)
    known = {**facts, "price": "199元"}
    for seed in range(20):
        text = asked_for(known, "某霜，从未见过的质地，7桶，199元。", seed)
        assert text.startswith("某霜，从未见过的质地，7桶，")
        assert "199元" not in text


def test_a_value_that_is_a_part_of_another_is_not_exchanged_in_it() -> None:
    """The effect stands in the text as half of the role alone."""
    facts = {"name": "某霜", "ingredients": [{"name": "某醇", "role": "调节皮脂、匀净肤色"}],
             "effects": ["匀净肤色"]}  # fmt: skip
    for seed in range(40):
        assert "调节皮脂、" not in asked_for(facts, "某霜里的某醇，调节皮脂、匀净肤色。", seed)
