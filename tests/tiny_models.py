"""Random Qwen2 models of a few thousand weights, and preferences that can be learned."""

import json
import random
from pathlib import Path
from typing import Any

from jobs.domain.rows import Pair
from jobs.training.tokenizer import learn_tokenizer

WORDS = "温和修护科学配方清爽不油保湿透亮细腻柔软自然安心每日使用适合敏感肌肤"
GOOD, BAD = "真实", "第一"  # what makes a text better or worse


def tiny_model(folder: Path, seed: int = 0) -> Path:
    """A causal model with its tokenizer; its pad token is not its end token."""
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = learn_tokenizer([f"写广告{WORDS}{GOOD}{BAD}"] * 20, 320, folder)
    torch.manual_seed(seed)
    config = Qwen2Config(
        vocab_size=len(tokenizer),
        hidden_size=64,  # heads of 32: vLLM has none of 16 on CPUs
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    Qwen2ForCausalLM(config).save_pretrained(folder)
    return folder


def tiny_adapter(model: Path, folder: Path, seed: int = 1) -> Path:
    """A LoRA adapter of it that changes what it says."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(seed)
    loaded = AutoModelForCausalLM.from_pretrained(model)
    config = LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM")
    tuned = get_peft_model(loaded, config)
    with torch.no_grad():
        for name, weight in tuned.named_parameters():
            if "lora_" in name:
                weight.normal_(0, 0.3)
    tuned.save_pretrained(folder)
    return folder


def toy_pairs(count: int, seed: int = 0, split: str = "train") -> list[Pair]:
    """Texts of all lengths, of which one has a good word and the other a bad one."""
    draw = random.Random(f"{split}/{seed}")
    return [
        Pair(
            pair_id=f"{split}{number:04}",
            brief_id=f"p{number}/paid_ad_fab",
            split=split,
            language="zh",
            prompt=json.dumps([{"role": "user", "content": f"写广告{number}"}], ensure_ascii=False),
            chosen=toy_text(draw, GOOD),
            rejected=toy_text(draw, BAD),
            kind=draw.choice(("weak", "false")),
            source="",
            licence="",
        )
        for number in range(count)
    ]


def toy_text(draw: random.Random, word: str) -> str:
    """Some of the words with one more among them."""
    text = "".join(draw.choices(WORDS, k=draw.randint(4, 30)))
    at = draw.randint(0, len(text))
    return text[:at] + word + text[at:]


def own_rows(pairs: list[Pair]) -> str:
    """The pairs as a user's own file, for the collect stage."""
    keys = ("prompt", "chosen", "rejected", "kind")
    rows: list[dict[str, Any]] = [{key: getattr(pair, key) for key in keys} for pair in pairs]
    return "".join(
        json.dumps({**row, "prompt": json.loads(row["prompt"])}, ensure_ascii=False) + "\n"
        for row in rows
    )
