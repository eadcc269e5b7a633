"""Copy -> adapter: LoRA fine-tuning on briefs and their copies.

python -m jobs.sft configs/demo.toml
"""

import json
import math
import tempfile
from pathlib import Path
from typing import Any

from jobs.domain.brand import Guide
from jobs.domain.errors import StageError
from jobs.domain.prompts import render_brief
from jobs.domain.rows import Brief, Copy
from jobs.engines.models import BaseModelSettings, check_base, model_path
from jobs.runtime.command import start
from jobs.runtime.progress import Watch
from jobs.runtime.stage import Counts, Job, Stage
from jobs.runtime.tables import brief_columns, read_table
from jobs.runtime.trainer import fit
from jobs.training.sft import Sft, SftTask, sft_loop

NOTED = ("step", "loss", "eval_loss", "world", "engine", "zero_stage")
ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors")


def main(run: Stage) -> Counts:
    """Chats from the copies; train; keep the adapter and the figures of its training."""
    settings = run.settings(Sft)
    rows = read_table(Copy, run.input("clean")).to_pylist()
    train = [chat(row, run.guide) for row in rows if row["split"] == "train"]
    dev = [chat(row, run.guide) for row in rows if row["split"] == "dev"][: settings.dev_rows]
    if not train:
        raise StageError(f"{run.name}: no copy of a train product is left after cleaning.")
    task = SftTask(settings, model_path(run, "base"), train, dev, run.stage_id)
    steps = math.ceil(math.ceil(len(train) / settings.global_batch) * settings.epochs)
    with Watch(run.stage_id, steps):
        fitted = fit(
            sft_loop, task, run.profile.train, folder=run.folder / "checkpoints", name="train"
        )
    with tempfile.TemporaryDirectory() as scratch:
        adapter = Path(scratch) / "adapter"
        adapter.mkdir()
        with fitted.checkpoint.as_directory() as saved:
            for name in ADAPTER_FILES:
                (adapter / name).write_bytes((Path(saved) / name).read_bytes())
            history = json.loads((Path(saved) / "trainer_state.json").read_text())["log_history"]
        (run.folder / "adapter").publish(adapter)
    run.folder.write_json("curve.json", history)
    notes = {key: fitted.metrics.get(key) for key in NOTED}
    return Counts(len(train), len(train), notes=notes)


def chat(row: dict[str, Any], guide: Guide) -> dict[str, Any]:
    """A copy as TRL's prompt and completion; the prompt is the one that answer and serve send."""
    prompt = render_brief(Brief(**brief_columns(row)), guide)
    return {"prompt": prompt, "completion": [{"role": "assistant", "content": row["text"]}]}


JOB = Job(
    name="sft",
    main=main,
    sections={"sft": Sft, "base": BaseModelSettings},
    reads=("clean", "pretrain"),
    sources=("configs/brands/{brand}/guide.toml", "prompts/chat", "prompts/write"),
    check=check_base,
)

if __name__ == "__main__":
    start("sft")
