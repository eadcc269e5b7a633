"""The hand-written pairs are what they say: counts, facts, and no clue in their lengths."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from jobs.domain.brand import load_guide
from jobs.domain.prompts import content_type
from jobs.domain.text import char_count

PAIRS = Path(__file__).parents[1] / "labelled" / "pairs.jsonl"


@pytest.fixture(scope="module")
def pairs() -> list[dict[str, Any]]:
    return [json.loads(line) for line in PAIRS.read_text(encoding="utf-8").splitlines()]


def test_counts(pairs: list[dict[str, Any]]) -> None:
    assert len(pairs) >= 100
    assert Counter(pair["kind"] for pair in pairs) == {"weak": 54, "exaggerated": 30, "false": 24}
    kinds_of_type: dict[str, set[str]] = {}
    for pair in pairs:
        kinds_of_type.setdefault(pair["content_type"], set()).add(pair["kind"])
    assert all(len(kinds) == 3 for kinds in kinds_of_type.values()) and len(kinds_of_type) == 9


def test_texts(pairs: list[dict[str, Any]]) -> None:
    texts = [pair[side] for pair in pairs for side in ("chosen", "rejected")]
    assert len(set(texts)) == len(texts)
    banned = load_guide("yuansu").banned
    for pair in pairs:
        assert pair["product"]["name"] in pair["chosen"], pair["id"]
        assert not [word for word in banned if word in pair["chosen"]], pair["id"]
        kind = content_type(pair["content_type"], "zh")
        assert kind.min_chars <= char_count(pair["chosen"]) <= kind.max_chars, pair["id"]


@pytest.mark.parametrize("kind", ["weak", "exaggerated", "false", "any"])
def test_length_says_nothing(pairs: list[dict[str, Any]], kind: str) -> None:
    mine = [pair for pair in pairs if kind in (pair["kind"], "any")]
    longer = sum(len(pair["rejected"]) > len(pair["chosen"]) for pair in mine) / len(mine)
    assert max(longer, 1 - longer) < 0.6
    assert all(abs(len(p["rejected"]) / len(p["chosen"]) - 1) <= 0.2 for p in mine)
