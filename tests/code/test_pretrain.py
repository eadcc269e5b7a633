"""The embedded base: it can copy before it has learned, and rare tokens stay apart."""

import re
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from transformers import Qwen2ForCausalLM

from jobs.domain.brand import ROOT
from jobs.pretrain import JOB
from jobs.training.chats import Chat, Sample, batches, corpus_part, tokenized
from jobs.training.copying import EMBEDDING_STD
from jobs.training.pretrain import (
    Pretrain,
    PretrainTask,
    average_gradients,
    build_model,
    keep_length,
    keep_unseen,
    loss_of,
    optimizers,
    share_matrices,
    train_from_scratch,
)
from jobs.training.tokenizer import load_tokenizer

VOCABULARY, PAD = 500, 0
SETTINGS = Pretrain(examples=10, tokens_per_step=256)


@pytest.fixture
def model() -> Qwen2ForCausalLM:
    torch.manual_seed(0)
    return build_model(SETTINGS, VOCABULARY, PAD, 1)


def test_first_weights_copy_what_was_never_seen(model: Qwen2ForCausalLM) -> None:
    names = torch.randint(2, VOCABULARY, (8, 40))
    ids = torch.cat([names, names], 1)  # the second half can only be copied
    with torch.no_grad():
        guesses = model(ids).logits[:, 41:-1].argmax(-1)
    assert (guesses == ids[:, 42:]).float().mean() > 0.6


def test_the_loss_is_the_weighted_mean_of_each_sample_alone(model: Qwen2ForCausalLM) -> None:
    generator = torch.Generator().manual_seed(1)
    lengths = (7, 40, 33)
    batch = [
        Sample(
            torch.randint(2, VOCABULARY, (length,), generator=generator).tolist(),
            ([0.0] * 3 + [1.0, 3.0] * length)[:length],
        )
        for length in lengths
    ]
    total = weights = 0.0
    for one in batch:
        logits = model(torch.tensor([one.tokens])).logits[0].log_softmax(-1)
        for place in range(1, len(one.tokens)):
            total -= one.weights[place] * float(logits[place - 1, one.tokens[place]])
            weights += one.weights[place]
    assert float(loss_of(model, batch, PAD)) == pytest.approx(total / weights, rel=1e-5)


def test_tokens_that_are_not_there_stay_where_they_are(model: Qwen2ForCausalLM) -> None:
    before = model.model.embed_tokens.weight.detach().clone()
    movers = optimizers(model, SETTINGS)
    batch = [Sample(list(range(2, 60)), [0.0] * 10 + [1.0] * 48)]
    for _ in range(3):
        loss_of(model, batch, PAD).backward()
        keep_unseen(model, batch)
        for mover in movers:
            mover.step()
            mover.zero_grad()
        keep_length(model)
    after = model.model.embed_tokens.weight.detach()
    same = torch.nn.functional.cosine_similarity(before, after)
    torch.testing.assert_close(same[60:], torch.ones(VOCABULARY - 60))
    assert (same[2:60] < 0.999).all()
    lengths = after.norm(dim=1)
    torch.testing.assert_close(lengths, lengths[:1].expand(VOCABULARY))


def test_the_loop_keeps_lengths_and_unseen_tokens(tmp_path: Path) -> None:
    tiny = Pretrain(examples=30, vocabulary=1000, layers=3, width=64, heads=1, tokens_per_step=2048)
    train_from_scratch(PretrainTask(tiny, "test/pretrain"), world=1, rank=0, folder=tmp_path)
    tokenizer = load_tokenizer(tmp_path)
    after = Qwen2ForCausalLM.from_pretrained(tmp_path).model.embed_tokens.weight.detach()
    torch.manual_seed(tiny.seed)
    first = build_model(tiny, len(tokenizer), tokenizer.pad_token_id, tokenizer.eos_token_id)
    before = first.model.embed_tokens.weight.detach()
    chats = corpus_part(tiny.examples, tiny.seed + 1, tokenizer)
    seen = {
        token
        for sample in tokenized(tokenizer, chats, tiny.max_length, tiny.fact_weight)
        for token in sample.tokens
    }
    unseen = sorted(set(range(len(tokenizer))) - seen)
    same = torch.nn.functional.cosine_similarity(before, after)
    assert len(unseen) > 20
    torch.testing.assert_close(same[unseen], torch.ones(len(unseen)))
    assert same[sorted(seen)].mean() < 0.999
    lengths = after.norm(dim=1)
    torch.testing.assert_close(lengths, torch.full_like(lengths, EMBEDDING_STD * tiny.width**0.5))


