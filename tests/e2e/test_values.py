"""configs/values.toml in small sizes: proposed products, examples, two teachers, clean lines."""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from jobs.domain.rows import Brief, Copy, Draft, Exemplar, Proposal, Refused
from jobs.runtime.storage import Folder
from jobs.runtime.tables import read_rows
from tests.e2e.conftest import command

CONFIG = "configs/values.toml"
SIZES = ["--propose.target", "40", "--propose.requests", "2", "--generate.samples", "1"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    storage = tmp_path_factory.mktemp("values")
    done = command("jobs.pipeline", CONFIG, "--storage", str(storage), *SIZES)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "propose: round 1: " in done.stdout
    assert "식물과 정원" in done.stdout  # a column of the coverage
    return storage / "values"


def rows(run: Path, stage: str, row_type: type) -> list[Any]:
    return read_rows(row_type, Folder(str(run / stage)))


def test_proposals_reach_the_target_and_differ(run: Path) -> None:
    proposals = rows(run, "propose", Proposal)
    assert len({(row.product, row.value) for row in proposals}) == len(proposals) == 40
    coverage = json.loads((run / "propose" / "coverage.json").read_text())
    assert sum(sum(counts.values()) for counts in coverage.values()) == 40
    assert all(row.reason for row in rows(run, "propose", Refused))


def test_each_proposal_is_a_brief_with_its_value(run: Path) -> None:
    wanted = {row.proposal_id: (row.product, row.value) for row in rows(run, "propose", Proposal)}
    splits = defaultdict(set)
    for brief in rows(run, "brief", Brief):
        facts = json.loads(brief.facts)
        assert (facts["name"], facts["value"]) == wanted[brief.product_id]
        splits[facts["name"]].add(brief.split)
    assert all(len(found) == 1 for found in splits.values())


def test_two_teachers_wrote_short_lines(run: Path) -> None:
    drafts, copies = rows(run, "generate", Draft), rows(run, "clean", Copy)
    assert {row.model for row in drafts} == {"offline-a", "offline-b"}
    assert len(copies) > 0.8 * len(drafts)
    assert {row.language for row in copies} == {"ko"}
    assert max(len(row.text) for row in copies) < 110
    assert len(rows(run, "collect", Exemplar)) == 14
