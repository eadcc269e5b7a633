"""Judges asked by the real jobs over a real server: what they see, what is kept and refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from jobs.domain.errors import HousestyleError
from jobs.domain.rows import Answer, Failed, Verdict
from jobs.llm.judges import judge_accounts
from jobs.runtime.stage import run_stage
from jobs.runtime.tables import read_rows, write_rows
from tests.wire.scripted import (
    MODELS,
    NAMES,
    TEXTS,
    account,
    answers,
    judged_text,
    prompt_in,
    serving,
    stages,
)
from tests.wire.steps import completion

PANEL = """
[judges.strict]
model = "m1"
[judges.mild]
model = "m2"
[judges.twin]
model = "m2"
[judges.keyless]
base_url = "http://127.0.0.1:1/v1"
model = "m3"
api_key_env = "NO_SUCH_KEY"
"""


@pytest.mark.parametrize(
    ("job", "lines", "message"),
    [
        ("judge", "", ""),
        ("compare", "", ""),
        (
            "judge",
            '[judging]\nmetrics = ["rubric", "truth", "rubric_short"]\njudges = ["mild"]',
            "",
        ),
        ("judge", '[judging]\nmetrics = ["rubric", "honesty"]', "is the metric 'honesty' in 'zh'"),
        ("judge", '[judging]\nmetrics = ["pair"]', "asks 'pair'"),
        ("compare", '[compare]\nmetric = "truth"', "asks 'alone'"),
        ("compare", '[compare]\nmetric = "duel"', "is the metric 'duel' in 'zh'"),
        ("judge", '[judging]\njudges = ["nobody"]', "wants [judges.nobody]; the config has"),
        (
            "judge",
            '[judging]\njudges = ["mild", "twin"]',
            "[judges.mild] and [judges.twin] have the",
        ),
        ("compare", '[judging]\njudges = ["keyless"]', "NO_SUCH_KEY"),
        ("judge", '[judging]\njudges = ["mild", "mild"]', "one of them stands there twice"),
        ("judge", "[judging]\nmetrics = []", "metrics"),
        ("judge", '[judging]\nmetric = "truth"', "[judging] has no setting 'metric'"),
        ("compare", "[compare]\nbriefs = 0", "briefs"),
    ],
)
def test_what_cannot_be_judged(tmp_path: Path, job: str, lines: str, message: str) -> None:
    def start() -> None:
        stage = stages(tmp_path, "yuansu", lines, PANEL)[job]
        assert stage.job.check
        stage.job.check(stage)

    if not message:
        start()
        return
    with pytest.raises(HousestyleError) as caught:
        start()
    assert message in str(caught.value)


def test_a_judge_is_known_by_its_section(tmp_path: Path) -> None:
    lone = stages(tmp_path, "yuansu", '[judge]\nmodel = "m0"', PANEL)["judge"]
    assert {name: api.model for name, api in judge_accounts(lone).items()} == {"judge": "m0"}
    both = '[judging]\njudges = ["strict", "mild"]'
    panel = stages(tmp_path, "yuansu", both, PANEL)["judge"]
    assert {name: api.model for name, api in judge_accounts(panel).items()} == {
        "strict": "m1",
        "mild": "m2",
    }


def test_every_answer_on_every_metric_by_every_judge(tmp_path: Path, cluster: None) -> None:
    """One text's truth cannot be judged, by a reply that is no verdict; the rest are scores."""
    written = answers("zh")
    broken = written[0].text

    def reply(request: dict[str, Any]) -> dict[str, Any]:
        prompt = prompt_in(request)
        if "（truth）" in prompt and judged_text(prompt) == broken:
            return completion("4 分，很好")
        score = {"m1": 2.0, "m2": 4.0}[request["model"]] + ("（truth）" in prompt) / 2
        return completion(json.dumps({"score": score, "reason": judged_text(prompt)}))

    with serving(reply) as server:
        found = stages(
            tmp_path, "yuansu", '[judging]\nmetrics = ["rubric", "truth"]\njudges = ["a", "b"]',
            account(server, "judges.a", "m1"), account(server, "judges.b", "m2"),
        )  # fmt: skip
        write_rows(written, Answer, found["answer"].folder)
        record = run_stage(found["judge"], "c")
    verdicts = read_rows(Verdict, found["judge"].folder)
    failed = read_rows(Failed, found["judge"].folder)
    counts = record["counts"]
    assert (counts["expected"], counts["out"], counts["failed"]) == (8 * 2 * 2, 30, 2)
    assert {(one.row_id, one.step, one.error) for one in failed} == {
        (written[0].answer_id, "judge/truth/a", "wrong_shape"),
        (written[0].answer_id, "judge/truth/b", "wrong_shape"),
    }
    rubric = {"paid_ad_fab": "paid_ad", "ecommerce_long_form": "ecommerce"}
    said = {(one.answer_id, one.metric, one.judge): one for one in verdicts}
    assert len(said) == len(verdicts) == 30
    for row in written:
        for judge_name, low in (("a", 2.0), ("b", 4.0)):
            for metric, score in ((rubric[row.content_type], low), ("truth", low + 0.5)):
                verdict = said.get((row.answer_id, metric, judge_name))
                if verdict is None:
                    assert (row.text, metric) == (broken, "truth")
                    continue
                assert (verdict.score, verdict.reason) == (score, row.text)
                assert (verdict.model, verdict.brief_id) == (row.model, row.brief_id)
                assert verdict.journal_key
    bills = counts["notes"]["paid"]
    assert [(bill["judge"], bill["model"], bill["calls"]) for bill in bills] == [
        ("a", "m1", 17),
        ("b", "m2", 17),
    ]  # 16 rows and a repair each
    assert counts["usd"] is None  # a price that nobody knows is not nothing
    for body in server.asked():
        assert not [name for name in (*MODELS, "@", "answer_id") if name in json.dumps(body)]


@pytest.mark.parametrize(("language", "brand"), [("zh", "yuansu"), ("ko", "gyeoldam")])
def test_the_judge_is_sent_letters_not_escapes(
    tmp_path: Path, cluster: None, language: str, brand: str
) -> None:
    """At the wire: the bytes of the request hold the text and the facts as they are written."""

    def reply(request: dict[str, Any]) -> dict[str, Any]:
        if len(request["messages"]) == 2 and "truth)" in prompt_in(request):
            return completion("{}")  # asks for a repair, which repeats the reply
        return completion('{"score": 3, "reason": "理由 이유"}')

    with serving(reply) as server:
        found = stages(
            tmp_path, brand, '[judging]\nmetrics = ["truth", "naturalness"]',
            account(server, "judge", "m"),
        )  # fmt: skip
        write_rows(answers(language), Answer, found["answer"].folder)
        run_stage(found["judge"], "c")
    for body in server.bodies:
        assert TEXTS[language].encode() in body
        assert b"\\u" not in body
    with_facts = [body for body in server.bodies if b"```json" in body]
    assert with_facts
    assert all(NAMES[language].encode() in body for body in with_facts)
    verdicts = read_rows(Verdict, found["judge"].folder)
    assert {(one.reason, one.judge) for one in verdicts} == {("理由 이유", "judge")}
