"""A judge's examination: verdicts on judges whose fault is known, each asked over HTTP."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest

from jobs.domain.errors import VerdictError
from jobs.domain.examination.canaries import cases_of, labelled_case
from jobs.domain.examination.cases import Bound, Said, is_right
from jobs.examine import probes_of
from jobs.llm.examining import chat_of, heard, row_of
from jobs.llm.families import families_of, kinship
from jobs.reporting.fitness import examined
from tests.wire.judges import JUDGES, Bench, book, sitting
from tests.wire.subjects import LANGUAGES, cases, chinese, subjects


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
