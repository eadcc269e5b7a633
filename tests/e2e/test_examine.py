"""The whole examine job on a real Ray cluster, once and small: a panel of three judges."""

import json
from pathlib import Path

import pytest

from jobs.domain.examination.cases import Case
from jobs.domain.golden import golden_by_brief
from jobs.domain.rows import Brief, Failed, Probe
from jobs.examine import Examine, all_cases, by_product, paired, sampled
from jobs.runtime.command import discover, load, stages_of
from jobs.runtime.stage import Stage
from jobs.runtime.tables import read_rows
from tests.e2e.conftest import command
from tests.wire.judges import GOLDEN, Bench, book, sitting

PANEL = ("sound", "longer", "squeamish")


def config(folder: Path, bench: Bench | None) -> Path:
    path = folder / "examine.toml"
    judges = "".join(
        f'[judges.{name}]\nbase_url = "{bench.url(name)}"\nmodel = "qwen-{name}"\n'
        for name in (PANEL if bench else ())
    )
    path.write_text(
        f'run = "run"\nbrand = "yuansu"\nstorage = {json.dumps(str(folder / "runs"))}\n'
        'stages = [{ job = "brief" }, { job = "examine" }]\n'
        '[brief]\ncontent_types = ["paid_ad_fab"]\ntrain_products = 2\ndev_products = 1\n'
        f"[examine]\nproducts = 3\npairs = true\n[judging]\njudges = {json.dumps(PANEL)}\n"
        f'[base]\nmodel = "Qwen/Qwen2.5-0.5B-Instruct"\n{judges}',
        encoding="utf-8",
    )
    return path


def examine_stage(path: Path) -> Stage:
    known = discover()
    return stages_of(load([str(path)], known), known)[1]


def cases_in(stage: Stage) -> list[Case]:
    """What the stage asks, made without Ray."""
    briefs = [row for row in read_rows(Brief, stage.input("brief")) if row.split == "val"]
    golden, settings = golden_by_brief("yuansu"), stage.settings(Examine)
    products = sampled({brief.product_id for brief in briefs}, golden, settings)
    shown = [brief for brief in briefs if brief.product_id in products]
    return all_cases(paired(stage.guide, by_product(products, shown), golden), with_pairs=True)


@pytest.fixture(scope="module")
def examined(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """The stage after its run. What the judges know is made from the same cases."""
    folder = tmp_path_factory.mktemp("examine")
    path = config(folder, None)
    done = command("jobs.brief", str(path))
    assert done.returncode == 0, done.stderr
    with sitting(book(cases_in(examine_stage(path)))) as bench:
        config(folder, bench)
        done = command("jobs.examine", str(path))
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "judge sound: fit" in done.stdout
    assert "judge longer: UNFIT: prefers the longer text" in done.stdout
    return examine_stage(path)


def test_each_judge_of_the_panel_has_its_own_verdict(examined: Stage) -> None:
    found = examined.folder.read_json("examination.json")
    assert {name: entry["fit"] for name, entry in found.items()} == {
        "sound": True, "longer": False, "squeamish": False,
    }  # fmt: skip
    assert found["sound"]["reasons"] == []
    assert found["longer"]["reasons"] == ["prefers the longer text"]
    assert found["squeamish"]["reasons"] == ["refuses or fails"]
    for entry in found.values():
        assert {"name", "found", "wanted", "passed", "n"} <= set(entry["checks"][0])
        assert "student Qwen/Qwen2.5-0.5B-Instruct" in " ".join(entry["warnings"])


def test_every_question_is_a_probe_or_a_failure(examined: Stage) -> None:
    record = examined.done()
    assert record is not None
    counts = record["counts"]
    probes, failed = (read_rows(kind, examined.folder) for kind in (Probe, Failed))
    assert counts["expected"] == 3 * len(cases_in(examined)) == len(probes) + len(failed)
    assert counts["out"] == len(probes)
    assert {row.error for row in failed} == {"wrong_shape", "no_reference"}
    assert {row.step for row in failed} == {"examine/squeamish"}
    golden = [row for row in probes if row.probe_id.startswith("golden/") and row.judge == "sound"]
    assert [abs(float(row.said) - GOLDEN) < 0.11 for row in golden] == [True] * 3
    assert all(row.journal_key and row.reason for row in probes)
    assert record["counts"]["notes"]["paid"][0]["calls"] > 50
