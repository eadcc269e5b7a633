"""Publishing a finished run: what lies there, what never does, and that nothing is half-done."""

import hashlib
import json
import shutil
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from huggingface_hub import DatasetCard, ModelCard

from jobs.domain.errors import HousestyleError, SettingsError, StageError
from jobs.domain.prompts import render_brief
from jobs.domain.rows import Brief
from jobs.publish import main
from jobs.runtime.command import discover, load, stages_of
from jobs.runtime.hub import MARK, to_folder
from jobs.runtime.stage import DONE
from jobs.runtime.storage import Folder
from jobs.runtime.tables import brief_columns
from tests.finished_run import finish
from tests.wire.unpublished import (
    BASE,
    HELD_OUT,
    TEXTS,
    WEIGHTS,
    WEIGHTS_OF,
    copies,
    files_under,
    run_of,
    texts_in,
)


def test_a_folder_holds_model_adapter_data_and_cards(tmp_path: Path) -> None:
    target = tmp_path / "out" / "demo"
    stage = run_of(tmp_path, target=str(target), licence="apache-2.0")
    counts = main(stage)
    files = files_under(target)
    assert sorted(files) == [
        "data/README.md",
        "data/data/dev-00000.parquet",
        "data/data/train-00000.parquet",
        "model/README.md",
        "model/adapter/adapter_config.json",
        "model/adapter/adapter_model.safetensors",
        "model/config.json",
        "model/model.safetensors",
        "model/scoreboard.json",
        "model/tokenizer.json",
        "published.json",
    ]
    assert files["model/model.safetensors"] == WEIGHTS
    assert files["model/adapter/adapter_model.safetensors"] == WEIGHTS[:999]
    config = json.loads(files["model/adapter/adapter_config.json"])
    assert config == {"r": 16, "base_model_name_or_path": None}
    told = json.loads(files[MARK])["sha256"]
    assert told == {
        name: hashlib.sha256(content).hexdigest() for name, content in files.items() if name != MARK
    }
    assert counts.out == len(told)

    rows = texts_in(files, tmp_path / "part.parquet")
    published = {key: text for key, text in TEXTS.items() if text != HELD_OUT}
    found = {(row["product_id"], row["split"], row["content_type"]): row["text"] for row in rows}
    assert found == published
    assert not {"journal_key"} & set(rows[0])
    for content in files.values():
        assert BASE.encode() not in content
        assert HELD_OUT.encode() not in content
        assert str(tmp_path).encode() not in content

    card = DatasetCard(files["data/README.md"].decode()).data.to_dict()
    listed = {one["split"]: one["path"] for one in card["configs"][0]["data_files"]}
    for split, pattern in listed.items():
        names = [name for name in files if fnmatch(name, f"data/{pattern}")]
        there = [row for row in rows if row["split"] == split]
        assert sum(pq.read_table(target / name).num_rows for name in names) == len(there) > 0
    assert set(listed) == {"train", "dev"}
    assert card["license"] == ModelCard(files["model/README.md"].decode()).data.license
    assert "| pieces | 3 |" in files["data/README.md"].decode()


@pytest.mark.parametrize(
    ("what", "names"),
    [
        (["adapter"], {"model/adapter_config.json", "model/adapter_model.safetensors"}),
        (["model"], {"model/model.safetensors", "model/config.json", "model/tokenizer.json"}),
        (["data"], {"data/data/dev-00000.parquet", "data/data/train-00000.parquet"}),
        (
            ["adapter", "cards"],
            {
                *("model/adapter_config.json", "model/adapter_model.safetensors"),
                *("model/README.md", "model/scoreboard.json"),
            },
        ),
    ],
)
def test_a_part_alone(tmp_path: Path, what: list[str], names: set[str]) -> None:
    target = tmp_path / "out"
    main(run_of(tmp_path, target=str(target), what=what))
    assert set(files_under(target)) == {*names, MARK}


