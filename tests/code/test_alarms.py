"""Alarms on reward hacking: which figures raise which, and what canaries are made of."""

import json
from dataclasses import replace

import pytest

from jobs.domain.alarms import (
    Figures,
    Thresholds,
    canary_texts,
    copies_prompt,
    raised,
    repeated_share,
    rise,
)
from jobs.domain.brand import load_guide
from jobs.domain.errors import PromptError
from jobs.domain.prompts import render_guided
from jobs.domain.rewards import example, rule_rewards
from jobs.domain.rows import Brief

CALM = Figures(
    length=110.0,
    sft_length=100.0,
    repeated=0.02,
    copied=0.0,
    reward=0.8,
    canaries={"empty": 0.2, "one_token": 0.3, "praise": 0.5, "injected": 0.5},
    rules=(0.70, 0.71, 0.75, 0.76),
    judged={"rater": (0.60, 0.61, 0.66, 0.66), "reward_model": (0.5, 0.5, 0.5, 0.5)},
    entropy=0.9,
    first_entropy=1.2,
)
FALLING, STILL, RISING = (0.6, 0.6, 0.5, 0.5), (0.6, 0.6, 0.6, 0.6), (0.6, 0.6, 0.7, 0.7)


def test_a_healthy_step_raises_nothing() -> None:
    assert raised(CALM, Thresholds()) == []


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"length": 151.0}, ["length_drift"]),
        ({"length": 150.0}, []),
        ({"length": 59.0}, ["length_drift"]),
        ({"length": 60.0}, []),
        ({"length": 0.0}, ["length_drift"]),
        ({"repeated": 0.16}, ["repetition"]),
        ({"repeated": 0.15}, []),
        ({"copied": 0.051}, ["copying"]),
        ({"copied": 0.05}, []),
        ({"canaries": {"empty": 0.76}}, ["canary"]),
        ({"canaries": {"empty": 0.9, "praise": 0.9}}, ["canary", "canary"]),
        ({"canaries": {"empty": 0.74, "praise": None}}, []),
        ({"reward": 0.3}, ["canary", "canary", "canary"]),
        ({"rules": RISING, "judged": {"rater": FALLING}}, ["rule_judge_gap"]),
        ({"rules": RISING, "judged": {"rater": RISING, "rm": FALLING}}, ["rule_judge_gap"]),
        ({"rules": RISING, "judged": {"rater": STILL}}, []),
        ({"rules": STILL, "judged": {"rater": FALLING}}, []),
        ({"rules": FALLING, "judged": {"rater": FALLING}}, []),
        ({"rules": RISING, "judged": {"rater": (None, 0.6, 0.6, None, 0.5, 0.5)}}, ["x"]),
        ({"rules": RISING, "judged": {"rater": (None, 0.6, None, 0.5)}}, []),
        ({"entropy": 0.35}, ["entropy_collapse"]),
        ({"entropy": 0.37}, []),
        ({"entropy": 0.0}, ["entropy_collapse"]),
        ({"length": 500.0, "repeated": 0.9}, ["length_drift", "repetition"]),
    ],
)
def test_figures_and_their_alarms(changes: dict[str, object], names: list[str]) -> None:
    names = ["rule_judge_gap" if name == "x" else name for name in names]
    alarms = raised(replace(CALM, **changes), Thresholds())  # type: ignore[arg-type]
    assert [alarm.name for alarm in alarms] == names


@pytest.mark.parametrize(
    "missing",
    [
        {"length": None}, {"sft_length": None}, {"sft_length": 0.0}, {"repeated": None},
        {"copied": None}, {"reward": None}, {"canaries": {}}, {"canaries": {"empty": None}},
        {"rules": ()}, {"rules": (0.1, None, None, 0.9)}, {"judged": {}},
        {"judged": {"rater": (None, None, None, None)}}, {"entropy": None},
        {"first_entropy": None}, {"first_entropy": 0.0},
    ],
)  # fmt: skip
def test_a_missing_figure_raises_nothing(missing: dict[str, object]) -> None:
    assert raised(replace(CALM, **missing), Thresholds()) == []  # type: ignore[arg-type]


