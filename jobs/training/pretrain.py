"""The embedded base: a tiny Qwen2-shaped model trained from scratch on generic copy.

It exists so that the whole journey runs on a laptop. It differs from a textbook pretraining in that
every example is a chat (a brief and its copy) and only the copy is learned: what a base model must
bring here is the skill of copying facts out of a brief.
"""

import random
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from jobs.runtime.config import Section
from jobs.training.chats import Sample, batches, corpus_part, shared_tokenizer, tokenized
from jobs.training.copying import EMBEDDING_STD, start_copying

if TYPE_CHECKING:
    import torch
    from transformers import Qwen2ForCausalLM


class Pretrain(Section):
    """Corpus, shape and optimisation of the embedded base."""

    examples: int = Field(default=12000, ge=10)
    vocabulary: int = Field(default=5500, ge=300, description="pieces at most")
    layers: int = Field(default=4, ge=3)
    width: int = Field(default=192, ge=32)
    heads: int = Field(default=3, ge=1, description="of 64 dimensions where width is 192")
    tokens_per_step: int = Field(default=4096, ge=256, description="over all workers")
    learning_rate: float = Field(default=0.03, gt=0, description="AdamW: biases and norms")
    embedding_learning_rate: float = Field(default=0.04, gt=0, description="AdamW")
    muon_learning_rate: float = Field(default=0.012, gt=0, description="Muon: matrices")
    fact_weight: float = Field(default=3.0, gt=0, description="of facts' first two characters")
    max_length: int = Field(default=1536, ge=128, description="positions of the model")
    seed: int = 0


ROPE_THETA = 1e6  # as in Qwen2.5: half of a head's dimensions then hardly turn within a brief


@dataclass(frozen=True)
class PretrainTask:
    """What every worker is handed."""

    settings: Pretrain
    stage_id: str


def build_model(settings: Pretrain, vocabulary: int, pad: int, end: int) -> "Qwen2ForCausalLM":
    """A Qwen2 of the given shape with fresh weights, in float32."""
    from transformers import Qwen2Config, Qwen2ForCausalLM

    config = Qwen2Config(
        vocab_size=vocabulary,
        hidden_size=settings.width,
        intermediate_size=settings.width * 8 // 3 // 16 * 16,
        num_hidden_layers=settings.layers,
        num_attention_heads=settings.heads,
        num_key_value_heads=settings.heads,
        max_position_embeddings=settings.max_length,
        tie_word_embeddings=True,
        rope_parameters={"rope_type": "default", "rope_theta": ROPE_THETA},
        pad_token_id=pad,
        eos_token_id=end,
        bos_token_id=None,
        # On CPUs, plain matrix products in bfloat16 are faster than torch's flash attention.
        attn_implementation="eager",
    )
    model = Qwen2ForCausalLM(config)
    start_copying(model)
    return model


def loss_of(model: "Qwen2ForCausalLM", batch: list[Sample], pad: int) -> "torch.Tensor":
    """Weighted mean cross-entropy of the copies' tokens; logits are made only where they count.

    Padding stands at the right, so the causal mask alone keeps it unseen. Lengths and the number of
    logits are rounded up: oneDNN compiles a kernel for every shape, and with a few shapes steps
    were 1.18 times as fast and took half the memory.
    """
    import torch

    longest = rounded_up(max(len(sample.tokens) for sample in batch), 32)
    ids_BT = torch.full((len(batch), longest), pad)
    weight_BT = torch.zeros((len(batch), longest))
    for row, sample in enumerate(batch):
        ids_BT[row, : len(sample.tokens)] = torch.tensor(sample.tokens)
        weight_BT[row, : len(sample.tokens)] = torch.tensor(sample.weights)
    hidden_BTD = model.model(input_ids=ids_BT).last_hidden_state
    places_N = (weight_BT[:, 1:] > 0).flatten().nonzero().squeeze(1)
    spare = rounded_up(len(places_N), 128) - len(places_N)
    places_N = torch.cat([places_N, places_N[:1].expand(spare)])
    weight_N = weight_BT[:, 1:].flatten()[places_N]
    weight_N[len(weight_N) - spare :] = 0.0
    logits_NV = model.lm_head(hidden_BTD[:, :-1].flatten(0, 1)[places_N]).float()
    target_N = ids_BT[:, 1:].flatten()[places_N]
    loss_N = torch.nn.functional.cross_entropy(logits_NV, target_N, reduction="none")
    return (loss_N * weight_N).sum() / weight_N.sum()


