"""The embedded base's corpus as chats of tokens, and in batches."""

import json
import random
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transformers import Qwen2Tokenizer

TOKENIZER_EXAMPLES = 3000  # what the tokenizer is learned from


@dataclass(frozen=True)
class Sample:
    """One chat as tokens, and how much each counts in the loss: the prompt's not at all."""

    tokens: list[int]
    weights: list[float]


@dataclass(frozen=True)
class Chat:
    """What is trained on, in the chat template's form."""

    prompt: str
    copy: str
    facts: tuple[str, ...]  # what of the copy must be as the brief has it


def tokenized(
    tokenizer: "Qwen2Tokenizer", chats: list[Chat], max_length: int, fact_weight: float
) -> list[Sample]:
    """The chats as samples; those longer than the model's positions are left out."""
    prompts = tokenizer([chat.prompt for chat in chats], add_special_tokens=False)["input_ids"]
    copies = tokenizer(
        [chat.copy for chat in chats], add_special_tokens=False, return_offsets_mapping=True
    )
    samples = []
    for chat, prompt, copy, spans in zip(
        chats, prompts, copies["input_ids"], copies["offset_mapping"], strict=True
    ):
        starts = fact_starts(chat)
        weights = [fact_weight if starts.intersection(range(a, b)) else 1.0 for a, b in spans]
        samples.append(Sample(prompt + copy, [0.0] * len(prompt) + weights))
    return [sample for sample in samples if len(sample.tokens) <= max_length]


def fact_starts(chat: Chat) -> set[int]:
    """The places of each fact's first two characters in the copy. The others are easily copied.

    >>> fact_starts(Chat("", "含烟酰胺，烟酰胺。", ("烟酰胺",)))
    {1, 2, 5, 6}
    """
    starts = {
        found.start() for fact in chat.facts for found in re.finditer(re.escape(fact), chat.copy)
    }
    return starts | {start + 1 for start in starts}


def batches(samples: list[Sample], tokens: int, seed: int) -> list[list[Sample]]:
    """Batches of at most `tokens` tokens, each of samples of like length, the shortest first."""
    source = random.Random(seed)
    ordered = sorted(samples, key=lambda sample: (len(sample.tokens), source.random()))
    found: list[list[Sample]] = [[]]
    for sample in ordered:
        if found[-1] and len(sample.tokens) * (len(found[-1]) + 1) > tokens:
            found.append([])
        found[-1].append(sample)
    return found


def corpus_part(count: int, seed: int, tokenizer: "Qwen2Tokenizer") -> list[Chat]:
    """`count` examples of the corpus as chats: a worker's share has a seed of its own."""
    from jobs.training.corpus import examples
    from jobs.training.tokenizer import END

    found = []
    for example in examples(count, seed):
        prompt = tokenizer.apply_chat_template(
            example.messages[:-1], tokenize=False, add_generation_prompt=True
        )
        found.append(Chat(str(prompt), example.text + END, fact_strings(example.brief.facts)))
    return found


def fact_strings(facts_json: str) -> tuple[str, ...]:
    """Every text among a brief's facts, content type and sort of product left out.

    >>> fact_strings('{"content_type": "paid_ad_fab", "name": "a", "effects": ["b", "c"]}')
    ('a', 'b', 'c')
    """
    facts = json.loads(facts_json)
    values = [value for key, value in facts.items() if key not in ("content_type", "category")]
    return tuple(text for value in values for text in strings_in(value))


def strings_in(value: Any) -> list[str]:
    """Every string within a JSON value."""
    if isinstance(value, str):
        return [value] if value else []
    parts = value.values() if isinstance(value, dict) else value
    return [text for part in parts for text in strings_in(part)]


def shared_tokenizer(vocabulary: int, seed: int, rank: int, folder: Path) -> "Qwen2Tokenizer":
    """The tokenizer, learned by the first worker from a part of the corpus, sent to the others."""
    import torch.distributed as dist

    from jobs.training.corpus import examples
    from jobs.training.tokenizer import learn_tokenizer, load_tokenizer

    files: list[dict[str, bytes]] = [{}]
    if rank == 0:
        texts = (
            message["content"]
            for example in examples(TOKENIZER_EXAMPLES, seed=seed)
            for message in example.messages
        )
        learn_tokenizer(texts, vocabulary, folder)
        files = [{path.name: path.read_bytes() for path in folder.iterdir()}]
    if dist.is_initialized():
        dist.broadcast_object_list(files)
    for name, content in files[0].items():
        (folder / name).write_bytes(content)
    return load_tokenizer(folder)
