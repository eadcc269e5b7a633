"""evaluate: from tables to scoreboard.json, and what it says of a judge that is not fit."""

import json
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest

from jobs.domain.errors import SettingsError, StageError
from jobs.domain.metrics import Metric
from jobs.domain.rows import Answer, Comparison, Failed, Verdict
from jobs.evaluate import check, main
from jobs.reporting.scores import main_scores, scoreboard
from jobs.reporting.terminal import as_text
from jobs.runtime.command import discover, load, stages_of
from jobs.runtime.stage import DONE, FORMAT, Stage
from jobs.runtime.tables import write_rows

KINDS = ("paid_ad_bab", "paid_ad_fab")
LEADS = {"golden": 4.5, "sft": 4.0, "base": 2.0}
FACTS = json.dumps({"name": "烟酰胺净润精华液", "ingredients": [], "price": "189元"})


def verdict(answer_id: str, score: float, metric: str = "m", judge: str = "judge") -> Verdict:
    brief_id, _, model = answer_id.partition("@")
    product, _, kind = brief_id.partition("/")
    return Verdict(
        answer_id=answer_id, brief_id=brief_id, product_id=product, new_hero=False,
        content_type=kind or "ad", model=model, metric=metric, judge=judge, score=score, reason="r",
        journal_key="k",
    )  # fmt: skip


def metric(file: str, weight: float, scale: tuple[float, float] = (1.0, 5.0)) -> Metric:
    return Metric(file, file, "", "alone", scale, weight, 1)


KNOWN = {
    "m": metric("m", 3.0),
    "half": metric("half", 1.0, (0.0, 10.0)),
    "beside": metric("beside", 0.0),
}


@pytest.mark.parametrize(
    ("said", "score"),
    [
        ([("m", "judge", 4.0)], 4.0),
        # 5 of 0..10 is 3 of 1..5: (3 * 5 + 1 * 3) / 4
        ([("m", "judge", 5.0), ("half", "judge", 5.0)], 4.5),
        # what weighs nothing stays out
        ([("m", "judge", 4.0), ("beside", "judge", 1.0)], 4.0),
        # judges first: m 4.5, half 10 -> 5 and 0 -> 1, so 3: (3 * 4.5 + 3) / 4
        (
            [("m", "x", 4.0), ("m", "y", 5.0), ("half", "x", 10.0), ("half", "y", 0.0)],
            4.125,
        ),
        # nothing weighs anything: alike
        ([("beside", "x", 2.0), ("beside", "y", 3.0)], 2.5),
    ],
)
def test_an_answers_score_by_hand(said: list[tuple[str, str, float]], score: float) -> None:
    rows = [verdict("p/ad@a", value, name, judge) for name, judge, value in said]
    (found,) = main_scores(rows, KNOWN).scores
    assert found.value == pytest.approx(score)


def test_an_answer_that_lacks_a_judgement_is_counted_as_that_and_nothing_else() -> None:
    rows = [verdict("p/ad@a", 5.0, "m", judge) for judge in ("lenient", "strict")]
    rows.append(verdict("q/ad@a", 5.0, "m", "lenient"))  # the strict judge's failed
    rows.append(verdict("q/post@a", 2.0, "m", "lenient"))  # of posts the strict one said nothing
    found = main_scores(rows, KNOWN)
    assert [(score.brief_id, score.value) for score in found.scores] == [
        ("p/ad", 5.0),
        ("q/post", 2.0),
    ]
    assert found.incomplete == 1


def test_metrics_on_another_scale_and_of_no_weight_have_tables_of_their_own() -> None:
    rows = [verdict(f"p{n}/ad@a", 10.0, "half") for n in range(6)]
    rows += [verdict(f"p{n}/ad@a", 2.0, "beside") for n in range(6)]
    board = scoreboard(rows, ["a"], KNOWN)
    assert board["metrics"]["half"]["a"]["mean"] == board["overall"]["a"]["mean"] == 5.0
    assert board["metrics"]["beside"]["a"]["mean"] == 2.0


def test_an_interval_ends_where_the_scale_does() -> None:
    rows = [verdict(f"p{n}/ad@a", 5.0 if n else 4.0) for n in range(6)]
    cell = scoreboard(rows, ["a"])["overall"]["a"]
    assert cell["low"] < cell["mean"] == 4.833
    assert cell["high"] == 5.0


def config(folder: Path, jobs: Sequence[str], more: str = "") -> list[Stage]:
    path = folder / "small.toml"
    stages = "".join(f'[[stages]]\njob = "{job}"\n' for job in jobs)
    head = f'run = "small"\nbrand = "yuansu"\nstorage = "{folder}"\n'
    path.write_text(head + stages + more, encoding="utf-8")
    known = discover()
    return stages_of(load([str(path)], known), known)


def answers() -> list[Answer]:
    return [
        Answer(
            brief_id=f"p{n}/{kind}", product_id=f"p{n}", split="val", new_hero=False,
            brand="yuansu", language="zh", content_type=kind, facts=FACTS,
            answer_id=f"p{n}/{kind}@{model}", model=model, text="烟酰胺净润精华液。" * (2 + n),
            finish_reason="stop", prompt_tokens=1, completion_tokens=1,
        )
        for n in range(6)
        for kind in KINDS
        for model in LEADS
    ]  # fmt: skip


def verdicts() -> list[Verdict]:
    return [
        verdict(row.answer_id, LEADS[row.model] + 0.1 * (i % 5), "paid_ad")
        for i, row in enumerate(answers())
    ]