def steps_of(rank: int, world: int, folder: str) -> None:
    """Three steps as the training loop makes them; a worker's batch is its rank's."""
    if world > 1:
        rendezvous = f"file://{folder}/rendezvous"
        dist.init_process_group("gloo", init_method=rendezvous, rank=rank, world_size=world)
    torch.manual_seed(0)
    torch.set_num_threads(1)
    model = build_model(SETTINGS, VOCABULARY, PAD, 1)
    movers = optimizers(model, SETTINGS, world, rank)
    for step in range(3):
        halves = [[Sample(list(range(2 + a + step, 60 + a)), [1.0] * (58 - step))] for a in (0, 70)]
        mine = [halves[rank]] if world > 1 else halves
        for batch in mine:
            (loss_of(model, batch, PAD) / len(mine)).backward()
        average_gradients(model)
        for mover in movers:
            mover.step()
        model.zero_grad(set_to_none=True)
        share_matrices(model)
    torch.save(model.state_dict(), f"{folder}/{world}-{rank}.pt")
    if world > 1:
        dist.destroy_process_group()


def test_two_workers_that_share_muon_go_where_one_goes(tmp_path: Path) -> None:
    steps_of(0, 1, str(tmp_path))
    mp.spawn(steps_of, args=(2, str(tmp_path)), nprocs=2)
    alone, first, second = (torch.load(tmp_path / f"{name}.pt") for name in ("1-0", "2-0", "2-1"))
    for name in alone:
        torch.testing.assert_close(first[name], second[name], rtol=0, atol=0)
        torch.testing.assert_close(first[name], alone[name], rtol=2e-2, atol=2e-3)


def test_batches_hold_every_sample_once() -> None:
    samples = [Sample([length] * length, [1.0] * length) for length in (5, 90, 30, 7, 60, 31)]
    found = batches(samples, 100, seed=1)
    lengths = [[len(sample.tokens) for sample in batch] for batch in found]
    assert lengths == [[5, 7, 30], [31], [60], [90]]  # padded to the longest


def test_the_cache_knows_every_file_that_shapes_the_base() -> None:
    """A base is kept by its sources; with one left out, an old base would be used again."""
    for source in JOB.sources:
        if source.endswith(".py"):
            names = re.findall(r"from jobs\.training\.(\w+)", (ROOT / source).read_text())
            for name in names:
                path = f"jobs/training/{name}"
                assert {path, f"{path}.py"} & set(JOB.sources), f"{source} uses {path}"


def test_a_facts_first_two_characters_weigh_more() -> None:
    chat = Chat("", "含烟酰胺。", ("烟酰胺",))
    tokenizer = _Characters()
    (sample,) = tokenized(tokenizer, [chat], 100, 3.0)  # type: ignore[arg-type]
    assert sample.weights == [1.0, 3.0, 3.0, 1.0, 1.0]


class _Characters:
    """A tokenizer with a token for each character."""

    def __call__(self, texts: list[str], **_: bool) -> dict[str, list[object]]:
        return {
            "input_ids": [[ord(mark) for mark in text] for text in texts],
            "offset_mapping": [[(at, at + 1) for at in range(len(text))] for text in texts],
        }
