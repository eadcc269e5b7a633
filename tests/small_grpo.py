"""A GRPO run of half a minute by the real stages: a policy that knows good clauses and bad ones."""

import json
import random
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any

from jobs.domain.brand import load_guide
from jobs.domain.prompts import render_brief
from jobs.domain.rows import Brief, Rollout
from jobs.runtime.command import discover, load, stages_of
from jobs.runtime.stage import Stage
from jobs.runtime.tables import read_rows

KIND = "paid_ad_cta"
NAME, HERO, EFFECT = "依克多因屏障面霜", "依克多因", "修护屏障"
# Each place of a text has clauses to choose from, and worse ones for some places. The offline rater
# gives 0.94 to a text of good clauses alone, 0.45 where half are bad, 0.0 where all are.
PLACES: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (("今晚", "明早", "周末", "今天", "换季时"), ()),
    (("给皮肤一次机会：",), ("大家都说很好：",)),
    (("这支", "一瓶", "用上", "选择"), ()),
    ((f"{NAME}，",), ("这款面霜，",)),
    ((f"以2%的{HERO}帮助屏障保持稳定，",), (f"以20%的{HERO}帮助屏障保持稳定，",)),
    (("质地轻润，",), ("效果最强，", "绝对有效，")),
    (("洗完脸取一点慢慢推开，", "早晚各用一次，", "薄薄涂一层，", "睡前用一次，"), ()),
    ((f"用来{EFFECT}。",), (f"用来{EFFECT}",)),
)
PRODUCTS = {"train": 6, "dev": 2, "val": 1}
LESSON_ROWS, LESSON_TOKENS, LESSON_RATE = 8, 176, 0.006  # of the policy, before GRPO


def clauses(draw: random.Random, good: float) -> str:
    """A text; `good` is the share of good clauses where there are worse ones."""
    return "".join(
        draw.choice(worse if worse and draw.random() > good else better) for better, worse in PLACES
    )


def facts(number: int) -> dict[str, Any]:
    """A product that differs from the others by its size alone, which no text names."""
    return {
        "name": NAME,
        "category": "面霜",
        "ingredients": [{"name": HERO, "role": "帮助屏障保持稳定", "concentration": "2%"}],
        "effects": [EFFECT],
        "texture": "轻润",
        "size": f"{30 + 5 * number}ml",
    }


def products() -> list[dict[str, Any]]:
    """The product list."""
    splits = [split for split, count in PRODUCTS.items() for _ in range(count)]
    return [
        # A copy about a product of validation's name would be held out.
        {"product_id": f"p-{number}", **facts(number), "split": split}
        | ({"name": "柔润面霜"} if split == "val" else {})
        for number, split in enumerate(splits)
    ]


def policy(folder: Path, lessons: int) -> Path:
    """A model that learns to write such texts, half of their clauses bad; a random one without."""
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    from jobs.training.tokenizer import learn_tokenizer

    draw, guide = random.Random(0), load_guide("yuansu")
    chats = [render_brief(brief_of(one), guide) for one in products()]
    said = ["".join(clause for place in PLACES for some in place for clause in some)]
    said += [message["content"] for chat in chats for message in chat]
    folder.mkdir(parents=True)
    tokenizer = learn_tokenizer(said * 100, 900, folder)
    start = len(tokenizer.apply_chat_template(chats[0], return_dict=False))
    torch.manual_seed(0)
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    config = Qwen2Config(
        vocab_size=len(tokenizer), hidden_size=64, intermediate_size=128, num_hidden_layers=2,
        num_attention_heads=2, num_key_value_heads=2, pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )  # fmt: skip
    model = Qwen2ForCausalLM(config)
    optimizer = torch.optim.AdamW(model.parameters(), lr=LESSON_RATE, fused=True)
    slower = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, lessons)
    for _ in range(lessons):
        rows = []
        for _ in range(LESSON_ROWS):
            chat = [*draw.choice(chats), {"role": "assistant", "content": clauses(draw, 0.5)}]
            rows.append(tokenizer.apply_chat_template(chat, tokenize=False).rstrip("\n"))
        batch = tokenizer(rows, return_tensors="pt", padding="max_length", max_length=LESSON_TOKENS)
        labels = batch["input_ids"].masked_fill(batch["attention_mask"] == 0, -100)
        labels[:, :start] = -100
        model(**batch, labels=labels).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        slower.step()
    model.save_pretrained(folder)
    return folder


def brief_of(product: dict[str, Any]) -> Brief:
    """As the brief stage makes it of a product of the list."""
    kept = {key: value for key, value in product.items() if key not in ("product_id", "split")}
    told = json.dumps({"brand": load_guide("yuansu").name, **kept}, ensure_ascii=False)
    name = product["product_id"]
    return Brief(f"{name}/{KIND}", name, product["split"], False, "yuansu", "zh", KIND, told)


