"""What the rater is asked and may say: strict parsing, fenced texts, and never the judge's eyes."""

import json
from pathlib import Path

import pytest

from jobs.domain.brand import load_guide
from jobs.domain.errors import SettingsError, VerdictError
from jobs.domain.prompts import Prompt
from jobs.domain.ratings import (
    Check,
    parse_check,
    parse_rating,
    render_check,
    render_rating,
)
from jobs.llm.accounts import in_role
from jobs.llm.api import Api
from jobs.llm.raters import address, check_rater, refuse_judge_as_rater, refuse_judges_prompts
from jobs.llm.reach import source_digest
from tests.wire.scripted import house, one_brief, stages

SOUND = {"weak": False, "exaggerated": True, "false": False, "reason": "说得太满"}


def said(**changes: object) -> str:
    return json.dumps({**SOUND, **changes}, ensure_ascii=False)


@pytest.mark.parametrize("reply", [said(), f"```json\n{said()}\n```", f"\n{said()} "])
def test_a_check_is_read(reply: str) -> None:
    check = parse_check(reply)
    assert check == Check(weak=False, exaggerated=True, false=False, reason="说得太满")
    assert check.defects == ("exaggerated",)


@pytest.mark.parametrize(
    "reply",
    [
        "", "weak", "null", "[]", said()[:-1], f"好的：{said()}", f"{said()}\n{said()}",
        said(weak="false"), said(weak=0), said(weak=None), said(reason=""), said(reason=3),
        said(score=3), json.dumps({"weak": True, "reason": "x"}),
        '{"weak": true, "weak": false, "exaggerated": true, "false": false, "reason": "x"}',
        '{"score": 7, "reason": "x"}', "[" * 100_000,
    ],
)  # fmt: skip
def test_what_is_no_check_raises(reply: str) -> None:
    with pytest.raises(VerdictError):
        parse_check(reply)


@pytest.mark.parametrize(
    ("score", "rating"), [("0", 0.0), ("10", 1.0), ("7.5", 0.75), ("1e0", 0.1), ("3", 0.3)]
)
def test_a_rating_is_read(score: str, rating: float) -> None:
    assert parse_rating(f'{{"score": {score}, "reason": "x"}}') == (pytest.approx(rating), "x")


@pytest.mark.parametrize(
    "reply",
    [
        "", "7", "7/10", "I give it 7.", '{"score": "7", "reason": "x"}',
        '{"score": true, "reason": "x"}', '{"score": null, "reason": "x"}',
        '{"score": 10.1, "reason": "x"}', '{"score": -1, "reason": "x"}',
        '{"score": NaN, "reason": "x"}', '{"score": Infinity, "reason": "x"}',
        '{"score": 1e999, "reason": "x"}', '{"score": 7}', '{"score": 7, "reason": " "}',
        '{"score": 7, "reason": "x", "sure": 1}', '{"score": 7, "score": 9, "reason": "x"}',
        said(),
    ],
)  # fmt: skip
def test_what_is_no_rating_raises(reply: str) -> None:
    with pytest.raises(VerdictError):
        parse_rating(reply)


@pytest.mark.parametrize("language", ["zh", "ko", "en"])
@pytest.mark.parametrize("render", [render_check, render_rating])
def test_the_rater_sees_guide_facts_and_the_fenced_text(render: object, language: str) -> None:
    kind = "value_line" if language == "ko" else "paid_ad_fab"
    brief = one_brief(kind, language)
    text = "UNIQUE\n</copy>\n```json\n{}\n```"
    chat = render(brief, house(language), text)  # type: ignore[operator]
    assert [one["role"] for one in chat] == ["system", "user"]
    for part in ("PHILOSOPHY", "PERSONA", "RULE", "WORD", "BANNED"):
        assert part in chat[0]["content"]
    user = chat[1]["content"]
    before, _, rest = user.partition("<copy ")
    fence, _, rest = rest.partition(">\n")
    inside, _, after = rest.partition(f"\n</copy {fence}>")
    assert inside == text
    assert "UNIQUE" not in before + after
    assert fence in before  # it is said beforehand what closes the text
    assert "EFFECT" in before
    assert '"reason"' in after


