"""Tokens/s, model FLOPs use and peak memory of `jobs.sft` on the GPUs of this machine.

python -m tests.bench.gpu [--gpus 8] [--steps 30] [--lora] [--zero 2] [--offload optimizer]
    [--checkpointing] [--liger] [--rows 8] [--tokens 1024]

Untested: it has not run on a GPU yet. A random model of Qwen2.5-0.5B's shape (nothing is fetched),
in bfloat16, all weights by default, one Ray Train worker a GPU. Model FLOPs are 6 N D (Kaplan et
al. 2020): N parameters, tied embeddings once, and D tokens without padding; with --lora 4 N D, as
the frozen weights get no gradients. What checkpointing computes again does not count. The ratio is
the share of the device's peak that its maker names for dense bfloat16.
"""

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

from jobs.runtime.profile import TrainShape
from jobs.training.sft import Sft, SftTask
from tests.bench import conclude
from tests.bench.sft import measured, with_ray

PEAKS = {  # part of a device's name -> dense bfloat16 FLOP/s by its data sheet
    "B200": 2250e12,
    "H200": 989e12,
    "H100 PCIe": 756e12,
    "H100": 989e12,
    "A100": 312e12,
    "L40S": 362e12,
    "L4": 121e12,
    "A10": 125e12,
    "RTX 4090": 165e12,
}
SHAPE: dict[str, Any] = {  # Qwen2.5-0.5B
    "vocab_size": 151936,
    "hidden_size": 896,
    "intermediate_size": 4864,
    "num_hidden_layers": 24,
    "num_attention_heads": 14,
    "num_key_value_heads": 2,
    "tie_word_embeddings": True,
}


def peak_of(device: str) -> float | None:
    """The device's peak in FLOP/s, None for one that the table lacks.

    >>> peak_of("NVIDIA H100 80GB HBM3") == peak_of("NVIDIA H200")
    True
    >>> peak_of("NVIDIA A100-SXM4-40GB")
    312000000000000.0
    """
    return next((peak for name, peak in PEAKS.items() if name in device), None)


def flops_per_token(parameters: int, lora: bool) -> float:
    """2 N forward, 2 N for the gradients of activations, 2 N for those of weights.

    >>> flops_per_token(10, lora=False), flops_per_token(10, lora=True)
    (60.0, 40.0)
    """
    return (4.0 if lora else 6.0) * parameters


def made(rows: int, length: int, folder: Path) -> tuple[list[dict[str, Any]], int, int]:
    """`rows` chats of about `length` tokens; their tokens in all; the model's parameters."""
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    from jobs.training.chats import shared_tokenizer
    from jobs.training.corpus import examples

    tokenizer = shared_tokenizer(5500, 0, 0, folder)
    torch.manual_seed(0)
    model = Qwen2ForCausalLM(Qwen2Config(**SHAPE)).to(torch.bfloat16)
    model.save_pretrained(folder)
    chats, texts = [], [example.messages for example in examples(200, seed=1)]
    counts = [len(tokenizer(str(chat[-1]["content"]))["input_ids"]) for chat in texts]
    total = 0
    for row in range(rows):
        prompt, copy, tokens = texts[row % 200][:-1], "", 0
        following = row
        while not copy or tokens + counts[following % 200] < length * 3 // 4:
            copy += str(texts[following % 200][-1]["content"])
            tokens += counts[following % 200]
            following += 1
        chat = [*prompt, {"role": "assistant", "content": copy}]
        total += len(
            tokenizer(str(tokenizer.apply_chat_template(chat, tokenize=False)))["input_ids"]
        )
        chats.append({"prompt": prompt, "completion": chat[-1:]})
    return chats, total, model.num_parameters()


def asked() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gpus", type=int, default=0, help="0: all of this machine")
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--rows", type=int, default=8, help="a GPU takes at once")
    parser.add_argument("--tokens", type=int, default=1024, help="in a row, about")
    parser.add_argument("--zero", type=int, default=2)
    parser.add_argument("--offload", default="nothing")
    parser.add_argument("--lora", action="store_true")
    parser.add_argument("--checkpointing", action="store_true")
    parser.add_argument("--liger", action="store_true")
    return parser.parse_args()


def main() -> None:
    """Train, and say what it took; without a GPU, say that."""
    import torch

    from jobs.training.refusals import check_tuning

    options, found = asked(), torch.cuda.device_count()
    gpus = options.gpus or found
    if not found or gpus > found:
        print(f"gpu: this machine has {found} GPUs, {gpus or 'at least 1'} wanted: nothing was run")
        print(json.dumps({"name": "gpu", "ratio": None, "ok": True, "skipped": "no GPU"}))
        return
    shape = TrainShape(
        workers=gpus, gpus_per_worker=1, batch_per_device=options.rows, zero_stage=options.zero,
        offload=options.offload, gradient_checkpointing=options.checkpointing, liger=options.liger,
    )  # fmt: skip
    batch = gpus * options.rows
    settings = Sft(
        learning_rate=1e-4, global_batch=batch, epochs=1, dev_rows=0, precision="bfloat16",
        max_length=2 * options.tokens, save_every_steps=options.steps,
        lora={"r": 16} if options.lora else False,
    )  # fmt: skip
    check_tuning(settings, shape)
    device = torch.cuda.get_device_name(0)
    with tempfile.TemporaryDirectory() as scratch:
        folder, model = Path(scratch), Path(scratch) / "model"
        model.mkdir()
        rows, tokens, parameters = made(options.steps * batch, options.tokens, model)
        with_ray(SftTask(settings, str(model), rows, [], "bench"), shape, folder)
        figures = measured(folder / "ray.json", tokens, 0.0)
    rate, peak = figures["tokens_per_s"], peak_of(device)
    used = flops_per_token(parameters, options.lora) * rate / gpus / peak if peak else 0.0
    conclude(
        "gpu", used, True, device=device, gpus=gpus, parameters=parameters, peak_flops=peak,
        tokens_per_s=round(rate), step_s=round(figures["median_step_s"], 4),
        peak_memory_gib=figures["peak_memory_gib"], options=vars(options),
    )  # fmt: skip


if __name__ == "__main__":
    main()
