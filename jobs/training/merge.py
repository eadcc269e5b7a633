"""Putting an adapter into its base: in float32, into a fresh copy, never in place."""

import tempfile
from pathlib import Path

import ray

from jobs.runtime.storage import Folder


@ray.remote(num_cpus=1, max_retries=0)
def merge_adapter(base: str, adapter: Folder, target: Folder, precision: str) -> float:
    """Write base + adapter to `target` as a whole model with its tokenizer.

    Returns the largest change of a weight. TRL's in-place merge of a bf16 base drifts (trl#6688);
    here the sum is made once, in float32, and rounded once.
    """
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from jobs.engines.models import local_model

    path = local_model(base)
    model = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    merged = PeftModel.from_pretrained(model, adapter.fetch()).merge_and_unload()
    after = merged.state_dict()
    change = max(float((after[name] - before[name]).abs().max()) for name in before)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "model"
        merged.to(getattr(torch, precision)).save_pretrained(folder)
        AutoTokenizer.from_pretrained(path).save_pretrained(folder)
        target.publish(folder)
    return change