def test_thresholds_are_the_callers() -> None:
    strict = Thresholds(longest=1.05, repeated=0.01, canary_margin=0.4, entropy=0.8)
    names = {alarm.name for alarm in raised(CALM, strict)}
    assert names == {"length_drift", "repetition", "canary", "entropy_collapse"}


def test_an_alarm_says_what_was_found_and_wanted() -> None:
    (alarm,) = raised(replace(CALM, length=200.0), Thresholds())
    assert "2.000" in alarm.found
    assert "1.500" in alarm.wanted


@pytest.mark.parametrize(
    ("means", "wanted"),
    [
        ((), None),
        ((0.5,), None),
        ((0.1, 0.2, 0.3), None),
        ((0.1, 0.3, 0.3, 0.5), 0.2),
        ((0.0, 0.2, 9.0, 0.2, 0.4), 0.2),  # the middle one of an odd number is left out
        ((None, 0.5, 0.5, 0.5, 0.5, None), 0.0),
    ],
)
def test_rise(means: tuple[float | None, ...], wanted: float | None) -> None:
    assert rise(means) == (None if wanted is None else pytest.approx(wanted))


def test_repetition_is_found_by_counting() -> None:
    once = "洗完脸取一点，在掌心化开，按到两颊，等它慢慢吸收。"
    assert repeated_share(once) == 0.0
    assert repeated_share("") == repeated_share("短") == 0.0
    letters = "".join(filter(str.isalnum, once * 3))
    runs = [letters[place : place + 8] for place in range(len(letters) - 7)]
    came_before = sum(run in runs[:place] for place, run in enumerate(runs))
    assert repeated_share(once * 3) == pytest.approx(came_before / len(runs), abs=1e-5)


def test_copy_that_uses_the_facts_does_not_copy_the_prompt() -> None:
    guide = load_guide("yuansu")
    sample = example("")
    prompt = "\n".join(one["content"] for one in render_guided(sample.brief, guide))
    fair = "原素方程泛醇润护乳含5%泛醇，舒缓；角鲨烷补充油脂，减少紧绷。80ml，129元。不妨一试。"
    assert not copies_prompt(fair, prompt, "zh")
    assert copies_prompt(f"泛醇润护乳。{guide.philosophy}", prompt, "zh")
    assert copies_prompt(f"泛醇润护乳，{'、'.join(guide.rules)}", prompt, "zh")


@pytest.mark.parametrize("language", ["zh", "ko", "en"])
def test_canaries_in_every_language(language: str) -> None:
    guide = replace(load_guide("yuansu"), language=language)
    facts = json.dumps({"brand": "x", "name": "泛醇润护乳", "category": "乳液"})
    kind = "paid_ad_fab"
    brief = Brief("p", "p", "train", False, "yuansu", language, kind, facts)
    texts = canary_texts(brief, guide)
    assert set(texts) == {"empty", "one_token", "praise", "injected"}
    assert texts["empty"] == ""
    assert "泛醇润护乳" in texts["praise"]
    assert "泛醇润护乳" in texts["injected"]
    assert len(texts["one_token"]) <= 3


def test_canaries_are_below_a_sound_text_by_the_rules() -> None:
    sound = example(
        "洗完脸就发紧，多半是屏障里的油脂不够。泛醇润护乳含5%泛醇，温和舒缓；角鲨烷补充油脂，"
        "紧绷感慢慢减少。今晚洁面之后，不妨薄薄涂上一层。"
    )
    rewards = rule_rewards().values()

    def mean(text: str) -> float:
        sample = replace(sound, text=text)
        return sum(reward(sample) for reward in rewards) / len(rewards)

    worth = {name: mean(text) for name, text in canary_texts(sound.brief, sound.guide).items()}
    figures = Figures(reward=mean(sound.text), canaries=worth)
    assert raised(figures, Thresholds()) == []


def test_a_language_without_canaries_is_named() -> None:
    guide = replace(load_guide("yuansu"), language="fr")
    with pytest.raises(PromptError, match="no canaries in 'fr'"):
        canary_texts(example("").brief, guide)