@pytest.mark.parametrize(
    ("unfinished", "what"),
    [
        ("sft", ["adapter"]),
        ("merge", ["model"]),
        ("clean", ["data"]),
        ("evaluate", ["model", "cards"]),
    ],
)
def test_what_is_not_finished_is_not_published(
    tmp_path: Path, unfinished: str, what: list[str]
) -> None:
    stage = run_of(tmp_path, target=str(tmp_path / "out"), what=what)
    (stage.run_folder / unfinished).delete_file(DONE)
    with pytest.raises(StageError, match=f"not finished: {unfinished}"):
        main(stage)
    assert not (tmp_path / "out").exists()


def test_what_is_not_needed_need_not_be_finished(tmp_path: Path) -> None:
    stage = run_of(tmp_path, target=str(tmp_path / "out"), what=["data", "cards"])
    for name in ("sft", "merge", "evaluate"):
        (stage.run_folder / name).delete_file(DONE)
    main(stage)
    assert "data/README.md" in files_under(tmp_path / "out")


def test_only_what_was_published_is_replaced(tmp_path: Path) -> None:
    """Another folder is left alone; an older publication goes with all that it had."""
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("mine")
    with pytest.raises(SettingsError, match="other things in it"):
        main(run_of(tmp_path, target=str(mine)))
    assert files_under(mine) == {"thesis.txt": b"mine"}

    target = tmp_path / "out"
    main(run_of(tmp_path, target=str(target)))
    (target / "model" / "old.safetensors").write_bytes(b"old")
    main(run_of(tmp_path, target=str(target), what=["adapter"]))
    assert set(files_under(target)) == {
        "model/adapter_config.json", "model/adapter_model.safetensors", MARK,
    }  # fmt: skip


def test_a_disk_that_fills_up_leaves_the_older_one_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "out"
    main(run_of(tmp_path, target=str(target), what=["data", "cards"]))
    before = files_under(target)
    copying, left = shutil.copyfile, [2]

    def copyfile(*args: Any, **kwargs: Any) -> Any:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(28, "No space left on device")
        return copying(*args, **kwargs)

    monkeypatch.setattr(shutil, "copyfile", copyfile)
    with pytest.raises(OSError, match="No space"):
        main(run_of(tmp_path, target=str(target)))
    assert files_under(target) == before
    assert [path.name for path in tmp_path.iterdir() if "out" in path.name] == ["out"]


def test_an_object_store_gets_its_list_last(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1")
    target = f"file://{tmp_path}/store/out"
    to_folder({"model/a": tmp_path / "a"}, {"run": "r"}, target)
    assert json.loads((tmp_path / "store/out" / MARK).read_bytes()) == {"run": "r"}
    assert (Folder(target) / "model").names() == ["a"]


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({}, "no target"),
        ({"target": "hf://name"}, "wanted hf://owner/name"),
        ({"target": "hf://owner/name"}, "the environment has no HF_TOKEN"),
        ({"target": "out", "what": ["cards"]}, "wanted adapter, model or data"),
        ({"target": "out", "what": ["data", "data"]}, "wanted adapter, model or data"),
        ({"target": "out", "licence": "My Own"}, "pattern"),
    ],
)
def test_settings_that_cannot_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any], told: str
) -> None:
    monkeypatch.delenv("HF_TOKEN", raising=False)
    with pytest.raises(HousestyleError, match=told):
        main(run_of(tmp_path, **settings))


EARLY = '{ job = "merge", name = "merge_early" }'
TWICE = (  # what sft made is merged, and then what grpo made of it
    *("brief", "clean", "pretrain", "sft", EARLY, "dpo", "grpo", "merge", "answer", "judge"),
    "evaluate",
)
NAMED = '{ job = "publish", inputs = { merge = "merge_early" } }'


