"""Publishing a finished run: what lies there, what never does, and that nothing is half-done."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from huggingface_hub import DatasetCard, ModelCard

from jobs.domain.brand import ROOT, load_guide
from jobs.domain.errors import HousestyleError, SettingsError, StageError
from jobs.domain.prompts import render_brief
from jobs.domain.rows import Brief, Copy
from jobs.publish import main
from jobs.reporting.model_card import Made, ModelSheet, Source, render_model_card
from jobs.runtime.command import discover, load, stages_of
from jobs.runtime.hub import MARK, to_folder
from jobs.runtime.stage import DONE, Stage
from jobs.runtime.storage import Folder
from jobs.runtime.tables import brief_columns, write_rows
from tests.finished_run import brief, fill, finish, whole_board
from tests.wire.hub import Standing, metadata_errors, standing

STAGES = ("brief", "clean", "pretrain", "sft", "merge", "answer", "judge", "evaluate", "publish")
SECRET = "hf_canary0123456789"
HELD_OUT = "这是验证集里的一段文字"  # of a validation product: may be published nowhere
WEIGHTS = bytes(range(256)) * 40
BASE = "/home/somebody/models/base"  # that peft noted where it trained
TEXTS = {
    ("ys-7", "train", "paid_ad_bab"): "屏障先于功效。",
    ("ys-7", "train", "paid_ad_fab"): "一支只做一件事的精华。",
    ("ys-8", "dev", "paid_ad_bab"): "浓度写在瓶身上。",
    ("ys-1", "val", "paid_ad_bab"): HELD_OUT,
}


def copies() -> list[Copy]:
    return [
        Copy(
            **brief(product, kind, split), draft_id=f"{product}/{kind}#m#0", text=text, passes="",
            journal_key="k-secret",
        )
        for (product, split, kind), text in TEXTS.items()
    ]  # fmt: skip


def run_of(folder: Path, *, base: str = "embedded", **settings: Any) -> Stage:
    """A run of which all but publish is finished; its publish stage."""
    folder.mkdir(exist_ok=True)
    path = folder / "small.toml"
    listed = ", ".join(f'{{ job = "{job}" }}' for job in STAGES)
    table = "".join(f"{name} = {json.dumps(value)}\n" for name, value in settings.items())
    path.write_text(
        f'run = "small"\nbrand = "yuansu"\nstorage = "{folder / "runs"}"\nstages = [{listed}]\n'
        f'[brief]\ncontent_types = ["paid_ad_bab"]\n[base]\nmodel = "{base}"\n[publish]\n{table}',
        encoding="utf-8",
    )
    known = discover()
    *before, last = stages_of(load([str(path)], known), known)
    for stage in before:
        if stage.done() is None:
            leave(stage)
    return last


def leave(stage: Stage) -> None:
    """What a stage would have left."""
    fill(stage)
    if stage.job.name == "clean":
        write_rows(copies(), Copy, stage.folder)
    if stage.job.name == "sft":
        adapter = stage.folder / "adapter"
        adapter.write_json("adapter_config.json", {"r": 16, "base_model_name_or_path": BASE})
        adapter.write_bytes("adapter_model.safetensors", WEIGHTS[:999])
    if stage.job.name == "merge":
        model = stage.folder / "model"
        model.write_bytes("model.safetensors", WEIGHTS)
        model.write_json("config.json", {"model_type": "qwen2"})
        model.write_bytes("tokenizer.json", b"{}")


def files_under(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def texts_in(files: dict[str, bytes], scratch: Path) -> list[dict[str, Any]]:
    """Every row of every Parquet file."""
    rows = []
    for name, content in files.items():
        if name.endswith(".parquet"):
            scratch.write_bytes(content)
            rows += pq.read_table(scratch).to_pylist()
    return rows


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


def sheet() -> ModelSheet:
    board = whole_board(False, 0.0, full=False)
    fit = {"judge": {"fit": True, "reasons": [], "checks": []}}
    return ModelSheet(
        run="small", guide=load_guide("yuansu"), base=Source("Qwen/Qwen2.5-0.5B", on_hub=True),
        parts=("model", "adapter"),
        stages=[Made("sft", {"sft": {"epochs": 3, "lora": {"r": 16}}}, 1200, 90.0, None)],
        learned={"train": 1200, "dev": 40}, board={**board, "examination": fit}, ours=("sft",),
        teacher="deepseek-chat", offline=(), chat=[{"role": "user", "content": "写"}],
        dataset="a/b-data", licence="apache-2.0",
    )  # fmt: skip


def table_row(card: str, first: str) -> list[str]:
    line = next(line for line in card.splitlines() if line.startswith(f"| {first} |"))
    return [cell.strip() for cell in line.strip(" |").split(" | ")][1:]


def test_the_models_card_tells_what_the_run_knows() -> None:
    it = sheet()
    card = render_model_card(it)
    assert metadata_errors(card) == []
    front = ModelCard(card).data
    assert (front.language, front.license, front.base_model) == (
        ["zh"], "apache-2.0", "Qwen/Qwen2.5-0.5B",
    )  # fmt: skip
    assert (front.library_name, front.pipeline_tag) == ("transformers", "text-generation")
    assert it.board is not None
    mean = it.board["overall"]["sft"]["mean"]
    assert [result.metric_value for result in front.eval_results or []] == [round(mean, 3)]
    heads = table_row(card, "content type")
    assert heads == list(it.board["overall"])
    for kind, cells in it.board["content_types"].items():
        told = [text.split(" ")[0] for text in table_row(card, kind)]
        assert told == [f"{cells[name]['mean']:.2f}" if name in cells else "" for name in heads]
    assert "`sft.lora.r` = 16" in card
    assert "| sft | 1200 | 1.5 | not known |" in card
    assert "[user]\n写" in card
    assert "Offline stand-in" not in card
    assert "Unfit" not in card


def test_scores_that_cannot_be_believed_stay_out_of_leaderboards() -> None:
    it = sheet()
    unfit = {"judge": {"fit": False, "reasons": ["prefers the first"], "checks": []}}
    cases = {
        "unfit": replace(it, board={**(it.board or {}), "examination": unfit}),
        "unexamined": replace(it, board={**(it.board or {}), "examination": None}),
        "offline": replace(it, offline=("teacher", "judge")),
        "none": replace(it, board=None),
    }
    cards = {name: render_model_card(case) for name, case in cases.items()}
    for card in cards.values():
        assert ModelCard(card).data.eval_results is None
        assert metadata_errors(card) == []
    first_lines = {name: card.partition("# ")[2].splitlines()[1:5] for name, card in cards.items()}
    assert "Unfit judge" in "".join(first_lines["unfit"])
    assert "prefers the first" in "".join(first_lines["unfit"])
    assert "the teacher and the judge" in "".join(first_lines["offline"])
    assert "It was not examined" in cards["unexamined"]
    assert "This run was not evaluated" in cards["none"]


def test_an_interval_stands_beside_its_mean() -> None:
    it = sheet()
    cell = {"mean": 4.126, "n": 45, "low": 3.9, "high": 4.31}
    board = {**(it.board or {}), "overall": {"sft": cell}, "content_types": {}}
    assert table_row(render_model_card(replace(it, board=board)), "**all**") == [
        "4.13 [3.90, 4.31]"
    ]


@pytest.mark.parametrize(
    ("base", "told", "named"),
    [
        (Source("", on_hub=False), "trained from nothing", None),
        (Source("our-base", on_hub=False), "`our-base`, that the hub does not name", None),
        (Source("a/b", on_hub=True), "[`a/b`](https://huggingface.co/a/b)", "a/b"),
    ],
)
def test_the_base_is_named_as_far_as_others_can_have_it(
    base: Source, told: str, named: str | None
) -> None:
    card = render_model_card(replace(sheet(), base=base))
    assert told in card
    assert ModelCard(card).data.base_model == named


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
    with pytest.raises(SettingsError, match="'adapter', which a stage of job 'sft' makes"):
        main(stage)
