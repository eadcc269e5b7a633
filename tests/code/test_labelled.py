"""Texts labelled by hand and held out: the rules and the offline judge were made without them."""

import json
from functools import cache
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest

from jobs.domain.brand import Guide, facts_json, load_guide, product_of
from jobs.domain.filters import Checked, reasons
from jobs.domain.prompts import content_type, render_judgement
from jobs.domain.rows import Brief
from jobs.domain.verdicts import parse_verdict
from jobs.llm.offline import judge

LABELLED = Path(__file__).resolve().parents[1] / "labelled"
SCALE = (1.0, 5.0)


def labelled(name: str) -> list[dict[str, Any]]:
    lines = (LABELLED / name).read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def guide() -> Guide:
    return load_guide("yuansu")


def facts_of(row: dict[str, Any]) -> str:
    return facts_json(product_of(row["product"]), guide().name)


@cache
def found_reasons() -> list[tuple[str, set[str], set[str]]]:
    """(id, defects labelled, reasons found) of every held-out text."""
    found = []
    for row in labelled("cleaning.jsonl"):
        kind = content_type(row["content_type"], "zh")
        checked = Checked(row["text"], kind, guide(), json.loads(facts_of(row)))
        found.append((row["id"], set(row["defects"]), set(reasons(checked))))
    return found


def test_nine_in_ten_labelled_defects_are_found() -> None:
    labels = [(row_id, name) for row_id, wanted, _ in found_reasons() for name in sorted(wanted)]
    missed = [
        (row_id, name) for row_id, wanted, got in found_reasons() for name in sorted(wanted - got)
    ]
    print(f"found {len(labels) - len(missed)} of {len(labels)} labelled defects; missed: {missed}")
    assert 1 - len(missed) / len(labels) >= 0.90, missed


def test_fewer_than_one_in_twenty_sound_texts_are_flagged() -> None:
    sound = [(row_id, got) for row_id, wanted, got in found_reasons() if not wanted]
    flagged = [(row_id, sorted(got)) for row_id, got in sound if got]
    print(f"flagged {len(flagged)} of {len(sound)} sound texts: {flagged}")
    assert len(flagged) / len(sound) < 0.05, flagged


@cache
def judged() -> list[tuple[dict[str, Any], float]]:
    """Every held-out text with the offline judge's score."""
    found = []
    for row in labelled("judge.jsonl"):
        product_id, kind = row["product"]["product_id"], row["content_type"]
        brief = Brief("b", product_id, "val", False, "yuansu", "zh", kind, facts_of(row))
        chat = render_judgement(content_type(kind, "zh").family, brief, guide(), row["text"])
        score, _ = parse_verdict(judge.reply({"model": "judge", "messages": chat}), SCALE)
        found.append((row, score))
    return found


def ranks(values: list[float]) -> list[float]:
    """1 for the least; equal values share the mean of their places."""
    return [
        sum(other < value for other in values) + (values.count(value) + 1) / 2 for value in values
    ]


def spearman(left: list[float], right: list[float]) -> float:
    """Pearson's correlation of the ranks."""
    a, b = ranks(left), ranks(right)
    a, b = [rank - fmean(a) for rank in a], [rank - fmean(b) for rank in b]
    shared = sum(x * y for x, y in zip(a, b, strict=True))
    return shared / (sum(x * x for x in a) * sum(y * y for y in b)) ** 0.5


def test_ranks_and_correlation_by_hand() -> None:
    assert ranks([10.0, 20.0, 20.0, 5.0]) == [2.0, 3.5, 3.5, 1.0]
    # Ranks 1 2 3 4 5 against 2 1 4 3 5: squared differences 1 1 1 1 0, 1 - 6 * 4 / (5 * 24).
    assert spearman([1, 2, 3, 4, 5], [20, 10, 40, 30, 50]) == pytest.approx(0.8)
    # With a tie: ranks 1 2.5 2.5 4 against 1 2 3 4; 4.5 / sqrt(4.5 * 5).
    assert spearman([1, 2, 2, 3], [1, 2, 3, 4]) == pytest.approx(0.9486833)


def test_the_judge_orders_texts_as_people_did() -> None:
    given = [row["score"] for row, _ in judged()]
    found = [score for _, score in judged()]
    print(f"Spearman {spearman(given, found):.3f} over {len(given)} texts")
    far = [
        (row["id"], row["score"], score)
        for row, score in judged()
        if abs(row["score"] - score) >= 1.5
    ]
    assert spearman(given, found) >= 0.8, far


def test_a_long_invented_text_scores_less_than_a_terse_true_one() -> None:
    by_kind: dict[str, list[float]] = {"terse_true": [], "long_invented": []}
    for row, score in judged():
        if row.get("pair"):
            by_kind[row["pair"]].append(score)
    print(by_kind)
    assert all(by_kind.values())
    assert max(by_kind["long_invented"]) < min(by_kind["terse_true"])
