"""The embedded base: it can copy before it has learned, and rare tokens stay apart."""

import re

import pytest
import torch
from transformers import Qwen2ForCausalLM

from jobs.domain.brand import ROOT
from jobs.pretrain import JOB
from jobs.training.chats import Chat, Sample, batches, tokenized
from jobs.training.pretrain import (
    Pretrain,
    build_model,
    keep_length,
    keep_unseen,
    loss_of,
    optimizers,
)

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
