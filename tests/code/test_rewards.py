"""Rule rewards: bounded, hard to game, cheap; their doctests say what each one means."""

import json
import time
from dataclasses import replace

import pytest

from jobs.domain.brand import load_guide
from jobs.domain.rewards import example, rule_rewards
from jobs.domain.rows import Brief
from jobs.domain.samples import Sample

GOOD = (
    "洗完脸就发紧，多半是屏障里的油脂不够。泛醇润护乳含5%泛醇，温和舒缓；角鲨烷补充油脂，"
    "紧绷感慢慢减少。80ml，129元。今晚洁面之后，不妨薄薄涂上一层。"
)
REWARDS = rule_rewards()
ODD = {
    "empty": "", "blank": " \n\t", "one token": "好", "marks": "。，！？", "emoji": "🙂" * 40,
    "digits": "5" * 200, "percents": "5%" * 120, "one character": "好" * 500,
    "names": "泛醇润护乳泛醇" * 20, "surrogates": "\u200b\ufeff" * 9, "latin": "serum " * 60,
    "html": "<b>" * 50, "braces": "{{ }}[]{}" * 30, "long": "温和，屏障。" * 2000,
}  # fmt: skip


def total(sample: Sample) -> float:
    return sum(reward(sample) for reward in REWARDS.values()) / len(REWARDS)


@pytest.mark.parametrize("name", REWARDS)
def test_a_sound_text_is_worth_all(name: str) -> None:
    assert REWARDS[name](example(GOOD)) == 1.0


@pytest.mark.parametrize("text", ODD.values(), ids=ODD)
@pytest.mark.parametrize("finish", ["stop", "length"])
def test_every_reward_is_a_share_and_gaming_them_is_worth_less(text: str, finish: str) -> None:
    sample = example(text, finish)
    worth = {name: reward(sample) for name, reward in REWARDS.items()}
    assert all(0.0 <= one <= 1.0 for one in worth.values()), worth
    assert all(isinstance(one, float) for one in worth.values()), worth
    assert total(sample) < total(example(GOOD)) - 0.2


@pytest.mark.parametrize("text", ["", "好", "。"])
def test_an_empty_text_has_no_names_length_end_or_language(text: str) -> None:
    sample = example(text)
    for name in ("names_product", "names_hero", "no_repetition", "encouraged_words"):
        assert REWARDS[name](sample) == 0.0
    assert REWARDS["within_length"](sample) <= 0.02
    assert REWARDS["ended"](example("")) == REWARDS["own_language"](example("")) == 0.0


SWAPS = [
    ("within_length", GOOD * 2, 0.0, 0.9),
    ("within_length", GOOD[:20], 0.3, 0.5),
    ("names_product", GOOD.replace("泛醇润护乳", "这支润肤露"), 0.0, 0.5),
    ("names_hero", GOOD.replace("含5%泛醇", "含5%烟酰胺"), 0.5, 0.5),
    ("figures_true", GOOD.replace("5%", "8%"), 0.6, 0.7),  # one of three
    ("figures_true", GOOD.replace("角鲨烷补充", "5%角鲨烷补充"), 0.75, 0.75),  # one of four
    ("figures_true", GOOD.replace("80ml，129元", "100ml，售价99元"), 0.3, 0.4),
    ("ingredients_true", GOOD.replace("角鲨烷补充", "还添加了视黄醇，补充"), 0.0, 0.0),
    ("banned_words_absent", GOOD.replace("温和舒缓", "是护肤神器"), 0.5, 0.5),
    ("calm", GOOD.replace("慢慢减少", "彻底消失！！"), 0.0, 0.0),
    ("encouraged_words", GOOD.replace("屏障", "皮肤").replace("温和", ""), 0.0, 0.0),
    ("calls_to_action", GOOD.replace("今晚洁面之后，不妨薄薄涂上一层", "瓶身是白色的"), 0.0, 0.0),
    ("no_repetition", GOOD[:40] * 3, 0.0, 0.0),
    ("ended", GOOD[:-3], 0.0, 0.0),
    ("own_language", "A calm lotion with panthenol for dry skin, made for winter.", 0.0, 0.0),
    ("plain_text", f"**{GOOD}**", 0.0, 0.0),
]


@pytest.mark.parametrize(("name", "text", "low", "high"), SWAPS)
def test_each_reward_falls_with_its_own_fault(
    name: str, text: str, low: float, high: float
) -> None:
    assert low - 1e-6 <= REWARDS[name](example(text)) <= high + 1e-6


def test_more_encouraged_words_bring_nothing_and_heaps_cost() -> None:
    words = REWARDS["encouraged_words"]
    two, three = GOOD, GOOD.replace("含5%", "的配方含5%")
    assert words(example(two)) == words(example(three)) == 1.0
    assert words(example(GOOD + "屏障温和配方" * 6)) < 0.5


def test_a_product_without_ingredients_has_its_name_for_a_hero() -> None:
    facts = json.dumps({"brand": "결담", "name": "고사리 엮기 수업", "category": "수업"})
    brief = Brief("f/value_line", "f", "train", False, "gyeoldam", "ko", "value_line", facts)
    guide = load_guide("gyeoldam")
    sample = Sample(brief, guide, "고사리 엮기 수업, 마르는 동안 차 한 잔이 식습니다.", "stop")
    assert REWARDS["names_hero"](sample) == REWARDS["names_product"](sample) == 1.0
    nameless = replace(sample, text="마르는 동안 차 한 잔이 식습니다. 천천히 와도 됩니다.")
    assert REWARDS["names_hero"](nameless) == REWARDS["names_product"](nameless) == 0.0
    assert REWARDS["calls_to_action"](sample) == 1.0  # its type asks for none


def test_korean_and_english_are_counted_too() -> None:
    facts = {
        "name": "Quiet Gel", "category": "gel", "size": "50ml",
        "ingredients": [{"name": "panthenol", "role": "soothes", "concentration": "5%"}],
    }  # fmt: skip
    guide = replace(load_guide("yuansu"), language="en", banned=("miracle",), encouraged=("calm",))
    brief = Brief("g", "g", "train", False, "x", "en", "paid_ad_fab", json.dumps(facts))
    text = "Quiet Gel holds 5% panthenol, which soothes. It is calm on the skin. Try it tonight."
    sample = Sample(brief, guide, text, "stop")
    for name in ("names_product", "names_hero", "figures_true", "calls_to_action", "ended"):
        assert REWARDS[name](sample) == 1.0, name
    assert REWARDS["figures_true"](replace(sample, text=text.replace("5%", "9%"))) == 0.0
    assert REWARDS["banned_words_absent"](replace(sample, text=f"{text} A miracle.")) == 0.5


@pytest.mark.parametrize("name", REWARDS)
def test_a_reward_costs_less_than_a_millisecond(name: str) -> None:
    # Processor time, the least of seven batches of another text each: a busy machine is not slow.
    batches = [
        [example(f"第{batch}{place}天，{GOOD}{GOOD}{GOOD}{place}{batch}。") for place in range(20)]
        for batch in range(7)
    ]
    REWARDS[name](example(GOOD))  # what it looks things up in is loaded once
    spent = []
    for batch in batches:
        began = time.process_time()
        for sample in batch:
            REWARDS[name](sample)
        spent.append((time.process_time() - began) / len(batch))
    assert min(spent) < 0.001
