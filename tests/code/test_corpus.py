"""The pretraining corpus: invented brands, true facts, texts that keep their type's window."""

import json
import re

import pytest

from jobs.domain.prompts import content_type
from jobs.domain.text import char_count
from jobs.training.corpus import Example, examples, held_out_briefs

COUNT = 1500
ACTION = re.compile("点|下单|入手|选购|试|体验|加购|购物车|抢|冲|带|出发|安排|开始|了解|买|看看")


@pytest.fixture(scope="module")
def corpus() -> list[Example]:
    return list(examples(COUNT, seed=11))


def test_same_seed_same_examples(corpus: list[Example]) -> None:
    assert list(examples(200, seed=11)) == corpus[:200]
    assert list(examples(200, seed=12)) != corpus[:200]


def test_texts_are_distinct(corpus: list[Example]) -> None:
    assert len({example.text for example in corpus}) == COUNT


def test_texts_keep_their_types_window(corpus: list[Example]) -> None:
    seen = set()
    for example in corpus:
        kind = content_type(example.brief.content_type, "zh")
        assert kind.min_chars <= char_count(example.text) <= kind.max_chars, example
        seen.add(kind.name)
    assert len(seen) == 9


def test_facts_stand_in_the_text_as_the_brief_states_them(corpus: list[Example]) -> None:
    for example in corpus:
        facts = json.loads(example.brief.facts)
        assert facts["brand"] == example.guide.name
        assert facts["name"] in example.text, example
        assert facts["ingredients"][0]["name"] in example.text, example
        stated = {entry.get("concentration") for entry in facts["ingredients"]}
        assert set(re.findall(r"[\d.]+%", example.text)) <= stated, example
        prices = re.findall(r"\d+元", example.text.replace(facts["name"], ""))
        assert set(prices) <= {facts.get("price")}, example


def test_no_slot_is_left_open(corpus: list[Example]) -> None:
    assert not [example for example in corpus if re.search(r"[{}*?|]|。。|，。|，，", example.text)]


def test_banned_words_are_never_used(corpus: list[Example]) -> None:
    for example in corpus:
        assert not [word for word in example.guide.banned if word in example.text], example


def test_guided_texts_use_the_guides_words(corpus: list[Example]) -> None:
    guided = [example for example in corpus if example.guided]
    assert 0.08 < len(guided) / COUNT < 0.2
    for example in guided:
        assert sum(word in example.text for word in example.guide.encouraged) >= 2, example
        assert "鼓励用词" in example.messages[0]["content"]


def test_ads_call_to_action_and_reviews_are_someones(corpus: list[Example]) -> None:
    for example in corpus:
        if example.brief.content_type.startswith("paid_ad"):
            assert ACTION.search(example.text), example
        if example.brief.content_type == "social_media_review":
            assert "我" in example.text, example


def test_names_vary_enough_to_force_copying(corpus: list[Example]) -> None:
    facts = [json.loads(example.brief.facts) for example in corpus]
    assert len({entry["name"] for entry in facts}) > 0.97 * COUNT
    assert len({entry["ingredients"][0]["name"] for entry in facts}) > 0.25 * COUNT
    assert len({entry["brand"] for entry in facts}) > 0.25 * COUNT


def test_chat_ends_with_the_text(corpus: list[Example]) -> None:
    roles = [message["role"] for message in corpus[0].messages]
    assert roles == ["system", "user", "assistant"]
    assert corpus[0].messages[-1]["content"] == corpus[0].text


def test_held_out_brands_and_products_are_never_trained_on(corpus: list[Example]) -> None:
    held_out = held_out_briefs(90, seed=3)
    assert held_out == held_out_briefs(90, seed=3)
    assert {brief.content_type for brief, _ in held_out} == {
        example.brief.content_type for example in corpus
    }
    trained = [json.loads(example.brief.facts) for example in corpus]
    kept = [json.loads(brief.facts) for brief, _ in held_out]
    for key in ("brand", "name"):
        assert not {entry[key] for entry in kept} & {entry[key] for entry in trained}
