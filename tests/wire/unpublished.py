"""A run of which all is finished but publishing it."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from jobs.domain.rows import Copy
from jobs.runtime.command import discover, load, stages_of
from jobs.runtime.stage import Stage
from jobs.runtime.tables import write_rows
from tests.finished_run import brief, fill

STAGES = ("brief", "clean", "pretrain", "sft", "merge", "answer", "judge", "evaluate", "publish")
HELD_OUT = "这是验证集里的一段文字"  # of a validation product: may be published nowhere
WEIGHTS = bytes(range(256)) * 40
WEIGHTS_OF = {"sft": WEIGHTS[:999], "dpo": WEIGHTS[:500], "grpo": WEIGHTS[:400]}  # adapters
BASE = "/home/somebody/models/base"  # that peft noted where it trained

TEXTS = {
    ("ys-7", "train", "paid_ad_bab"): "屏障先于功效。",
    ("ys-7", "train", "paid_ad_fab"): "一支只做一件事的精华。",
    ("ys-8", "dev", "paid_ad_bab"): "浓度写在瓶身上。",
    ("ys-1", "val", "paid_ad_bab"): HELD_OUT,
}


def copies() -> list[Copy]:
    """A copy of each of TEXTS."""
    return [
        Copy(
            **brief(product, kind, split), draft_id=f"{product}/{kind}#m#0", text=text, passes="",
            journal_key="k-secret",
        )
        for (product, split, kind), text in TEXTS.items()
    ]  # fmt: skip


def run_of(
    folder: Path, *, base: str = "embedded", stages: Sequence[str] = STAGES, **settings: Any
) -> Stage:
    """A run of which all but publish is finished; its publish stage.

    A stage is a job's name, or as in a config: { job = "merge", name = "early" }.
    """
    folder.mkdir(exist_ok=True)
    path = folder / "small.toml"
    listed = ", ".join(
        stage if stage.startswith("{") else f'{{ job = "{stage}" }}' for stage in stages
    )
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
    if stage.job.name in WEIGHTS_OF:
        adapter = stage.folder / "adapter"
        adapter.write_json("adapter_config.json", {"r": 16, "base_model_name_or_path": BASE})
        adapter.write_bytes("adapter_model.safetensors", WEIGHTS_OF[stage.job.name])
    if stage.job.name == "merge":
        model = stage.folder / "model"
        model.write_bytes("model.safetensors", WEIGHTS + stage.name.encode()[len("merge") :])
        model.write_json("config.json", {"model_type": "qwen2"})
        model.write_bytes("tokenizer.json", b"{}")


def files_under(folder: Path) -> dict[str, bytes]:
    """Every file below the folder, by its path in it."""
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
