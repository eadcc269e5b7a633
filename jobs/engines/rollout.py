"""A vLLM engine that samples from the policy in training, in a Ray actor.

Only changed weights come to it: an adapter, or a whole model where all weights are trained. They
lie in a directory of their own version. On a GPU vLLM adds the adapter in its own kernels. Its CPU
build is 5.5 times slower with an adapter of rank 128 than without (measured: 820 and 4,500 tokens
a second), so there the adapter is added to a fresh float32 copy of the base, never in place, and
the engine loads the sum: 20 ms for 2.6 M parameters.
"""

import math
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from jobs.domain.errors import StageError
from jobs.engines.models import local_model
from jobs.engines.writer import Engine

RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)  # that vLLM 0.29 takes as max_lora_rank


@dataclass(frozen=True)
class Weights:
    """What a learner hands to the engines after a step."""

    version: int  # optimizer steps behind it
    files: Mapping[str, bytes]  # of an adapter's directory, or of a whole model's
    rank: int | None  # the adapter's largest rank; None: a whole model


@dataclass(frozen=True)
class Rolled:
    """One sample."""

    tokens: list[int]  # with the end token where it came to one
    logprobs: list[float]  # natural, of the distribution that each token was drawn from
    text: str
    finish_reason: str  # stop or length
    version: int  # of the weights that wrote it


def max_rank(rank: int) -> int:
    """The least `max_lora_rank` of vLLM's that fits.

    >>> max_rank(12), max_rank(128)
    (16, 128)
    """
    fitting = [known for known in RANKS if known >= rank]
    if not fitting:
        raise StageError(f"vLLM takes LoRA up to rank {RANKS[-1]}, found {rank}. Take a lower r.")
    return fitting[0]


class RolloutEngine:
    """One engine; made a Ray actor by `engines`. It says what weights it runs, and proves it."""

    def __init__(self, engine: Engine, name: str, rank: int | None) -> None:
        os.environ.update(engine.shape.environment)
        from vllm import LLM

        self.name = name
        self.folder = Path(tempfile.mkdtemp(prefix="rollout-"))
        self.base = local_model(engine.model)
        options: dict[str, Any] = {**engine.shape.options, "logprobs_mode": "processed_logprobs"}
        self.by_kernel = rank is not None and engine.shape.adapters == "kernel"
        if self.by_kernel:
            options |= {"enable_lora": True, "max_lora_rank": max_rank(rank or 0), "max_loras": 1}
        self.engine = LLM(model=self.base, seed=engine.seed, **options)
        self.merger: Any = None
        self.request: Any = None
        self.version = -1  # the base alone

    def load(self, weights: Weights) -> int:
        """Run these weights from now on; returns their version."""
        folder = self.folder / f"v{weights.version:08d}"
        written(weights.files, folder)
        if weights.rank is None:
            self._reload(folder)
        elif self.by_kernel:
            from vllm.lora.request import LoRARequest

            # A new id for every version: an adapter that is known by its id is not read again.
            self.request = LoRARequest(folder.name, weights.version + 1, str(folder))
        else:
            self._reload(self._merged(folder))
        self.engine.reset_prefix_cache()
        self.version = weights.version
        self._forget(folder)
        return self.version

    def roll(self, prompts: Sequence[list[int]], sampling: Mapping[str, Any]) -> list[Rolled]:
        """One sample of each prompt of tokens; prompts that stand there twice share their cache."""
        from vllm import SamplingParams

        outputs = self.engine.generate(
            [{"prompt_token_ids": tokens} for tokens in prompts],
            SamplingParams(logprobs=0, **sampling),
            lora_request=self.request,
            use_tqdm=False,
        )
        firsts = [output.outputs[0] for output in outputs]
        return [
            Rolled(
                list(first.token_ids),
                drawn(first.token_ids, first.logprobs),
                first.text,
                str(first.finish_reason),
                self.version,
            )
            for first in firsts
        ]

    def probe(self, rows: Sequence[tuple[list[int], list[int]]]) -> list[list[float]]:
        """The log-probabilities of given completions after their prompts, at temperature 1."""
        from vllm import SamplingParams

        outputs = self.engine.generate(
            [{"prompt_token_ids": [*prompt, *completion]} for prompt, completion in rows],
            SamplingParams(prompt_logprobs=0, max_tokens=1, temperature=1.0),
            lora_request=self.request,
            use_tqdm=False,
        )
        return [
            drawn(completion, output.prompt_logprobs[len(prompt) :])
            for (prompt, completion), output in zip(rows, outputs, strict=True)
        ]

    def told(self) -> tuple[str, int]:
        """Its name and the version of its weights; -1: the base alone."""
        return self.name, self.version

    def _reload(self, folder: Path) -> None:
        """Take the weights of a whole model from a directory; equal to a fresh engine, by test."""
        self.engine.collective_rpc("reload_weights", kwargs={"weights_path": str(folder)})

    def _merged(self, adapter: Path) -> Path:
        """The adapter's sum with the base, as a model's directory."""
        from jobs.engines.sums import Sums

        if self.merger is None:
            self.merger = Sums(self.base, adapter)
        return Path(self.merger.write(adapter, self.folder / f"m{adapter.name}"))

    def _forget(self, kept: Path) -> None:
        """Delete the directories of other versions."""
        for old in self.folder.iterdir():
            if not old.name.endswith(kept.name):
                shutil.rmtree(old)


def written(files: Mapping[str, bytes], folder: Path) -> None:
    """The files under a folder, which must not be there yet or is replaced."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)


def drawn(tokens: Sequence[int], logprobs: Any) -> list[float]:
    """The log-probability of the token at each place; NaN where vLLM has none."""
    found = (row.get(token) for token, row in zip(tokens, logprobs, strict=True))
    return [math.nan if entry is None else float(entry.logprob) for entry in found]


def engines(engine: Engine, rank: int | None, name: str) -> list[Any]:
    """As many engines as the profile's shape says, each an actor with its own seed.

    A lost one is started again by Ray and then runs the base alone, which its version says.
    """
    import ray

    shape = engine.shape
    actor = ray.remote(
        num_cpus=shape.cpus_per_actor,
        num_gpus=shape.gpus_per_actor,
        max_restarts=-1,
        max_task_retries=0,
    )(RolloutEngine)
    return [
        actor.options(name=f"{name}/{number}").remote(
            replace(engine, seed=engine.seed + number), f"engine {number}", rank
        )
        for number in range(shape.actors)
    ]
