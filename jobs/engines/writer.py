"""A vLLM engine as a Ray Data actor: chats in, texts out."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from jobs.engines.models import local_model
from jobs.runtime.profile import EngineShape
from jobs.runtime.progress import Counter


@dataclass(frozen=True)
class Engine:
    """Which model is loaded, and how."""

    model: str  # address or hub id
    shape: EngineShape
    seed: int  # of the engine: vLLM's CPU build fails on a seed for each request


class Writer:
    """One engine, loaded once. Rows have `messages`, a JSON list; it adds what the model wrote."""

    def __init__(self, engine: Engine, sampling: Mapping[str, Any], stage_id: str) -> None:
        os.environ.update(engine.shape.environment)
        from vllm import LLM, SamplingParams

        model = local_model(engine.model)
        self.engine = LLM(model=model, seed=engine.seed, **engine.shape.options)
        self.tokenizer = self.engine.get_tokenizer()
        self.count = Counter(stage_id)
        self.sampling = SamplingParams(**sampling)

    def __call__(self, batch: pa.Table) -> pa.Table:
        prompts = [self._tokens(text) for text in batch["messages"].to_pylist()]
        outputs = self.engine.generate(
            [{"prompt_token_ids": tokens} for tokens in prompts], self.sampling, use_tqdm=False
        )
        firsts = [output.outputs[0] for output in outputs]
        made = [len(first.token_ids) for first in firsts]
        self.count(rows=batch.num_rows, tokens=sum(made))
        columns: dict[str, Any] = {
            "text": pa.array([first.text for first in firsts], pa.string()),
            "finish_reason": pa.array([str(first.finish_reason) for first in firsts], pa.string()),
            "prompt_tokens": pa.array([len(tokens) for tokens in prompts], pa.int64()),
            "completion_tokens": pa.array(made, pa.int64()),
        }
        for name, column in columns.items():
            batch = batch.append_column(name, column)
        return batch

    def _tokens(self, messages: str) -> list[int]:
        chat = json.loads(messages)
        encoded = self.tokenizer.apply_chat_template(
            chat, add_generation_prompt=True, tokenize=True, return_dict=False
        )
        return list(encoded)