@dataclass(frozen=True)
class Small:
    """A folder with products, copies, a policy, config and profile; runs are told by their names.

    A step has `samples` of each of two briefs; a checkpoint comes every `save_every` steps.
    """

    folder: Path
    steps: int
    save_every: int
    samples: int = 8
    lessons: int = 300  # of the policy: 13 s of one core
    weights: dict[str, float] = field(default_factory=lambda: {"names_product": 1.0, "calm": 1.0})

    def prepare(self) -> "Small":
        """Write all of it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        policy(self.folder / "policy", self.lessons)
        draw = random.Random(1)
        copies = [
            {"product_id": one["product_id"], "content_type": KIND, "text": clauses(draw, 1.0),
             "facts": brief_of(one).facts}
            for one in products()
        ]  # fmt: skip
        for name, rows in (("products", products()), ("copies", copies)):
            lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
            (self.folder / f"{name}.jsonl").write_text(lines, encoding="utf-8")
        (self.folder / "profile.toml").write_text(PROFILE, encoding="utf-8")
        self.config.write_text(self.settings(), encoding="utf-8")
        return self

    @property
    def config(self) -> Path:
        """The config's path."""
        return self.folder / "config.toml"

    def settings(self) -> str:
        """The config."""
        learning = {
            "steps": self.steps, "save_every_steps": self.save_every, "samples": self.samples,
            "global_batch": 2 * self.samples, "precision": "float32", "dev_rows": 0,
            "learning_rate": 0.005,
        }  # fmt: skip
        tables = {
            "brief": {"products": str(self.folder / "products.jsonl"), "content_types": [KIND]},
            "base": {"model": str(self.folder / "policy")},
            "grpo": learning,
            "rollout": {"max_tokens": 80, "probe_rows": 2},
            "rewards.weights": self.weights,
            "rater": {"attempts": 1},
            "grpo.lora": {"r": 8, "lora_alpha": 16},
            "grpo.trl": {"beta": 0.02},
        }
        copies = json.dumps(str(self.folder / "copies.jsonl"))
        return (
            f'run = "first"\nbrand = "yuansu"\nstorage = {json.dumps(str(self.folder / "runs"))}\n'
            f"profile = {json.dumps(str(self.folder / 'profile'))}\n"
            'stages = [{ job = "brief" }, { job = "collect" }, { job = "grpo" }]\n'
            + "".join(
                f"[{name}]\n" + "".join(f"{k} = {json.dumps(v)}\n" for k, v in table.items())
                for name, table in tables.items()
            )
            + f'[collect]\ndev_share = 0.5\nsources = [{{ at = {copies}, licence = "own" }}]\n'
        )

    def arguments(self, run: str, seed: int, *more: str) -> list[str]:
        """The command line of a run."""
        return [str(self.config), "--run", run, "--grpo.seed", str(seed), *more]

    def stage(self, run: str) -> Stage:
        """The grpo stage of a run, as the jobs see it."""
        known = discover()
        return stages_of(load(self.arguments(run, 0), known), known)[-1]

    def place(self, run: str) -> Path:
        """Where the grpo stage of a run writes."""
        return self.folder / "runs" / run / "grpo"

    def rollouts(self, run: str) -> list[Rollout]:
        """The table of a finished run, in its own order."""
        return list(read_rows(Rollout, self.stage(run).folder))

    def curve(self, run: str, name: str) -> dict[int, float]:
        """By step, from 1: what TRL logged."""
        history = json.loads((self.place(run) / "curve.json").read_text(encoding="utf-8"))
        return {entry["step"]: entry[name] for entry in history if name in entry}

    def rewards(self, run: str) -> list[float]:
        """Of every step: the weighted mean of the components' means over the samples that have one.

        Counted from the table, not read from what TRL logged.
        """
        found: dict[int, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
        for row in self.rollouts(run):
            for name, value in json.loads(row.rewards).items():
                if value is not None:
                    found[row.step][name].append(value)
        total = sum(self.weights.values())
        return [
            sum(self.weights[name] * fmean(values) for name, values in found[step].items()) / total
            for step in sorted(found)
        ]


# One learner and one engine on all cores: which core runs what changes no figure.
PROFILE = """
[ray]
logical_cpus = 8
object_store_mb = 100
data_cpus = 2
worker_logs = false

[train]
workers = 1
batch_per_device = 16
zero_stage = 2

[engine]
adapters = "merged"

[engine.environment]
VLLM_ENABLE_V1_MULTIPROCESSING = "0"
VLLM_CPU_KVCACHE_SPACE = "1"
VLLM_CPU_OMP_THREADS_BIND = "0-1"
VLLM_LOGGING_LEVEL = "WARNING"
VLLM_NO_USAGE_STATS = "1"

[engine.options]
dtype = "float32"
enforce_eager = true
max_num_seqs = 16
max_model_len = 512
"""
