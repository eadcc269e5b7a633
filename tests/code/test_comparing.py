"""Candidates and pairs: a model behind an API answers; a judge reads both orders, blind."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from jobs.compare import by_brief, pairs_of
from jobs.domain.brand import load_guide
from jobs.domain.errors import HousestyleError, SettingsError
from jobs.domain.rows import Answer, Brief, Comparison, Failed
from jobs.llm import api as api_module
from jobs.llm.prices import Price
from jobs.runtime.stage import run_stage
from jobs.runtime.tables import read_rows, write_rows
from tests.wire.scripted import TYPES, account, answers, one_brief, prompt_in, serving, stages
from tests.wire.steps import completion


def test_pairs_by_hand() -> None:
    models = {"c", "a", "b"}
    assert pairs_of(models, ()) == [("a", "b"), ("a", "c"), ("b", "c")]
    assert pairs_of(models, ("c",)) == [("a", "c"), ("b", "c")]
    assert pairs_of(models, ("a", "b")) == [("a", "b"), ("a", "c"), ("b", "c")]
    with pytest.raises(SettingsError, match="names z; answers are by a, b, c"):
        pairs_of(models, ("z",))
    with pytest.raises(SettingsError, match="all answers are by a"):
        pairs_of({"a"}, ())


def test_a_sample_of_briefs_is_the_same_whatever_the_order() -> None:
    rows = answers("zh", products=20)
    some = [row["brief_id"] for row in by_brief(rows, 7)]
    assert [row["brief_id"] for row in by_brief(rows[::-1], 7)] == some
    assert len(set(some)) == 7
    assert len({name.partition("/")[0] for name in some}) > 2  # not the first ones
    assert set(some) < {row["brief_id"] for row in by_brief(rows, None)}
    assert len(by_brief(rows, None)) == 40


def shown_pair(prompt: str) -> tuple[str, str]:
    fence = prompt.partition("<answer ")[2].partition("-A>")[0]
    first, second = (
        prompt.partition(f"<answer {fence}-{letter}>\n")[2].partition(f"\n</answer {fence}-")[0]
        for letter in "AB"
    )
    return first, second


def test_blind_pairs_in_both_orders(tmp_path: Path, cluster: None) -> None:
    """A judge of known taste: the text that ends in the smaller digit is better, 1 and 2 tie.

    Of one brief a model has no answer; of one pair the judge says what is no choice.
    """
    models = ("golden", "sft_secret_name", "base_secret_name")
    written = answers("zh", models)
    lost = written.pop()  # p1's long form by the base
    unreadable = {written[0].text, written[1].text}

    def reply(request: dict[str, Any]) -> dict[str, Any]:
        first, second = shown_pair(prompt_in(request))
        if {first, second} == unreadable:
            return completion('{"better": "both", "reason": "x"}')
        order = (int(first[-1]) > 0) - (int(second[-1]) > 0)
        better = {-1: "A", 0: "tie", 1: "B"}[order]
        return completion(json.dumps({"better": better, "reason": f"{first}|{second}"}))

    with serving(reply) as server:
        found = stages(tmp_path, "yuansu", account(server, "judge", "m"))
        write_rows(written, Answer, found["answer"].folder)
        record = run_stage(found["compare"], "c")
    rows = read_rows(Comparison, found["compare"].folder)
    failed = read_rows(Failed, found["compare"].folder)
    counts = record["counts"]
    figures = [counts[name] for name in ("expected", "out", "dropped", "failed")]
    assert figures == [4 * 3 * 2, 24 - 4 - 2, 4, 2]
    assert counts["notes"]["pairs_left_out"] == 2
    golden, other = written[0].answer_id, written[1].answer_id
    brief_id = written[0].brief_id
    assert (golden, other) == (f"{brief_id}@golden", f"{brief_id}@sft_secret_name")
    assert {(one.row_id, one.error, one.step) for one in failed} == {
        (f"{brief_id}@golden>sft_secret_name#pair", "wrong_shape", "compare"),
        (f"{brief_id}@sft_secret_name>golden#pair", "wrong_shape", "compare"),
    }
    texts = {(row.brief_id, row.model): row.text for row in written}
    for row in rows:
        assert row.reason == f"{texts[row.brief_id, row.first]}|{texts[row.brief_id, row.second]}"
        wanted = {"first": row.first, "second": row.second}.get(row.winner)
        assert wanted == ("golden" if "golden" in (row.first, row.second) else None)
        assert row.comparison_id == f"{row.brief_id}@{row.first}>{row.second}#pair"
        assert (row.metric, row.judge) == ("pair", "judge")
        assert lost.model not in (row.first, row.second) or row.brief_id != lost.brief_id
    orders = Counter((row.brief_id, frozenset((row.first, row.second))) for row in rows)
    assert set(orders.values()) == {2}
    for body in server.bodies:
        assert not [name for name in (*models, "p0/", "@") if name.encode() in body]
        assert b"\\u" not in body


def test_an_api_model_answers_with_its_cost(
    tmp_path: Path, cluster: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By hand: 11 tokens in at $1 a million and 7 out at $3 are $0.032 for a thousand copies."""
    price = Price(
        host="h", model="m", input=1, cached_input=1, output=3, read_on="2026-01-01", source="s"
    )
    monkeypatch.setattr(api_module, "price_of", lambda url, model: price)
    briefs = [one_brief(kind, "zh", f"p{number}") for number in range(3) for kind in TYPES["zh"]]

    def reply(request: dict[str, Any]) -> dict[str, Any]:
        is_long = "ecommerce_long_form" in prompt_in(request)
        return completion("一半", finish="length") if is_long else completion("温和修护。")

    with serving(reply) as server:
        candidates = '{ name = "big", source = "api", account = "x", guided = true }'
        found = stages(
            tmp_path, "yuansu", f"[answer]\ncandidates = [{candidates}]",
            account(server, "accounts.x", "m"),
        )  # fmt: skip
        write_rows(briefs, Brief, found["brief"].folder)
        stage = found["answer"]
        assert stage.job.check
        stage.job.check(stage)
        record = run_stage(stage, "c")
    counts = record["counts"]
    assert [counts[name] for name in ("expected", "out", "failed")] == [6, 3, 3]
    rows = read_rows(Answer, stage.folder)
    assert {row.answer_id for row in rows} == {f"p{number}/paid_ad_fab@big" for number in range(3)}
    for row in rows:
        assert (row.model, row.text, row.finish_reason) == ("big", "温和修护。", "stop")
        assert (row.prompt_tokens, row.completion_tokens) == (11, 7)
    failed = read_rows(Failed, stage.folder)
    assert {(one.row_id, one.error) for one in failed} == {
        (f"p{number}/ecommerce_long_form@big", "cut_off") for number in range(3)
    }
    cost = counts["notes"]["costs"]["big"]
    assert cost["usd_per_1000"] == pytest.approx(0.032)
    assert cost["seconds_per_1000"] > 0
    assert counts["usd"] == pytest.approx(6 * 0.000032)
    rule = load_guide("yuansu").rules[0]
    assert all(rule.encode() in body for body in server.bodies)


@pytest.mark.parametrize(
    ("candidate", "message"),
    [
        ('name = "x", source = "api"', "wanted an account where the source is api"),
        ('name = "x", source = "golden", account = "y"', "wanted an account where the source"),
        (
            'name = "x", source = "api", account = "z"',
            "wants [accounts.z]; the config has [accounts.y]",
        ),
        ('name = "x", source = "api", account = "y"', "NO_SUCH_KEY"),
    ],
)
def test_an_api_candidate_that_cannot_be(tmp_path: Path, candidate: str, message: str) -> None:
    lines = f'[answer]\ncandidates = [{{ {candidate} }}]\n[accounts.y]\nmodel = "m"\n'
    lines += 'base_url = "http://127.0.0.1:1/v1"\napi_key_env = "NO_SUCH_KEY"'
    with pytest.raises(HousestyleError) as caught:
        stage = stages(tmp_path, "yuansu", lines, jobs="brief answer")["answer"]
        assert stage.job.check
        stage.job.check(stage)
    assert message in str(caught.value)