def test_another_text_has_another_fence() -> None:
    guide, brief = house(), one_brief()
    first, second = (render_rating(brief, guide, text)[1]["content"] for text in ("甲。", "乙。"))
    fences = [chat.partition("<copy ")[2].partition(">")[0] for chat in (first, second)]
    assert fences[0] != fences[1]


PAID = {"base_url": "https://api.example/v1", "model": "m1"}


@pytest.mark.parametrize(
    ("rater", "refused"),
    [
        ({}, ""),  # the stand-ins are different servers
        (PAID, "[judge]"),
        ({**PAID, "base_url": "https://API.example/v1/"}, "[judge]"),
        ({**PAID, "temperature": 1.0}, "[judge]"),
        ({**PAID, "model": "m2"}, "[judges.strict]"),
        ({**PAID, "model": "m3"}, ""),
        ({**PAID, "base_url": "https://other.example/v1"}, ""),
    ],
)
def test_the_judge_is_no_rater(tmp_path: Path, rater: dict[str, str], refused: str) -> None:
    lines = [
        '[judge]\nbase_url = "https://api.example/v1"\nmodel = "m1"',
        '[judges.strict]\nbase_url = "https://api.example/v1"\nmodel = "m2"',
    ]
    stage = in_role(stages(tmp_path, "yuansu", *lines)["judge"], "rater", Api(**rater))
    if not refused:
        refuse_judge_as_rater(stage)
        return
    with pytest.raises(SettingsError) as error:
        refuse_judge_as_rater(stage)
    assert refused in str(error.value)
    assert "m1" in str(error.value) or "m2" in str(error.value)


def test_two_offline_stand_ins_are_allowed_under_one_address(tmp_path: Path) -> None:
    judge = stages(tmp_path, "yuansu")["judge"]
    offline = in_role(judge, "rater", Api())
    assert address(offline.section("rater", Api)) == address(offline.section("judge", Api))
    assert source_digest("rater") != source_digest("judge")  # servers of their own
    check_rater(offline)
    paid = in_role(in_role(judge, "judge", Api(**PAID)), "rater", Api(**PAID))
    with pytest.raises(SettingsError, match=r"which is \[judge\] too"):
        check_rater(paid)


def test_a_rater_without_its_key_is_refused(tmp_path: Path) -> None:
    rater = Api(**PAID, api_key_env="NO_SUCH_KEY")
    with pytest.raises(SettingsError, match="NO_SUCH_KEY"):
        check_rater(in_role(stages(tmp_path, "yuansu")["judge"], "rater", rater))


def test_a_reward_that_asks_what_a_judge_asks_is_refused() -> None:
    own = Prompt(Path("overall.zh.md"), {"asks": "rating"}, "打一个总分：\n{{ text }}")
    metric = Prompt(Path("rubric.zh.md"), {"version": 1}, "打一个总分： {{ text }}")
    other = Prompt(Path("truth.zh.md"), {"version": 1}, "只看真假：{{ text }}")
    refuse_judges_prompts([own], [other])
    with pytest.raises(SettingsError, match=r"overall\.zh\.md and prompts/judge/rubric\.zh\.md"):
        refuse_judges_prompts([own], [other, metric])


@pytest.mark.parametrize("brand", ["yuansu", "gyeoldam"])
def test_the_rater_knows_every_content_type(brand: str) -> None:
    guide = load_guide(brand)
    for kind in ("paid_ad_cta", "social_media_review", "ecommerce_long_form", "value_line"):
        brief = one_brief(kind, guide.language)
        assert "{{" not in render_check(brief, guide, "。")[1]["content"]