def rounded_up(number: int, step: int) -> int:
    """The next multiple of `step`.

    >>> rounded_up(33, 32), rounded_up(64, 32)
    (64, 64)
    """
    return -(-number // step) * step


def optimizers(
    model: "Qwen2ForCausalLM", settings: Pretrain, world: int = 1, rank: int = 0
) -> list["torch.optim.Optimizer"]:
    """Muon for a worker's share of the matrices, AdamW for embeddings, biases and norms.

    Muon: torch.optim.Muon, after Jordan et al. 2024. Its orthogonalisation is a fifth of a step on
    one CPU core, so each worker moves its own matrices and `share_matrices` sends them round.
    """
    import torch

    embeddings = model.model.embed_tokens.weight
    others = [parameter for parameter in model.parameters() if parameter.ndim < 2]
    matrices = matrices_of(model)[rank::world]
    groups = [
        {"params": [embeddings], "lr": settings.embedding_learning_rate},
        {"params": others, "lr": settings.learning_rate},
    ]
    return [
        torch.optim.Muon(
            matrices, lr=settings.muon_learning_rate, weight_decay=0.0, adjust_lr_fn="original"
        ),
        torch.optim.AdamW(groups, weight_decay=0.0, betas=(0.9, 0.95)),
    ]


def matrices_of(model: "Qwen2ForCausalLM") -> list["torch.nn.Parameter"]:
    """What Muon moves: every matrix but the embeddings."""
    embeddings = model.model.embed_tokens.weight
    return [entry for entry in model.parameters() if entry.ndim == 2 and entry is not embeddings]


def share_matrices(model: "Qwen2ForCausalLM") -> None:
    """Each worker's matrices to all others, one flat message for each worker."""
    import torch.distributed as dist
    from torch._utils import _flatten_dense_tensors, _unflatten_dense_tensors

    if not dist.is_initialized() or dist.get_world_size() == 1:
        return
    for owner in range(dist.get_world_size()):
        own = [entry.data for entry in matrices_of(model)[owner :: dist.get_world_size()]]
        flat = _flatten_dense_tensors(own)
        dist.broadcast(flat, src=owner)
        if dist.get_rank() != owner:
            for matrix, part in zip(own, _unflatten_dense_tensors(flat, own), strict=True):
                matrix.copy_(part)


def rate(step: int, steps: int, warmup: int = 20) -> float:
    """The learning rate's factor: linear warm-up, flat, then linear to zero over the last 60 %.

    >>> [round(rate(step, 100, 10), 2) for step in (0, 9, 30, 70, 97)]
    [0.1, 1.0, 1.0, 0.5, 0.05]
    """
    if step < warmup:
        return (step + 1) / warmup
    return min(1.0, (steps - step) / (0.6 * steps))


def keep_unseen(model: "Qwen2ForCausalLM", batch: list[Sample]) -> None:
    """Drop the embeddings' gradient of tokens that the batch does not have.

    All it says is "not this one". AdamW would scale it up and move rare tokens as far as common
    ones, all the same way, until they are alike and cannot be copied.
    """
    import torch

    gradient = model.model.embed_tokens.weight.grad
    seen = torch.zeros(len(gradient), 1)
    seen[sorted({token for sample in batch for token in sample.tokens})] = 1.0
    gradient.mul_(seen)


def keep_length(model: "Qwen2ForCausalLM") -> None:
    """Scale embeddings back to the length they began with: rare tokens are as loud as others."""
    import torch

    with torch.no_grad():
        weight = model.model.embed_tokens.weight
        weight.mul_(EMBEDDING_STD * weight.shape[1] ** 0.5 / weight.norm(dim=1, keepdim=True))


def average_gradients(model: "Qwen2ForCausalLM") -> None:
    """The mean of all workers' gradients, as one flat message."""
    import torch.distributed as dist
    from torch._utils import _flatten_dense_tensors, _unflatten_dense_tensors

    if not dist.is_initialized() or dist.get_world_size() == 1:
        return
    gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    flat = _flatten_dense_tensors(gradients)
    dist.all_reduce(flat)
    flat /= dist.get_world_size()
    parts = _unflatten_dense_tensors(flat, gradients)
    for gradient, part in zip(gradients, parts, strict=True):
        gradient.copy_(part)


def pretrain_loop(config: dict[str, Any]) -> None:
    """One worker's part of the pretraining; the first reports the model as the checkpoint."""
    import ray.train
    import torch

    task, shape = config["task"], config["shape"]
    torch.set_flush_denormal(True)  # denormal gradients of well-learned tokens cost a factor of 6
    torch.set_num_threads(shape.threads_per_worker)
    context = ray.train.get_context()
    world, rank = context.get_world_size(), context.get_world_rank()
    with tempfile.TemporaryDirectory() as scratch:
        metrics = train_from_scratch(task, world, rank, Path(scratch))
        checkpoint = ray.train.Checkpoint.from_directory(scratch) if rank == 0 else None
        ray.train.report(metrics, checkpoint=checkpoint)


def train_from_scratch(task: PretrainTask, world: int, rank: int, folder: Path) -> dict[str, float]:
    """Learn a tokenizer and a model; the first worker writes them to `folder`."""
    import torch

    from jobs.runtime.progress import Counter

    settings = task.settings
    tokenizer = shared_tokenizer(settings.vocabulary, settings.seed, rank, folder)
    chats = corpus_part(settings.examples // world, settings.seed * world + rank + 1, tokenizer)
    samples = tokenized(tokenizer, chats, settings.max_length, settings.fact_weight)
    parts = batches(samples, settings.tokens_per_step // world, settings.seed)
    steps = shared_minimum(len(parts))
    parts = parts[-steps:]
    random.Random(settings.seed).shuffle(parts)  # alike at all workers: none waits for a longer one
    torch.manual_seed(settings.seed)
    model = build_model(
        settings, len(tokenizer), int(tokenizer.pad_token_id), int(tokenizer.eos_token_id)
    )
    movers = optimizers(model, settings, world, rank)
    bases = [[group["lr"] for group in mover.param_groups] for mover in movers]
    count, loss = Counter(task.stage_id), torch.zeros(())
    for step, batch in enumerate(parts):
        for mover, rates in zip(movers, bases, strict=True):
            for group, base in zip(mover.param_groups, rates, strict=True):
                group["lr"] = base * rate(step, steps)
        # Float32 weights, bfloat16 products where the CPU has them: 1.3 times the tokens a second.
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=has_bf16()):
            loss = loss_of(model, batch, int(tokenizer.pad_token_id))
        loss.backward()
        keep_unseen(model, batch)
        average_gradients(model)
        for mover in movers:
            mover.step()
        model.zero_grad(set_to_none=True)
        share_matrices(model)
        keep_length(model)
        tokens = sum(len(sample.tokens) for sample in batch)
        count({"loss": loss.item()} if rank == 0 else {}, rows=len(batch), tokens=tokens)
    if rank == 0:
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    return {"loss": loss.item(), "steps": steps, "parameters": model.num_parameters()}


def has_bf16() -> bool:
    """True where the CPU multiplies bfloat16 in hardware; elsewhere it would be slower."""
    import torch

    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def shared_minimum(number: int) -> int:
    """The smallest number that a worker has: all make the same number of steps."""
    import torch
    import torch.distributed as dist

    value = torch.tensor(number)
    if dist.is_initialized():
        dist.all_reduce(value, op=dist.ReduceOp.MIN)
    return int(value)
