"""Publishing to a hub: one private commit each, nothing half-done, the token told nowhere."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import ModelCard

from jobs.domain.brand import ROOT
from jobs.runtime.stage import Stage
from tests.wire.hub import Standing, standing
from tests.wire.unpublished import HELD_OUT, TEXTS, WEIGHTS, files_under, run_of, texts_in

SECRET = "hf_canary0123456789"


@pytest.fixture
def hub() -> Iterator[Standing]:
    with standing() as started:
        yield started


def publish(stage: Stage, hub: Standing, **environment: str) -> subprocess.CompletedProcess[str]:
    """`python -m jobs.publish`, as a person would; xet is a protocol that the stand-in lacks."""
    stage.folder.delete()
    config = Path(stage.config.storage).parent / "small.toml"
    chosen = {"HF_ENDPOINT": hub.url, "HF_TOKEN": SECRET, "HF_HUB_DISABLE_XET": "1"}
    home = {"HF_HOME": str(config.parent / "home"), "HF_HUB_DISABLE_TELEMETRY": "1"}
    return subprocess.run(
        [sys.executable, "-m", "jobs.publish", str(config)],
        cwd=ROOT, env={**os.environ, **home, **chosen, **environment}, capture_output=True,
        text=True, check=False, timeout=300,
    )  # fmt: skip


def test_the_hub_gets_the_same_in_one_commit_each(tmp_path: Path, hub: Standing) -> None:
    hub_id = "Qwen/Qwen2.5-0.5B-Instruct"
    stage = run_of(tmp_path, base=hub_id, target="hf://yuansu/writer", licence="apache-2.0")
    done = publish(stage, hub)
    assert done.returncode == 0, done.stderr
    state = hub.state()
    assert {name: (one["private"], one["commits"]) for name, one in state["repositories"].items()}
    for one in state["repositories"].values():
        assert (one["private"], one["commits"]) == (True, 1)
    model, data = hub.files("models/yuansu/writer"), hub.files("datasets/yuansu/writer-data")
    assert model["model.safetensors"] == WEIGHTS
    assert json.loads(model["adapter/adapter_config.json"])["base_model_name_or_path"] == hub_id
    rows = texts_in(data, tmp_path / "part.parquet")
    assert {row["text"] for row in rows} == set(TEXTS.values()) - {HELD_OUT}
    front = ModelCard(model["README.md"].decode()).data
    assert (front.base_model, front.datasets) == (hub_id, ["yuansu/writer-data"])
    receipt = stage.folder.read_json("receipt.json")
    assert len(receipt["places"]) == 2
    assert (
        receipt["sha256"]["yuansu/writer/model.safetensors"] == hashlib.sha256(WEIGHTS).hexdigest()
    )

    # Once more, with less: what is gone here is gone there. The token is written nowhere.
    again = publish(
        run_of(tmp_path, base=hub_id, target="hf://yuansu/writer", what=["adapter"]), hub
    )
    assert again.returncode == 0, again.stderr
    assert set(hub.files("models/yuansu/writer")) == {
        "adapter_config.json", "adapter_model.safetensors",
    }  # fmt: skip
    assert hub.state()["keys"] == ["", f"Bearer {SECRET}"]  # none to where large files go
    for content in files_under(tmp_path).values():
        assert SECRET.encode() not in content
    assert SECRET not in done.stdout + done.stderr + again.stdout + again.stderr


def test_a_public_repository_is_not_written_to_by_mistake(tmp_path: Path, hub: Standing) -> None:
    stage = run_of(tmp_path, target="hf://yuansu/writer", what=["adapter"], private=False)
    assert publish(stage, hub).returncode == 0
    hub.open_up()
    before = hub.files("models/yuansu/writer")
    done = publish(run_of(tmp_path, target="hf://yuansu/writer", what=["model"]), hub)
    assert done.returncode == 1
    assert "there already and public" in done.stderr
    assert hub.files("models/yuansu/writer") == before


@pytest.mark.parametrize(("refuses", "told"), [("commit", "500"), ("lfs", "500")])
def test_a_hub_that_fails_has_nothing_and_is_told_without_the_token(
    tmp_path: Path, refuses: str, told: str
) -> None:
    with standing(refuses) as broken:
        stage = run_of(tmp_path, target="hf://yuansu/writer", what=["adapter"])
        done = publish(stage, broken)
        assert done.returncode == 1
        assert f"answered {told}" in done.stderr
        assert SECRET not in done.stdout + done.stderr
        assert broken.files("models/yuansu/writer") == {}
    assert stage.done() is None
