"""A reward model in an actor: chats in, scores out.

A plain class: `ray.remote(Scorer)` for a learner's rewards, `map_batches(Scorer, ...)` for tables,
and a member of a Serve deployment alike.
"""

import json
import math
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from jobs.domain.errors import InputError
from jobs.domain.prompts import Message
from jobs.engines.models import local_model

BATCH_TOKENS = {"cpu": 8192, "cuda": 65536}  # with padding; attention's square stays in the cache
ROUNDED = 32  # tokens: few shapes, as a kernel may be compiled for each


class Scorer:
    """One reward model, loaded once: any of transformers' with a single label.

    `centre` and `scale` are those of the model's held-out pairs (heldout.json): they bring a score
    into [0, 1]. Float32 on a CPU, bfloat16 on a GPU. Raises InputError for another kind of model.
    """

    def __init__(
        self, model: str, centre: float = 0.0, scale: float = 1.0, threads: int = 1
    ) -> None:
        import torch
        from transformers import AutoModelForSequenceClassification, AutoTokenizer

        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        on_gpu = self.device == "cuda"
        if not on_gpu:
            torch.set_num_threads(threads)
        if scale <= 0:
            raise InputError(f"a reward's scale is {scale}; wanted a number above 0.")
        self.centre, self.scale = centre, scale
        path = local_model(model)
        self.tokenizer = AutoTokenizer.from_pretrained(path)
        loaded = AutoModelForSequenceClassification.from_pretrained(
            path,
            dtype=torch.bfloat16 if on_gpu else torch.float32,
            attn_implementation="sdpa" if on_gpu else "eager",
        )
        self.model: Any = loaded.to(self.device).eval()
        config = self.model.config.get_text_config()
        if config.num_labels != 1:
            raise InputError(
                f"{model} gives {config.num_labels} scores to a text; wanted a reward model, which "
                f"gives one. Name the folder that a reward stage wrote."
            )
        if config.pad_token_id is None:  # the score is read at the last token that is not this
            config.pad_token_id = self.tokenizer.pad_token_id
        if config.pad_token_id is None:
            raise InputError(
                f"neither {model} nor its tokenizer has a pad token; set pad_token_id."
            )
        self.pad: int = config.pad_token_id

    def score(self, chats: Sequence[list[Message]]) -> list[float]:
        """The raw score of each chat, whose last message is the answer; higher is better."""
        rows = [self.tokens(chat) for chat in chats]
        scores = [0.0] * len(rows)
        for batch in self._batches(rows):
            for position, value in zip(batch, self._forward([rows[i] for i in batch]), strict=True):
                scores[position] = value
        return scores

    def rewards(self, chats: Sequence[list[Message]]) -> list[float]:
        """The scores in [0, 1]: a half where good and bad held-out texts meet."""
        return [squashed(score, self.centre, self.scale) for score in self.score(chats)]

    def __call__(self, batch: pa.Table) -> pa.Table:
        """A table's `messages`, JSON lists, get the columns `score` and `reward`."""
        scores = self.score([json.loads(text) for text in batch["messages"].to_pylist()])
        rewards = [squashed(score, self.centre, self.scale) for score in scores]
        scored = batch.append_column("score", pa.array(scores, pa.float64()))
        return scored.append_column("reward", pa.array(rewards, pa.float64()))

    def tokens(self, chat: list[Message]) -> list[int]:
        """The chat as the model was taught to read it."""
        return list(self.tokenizer.apply_chat_template(chat, tokenize=True, return_dict=False))

    def _batches(self, rows: Sequence[list[int]]) -> list[list[int]]:
        """Positions of rows of like lengths, the longest first: what is too much fails at once."""
        batches: list[list[int]] = []
        width = 0
        for position in sorted(range(len(rows)), key=lambda i: -len(rows[i])):
            if not batches or width * (len(batches[-1]) + 1) > BATCH_TOKENS[self.device]:
                width = _rounded(len(rows[position]))
                batches.append([])
            batches[-1].append(position)
        return batches

    def _forward(self, rows: Sequence[list[int]]) -> list[float]:
        import torch

        width = _rounded(max(map(len, rows)))
        ids_BT = torch.full((len(rows), width), self.pad)
        mask_BT = torch.zeros((len(rows), width), dtype=torch.long)
        for at, row in enumerate(rows):
            ids_BT[at, : len(row)] = torch.tensor(row)
            mask_BT[at, : len(row)] = 1
        with torch.inference_mode():
            outputs = self.model(
                input_ids=ids_BT.to(self.device),
                attention_mask=mask_BT.to(self.device),
                use_cache=False,
            )
        scores: list[float] = outputs.logits[:, 0].float().tolist()
        return scores


def squashed(score: float, centre: float, scale: float) -> float:
    """The logistic function of (score - centre) / scale, without overflow.

    >>> squashed(3.0, 3.0, 2.0)
    0.5
    >>> squashed(-1e6, 0.0, 1.0)
    0.0
    """
    return 0.5 * (1.0 + math.tanh(0.5 * (score - centre) / scale))


def _rounded(length: int) -> int:
    return -(-max(length, 1) // ROUNDED) * ROUNDED