def comparisons() -> list[Comparison]:
    """The better model wins, whatever the order; of p0, the first always does."""
    found = []
    for n in range(6):
        for kind in KINDS:
            for first, second in (("sft", "base"), ("base", "sft")):
                better = "first" if first == "sft" or n == 0 else "second"
                brief_id = f"p{n}/{kind}"
                name = f"{brief_id}@{first}>{second}#pair"
                found.append(
                    Comparison(
                        name, brief_id, f"p{n}", False, kind, first, second, "pair", "judge",
                        better, "r", "k",
                    )
                )  # fmt: skip
    return found


UNFIT = {"judge": {"fit": False, "reasons": ["prefers the longer text"], "checks": []}}


def fill(stages: Sequence[Stage], examined: dict[str, Any]) -> None:
    costs = {"sft": {"usd_per_1000": None, "seconds_per_1000": 12.5}}
    for stage in stages:
        job = stage.job.name
        if job == "answer":
            write_rows(answers(), Answer, stage.folder)
        elif job == "judge":
            write_rows(verdicts(), Verdict, stage.folder)
            lost = Failed("p0/paid_ad_bab@x", "judge", "no_verdict", "judge said nothing")
            write_rows([lost], Failed, stage.folder)
        elif job == "compare":
            write_rows(comparisons(), Comparison, stage.folder)
        elif job == "examine":
            stage.folder.write_json("examination.json", examined)
        counts = {"notes": {"costs": costs}}
        stage.folder.write_json(DONE, {"format": FORMAT, "counts": counts})


def evaluated(
    folder: Path, jobs: Sequence[str], examined: dict[str, Any] = UNFIT, more: str = ""
) -> dict[str, Any]:
    *before, last = config(folder, [*jobs, "evaluate"], more)
    fill(before, examined)
    main(last)
    found: dict[str, Any] = last.folder.read_json("scoreboard.json")
    return found


def test_what_a_run_without_optional_stages_says(tmp_path: Path) -> None:
    board = evaluated(tmp_path, ["answer", "judge"])
    scores = [row.score for row in verdicts() if row.model == "sft"]
    sft = board["overall"]["sft"]
    assert (sft["mean"], sft["n"]) == (round(fmean(scores), 3), 12)
    assert sft["low"] < sft["mean"] < sft["high"]
    assert board["examination"] is None
    assert board["order"] is None
    assert board["win_rates"] == board["bradley_terry"] == board["agreement"] == {}
    assert board["judge"]["failed"] == 1
    assert board["judge"]["rubrics"].keys() == {"paid_ad"}
    assert board["metrics"].keys() == {"rubric"}
    assert board["costs"] == {"sft": {"usd_per_1000": None, "seconds_per_1000": 12.5}}
    assert board["rules"]["encouraged_words"]["sft"]["n"] == 12
    row = next(r for r in board["differences"] if (r["model"], r["other"]) == ("sft", "base"))
    assert row["content_type"] is None
    assert row["clear"]
    assert row["mean"] == pytest.approx(2.0, abs=0.2)


def test_comparisons_are_told_where_there_are_some(tmp_path: Path) -> None:
    board = evaluated(tmp_path, ["answer", "judge", "compare"])
    met = board["win_rates"]["sft"]["base"]
    assert (met["wins"], met["losses"], met["ties"]) == (10, 0, 2)
    assert board["order"]["consistent"] == pytest.approx(10 / 12, abs=1e-4)
    assert board["order"]["first_share"] == 1.0
    assert (
        board["bradley_terry"]["sft"]["strength"] > 0 > board["bradley_terry"]["base"]["strength"]
    )
    assert set(board["judge"]["rubrics"]) == {"paid_ad", "pair"}


def test_an_unfit_judge_is_named_in_the_first_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    board = evaluated(tmp_path, ["answer", "examine", "judge"])
    first = capsys.readouterr().out.splitlines()[0]
    assert "judge" in first
    assert "UNFIT" in first
    assert "prefers the longer text" in first
    assert board["examination"] == UNFIT
    fit = {"judge": {"fit": True, "reasons": [], "checks": []}}
    evaluated(tmp_path, ["answer", "examine", "judge"], fit)
    assert "UNFIT" not in capsys.readouterr().out


REQUIRED = "[evaluate]\nrequire_fit_judge = true\n"


@pytest.mark.parametrize(
    ("examined", "reason"), [(UNFIT, "prefers the longer text"), ({}, "not examined")]
)
def test_a_judge_that_has_to_be_fit_stops_the_run(
    tmp_path: Path, examined: dict[str, Any], reason: str
) -> None:
    with pytest.raises(StageError, match=reason):
        evaluated(tmp_path, ["answer", "examine", "judge"], examined, REQUIRED)
    assert not (tmp_path / "small" / "evaluate" / "scoreboard.json").exists()


def test_a_judge_that_nobody_examines_cannot_be_required_to_be_fit(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="examine"):
        check(config(tmp_path, ["answer", "judge", "evaluate"], REQUIRED)[-1])
    check(config(tmp_path, ["answer", "examine", "judge", "evaluate"], REQUIRED)[-1])


def test_the_table_shows_half_widths_and_clear_differences() -> None:
    rows = [verdict(f"p{n}/ad@a", 4.0 + 0.25 * (n % 3)) for n in range(9)]
    rows += [verdict(f"p{n}/ad@b", 2.0 + 0.25 * (n % 2)) for n in range(9)]
    board = scoreboard(rows, ["a", "b"]) | {"examination": None}
    text = as_text(board)
    cell = board["overall"]["a"]
    assert f"4.25 ±{(cell['high'] - cell['low']) / 2:.2f}" in text
    assert text.count("a is clearly above b: +2.14") == 1
    assert "also in ad +2.14" in text