@pytest.mark.parametrize(
    ("publish", "stage", "trained", "ours"),
    [("publish", "merge", ["sft", "dpo", "grpo"], "tuned"), (NAMED, "merge_early", ["sft"], "sft")],
)
def test_the_named_merge_is_published_else_the_last(
    tmp_path: Path, publish: str, stage: str, trained: list[str], ours: str
) -> None:
    target = tmp_path / "out"
    last = run_of(tmp_path, stages=(*TWICE, publish), target=str(target))
    answer = last.inputs()["answer"].folder
    record = answer.read_json(DONE)
    record["identity"]["settings"]["answer"]["candidates"] = [
        {"name": "sft", "source": "merge_early"},
        {"name": "tuned", "source": "merge"},
    ]
    answer.write_json(DONE, record)
    main(last)
    files = files_under(target)
    assert files["model/model.safetensors"] == WEIGHTS + stage.removeprefix("merge").encode()
    assert files["model/adapter/adapter_model.safetensors"] == WEIGHTS_OF[trained[-1]]
    card = files["model/README.md"].decode()
    table = [line.split(" | ")[0].strip("| ") for line in card.splitlines() if " | 1.0 | " in line]
    assert table == ["pretrain", *trained, stage]
    assert f"`{ours}` is this model" in card
    assert ("In this order: `sft`" in card) == (len(trained) > 1)


def test_without_a_merge_the_last_adapter_or_the_named_one_is_published(tmp_path: Path) -> None:
    for name, publish in (
        ("grpo", '{ job = "publish" }'),
        ("sft", '{ job = "publish", inputs = { sft = "sft" } }'),
    ):
        target = tmp_path / name
        stages = ("brief", "clean", "pretrain", "sft", "grpo", publish)
        main(run_of(tmp_path / f"of-{name}", stages=stages, target=str(target), what=["adapter"]))
        there = files_under(target)["model/adapter_model.safetensors"]
        assert there == WEIGHTS_OF[name]


def test_a_training_of_all_weights_has_no_adapter_to_publish(tmp_path: Path) -> None:
    last = run_of(tmp_path, target=str(tmp_path / "out"))
    (last.inputs()["sft"].folder / "adapter").delete()
    with pytest.raises(StageError, match="sft has no adapter"):
        main(last)
    assert not (tmp_path / "out").exists()


def test_an_adapter_that_was_not_merged_is_not_published_beside_a_model(tmp_path: Path) -> None:
    publish = '{ job = "publish", inputs = { sft = "sft" } }'
    with pytest.raises(SettingsError, match="names an input of job 'sft'"):
        main(run_of(tmp_path, stages=(*TWICE, publish), target=str(tmp_path / "out")))


def test_the_chat_in_the_card_is_the_one_that_was_trained_on(tmp_path: Path) -> None:
    target = tmp_path / "out"
    stage = run_of(tmp_path, target=str(target), what=["model", "cards"])
    main(stage)
    card = (target / "model" / "README.md").read_text(encoding="utf-8")
    first = next(copy for copy in copies() if copy.split == "train")
    for message in render_brief(Brief(**brief_columns(vars(first))), stage.guide):
        assert message["content"] in card
    assert "> **Offline stand-in" in card.partition("# ")[2].split("\n\n")[1]
    assert "> **Unfit judge:**" in card


def test_a_stage_that_is_not_in_the_config_is_named(tmp_path: Path) -> None:
    path = tmp_path / "bare.toml"
    path.write_text(
        f'run = "bare"\nbrand = "yuansu"\nstorage = "{tmp_path}"\n'
        f'stages = [{{ job = "publish" }}]\n[publish]\ntarget = "{tmp_path / "out"}"\n',
        encoding="utf-8",
    )
    known = discover()
    (stage,) = stages_of(load([str(path)], known), known)
    finish(stage)
    with pytest.raises(
        SettingsError, match="'adapter', which a stage of job sft or dpo or grpo makes"
    ):
        main(stage)
