"""The engines as one: weights to all of them, prompts over all of them, the lost ones back."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ray
from ray.exceptions import RayActorError

from jobs.domain.errors import StageError
from jobs.engines.rollout import Rolled, Weights
from jobs.training.grpo.proof import Rows

BACK_WITHIN_S = 300.0  # a lost engine has to load its model again
TRIES = 3  # of one part of a batch
Prompt = list[int]  # tokens
Row = tuple[list[int], list[int]]  # a prompt's tokens and a completion's
Proof = Callable[[str, Rows], object]  # raises where an engine does not run the policy


@dataclass(frozen=True)
class Asked:
    """Samples under way: for each engine its prompts and its promise."""

    parts: list[tuple[Any, list[Prompt], Any]]
    weights: Weights


class Pool:
    """Used by the first learner alone. `prove` is told what each engine says of `probe`."""

    def __init__(self, engines: Sequence[Any], probe: Sequence[Row]) -> None:
        self.engines = list(engines)
        self.probe = list(probe)
        self.weights: Weights | None = None
        self.prove: Proof = lambda name, said: None
        self.lost = 0  # engines that had to be brought back

    def sync(self, weights: Weights, prove: Proof) -> None:
        """Every engine loads the weights, and each proves it. Raises SyncError naming one."""
        self.weights, self.prove = weights, prove
        reference = ray.put(weights)
        loads = [engine.load.remote(reference) for engine in self.engines]
        probes = [engine.probe.remote(self.probe) for engine in self.engines]
        for engine, load, probe in zip(self.engines, loads, probes, strict=True):
            try:
                ray.get(load)
                prove(self.name_of(engine), ray.get(probe))
            except RayActorError:
                self._bring_back(engine)

    def name_of(self, engine: Any) -> str:
        """What errors call it."""
        return f"engine {self.engines.index(engine)}"

    def ask(self, prompts: Sequence[Prompt], sampling: Mapping[str, Any]) -> Asked:
        """Begin a sample of each prompt, in equal contiguous parts."""
        assert self.weights is not None, "the engines run the base until the first sync"
        size = -(-len(prompts) // len(self.engines))
        parts = []
        for place, engine in enumerate(self.engines):
            mine = list(prompts[place * size : (place + 1) * size])
            if mine:
                parts.append((engine, mine, engine.roll.remote(mine, sampling)))
        return Asked(parts, self.weights)

    def answers(self, asked: Asked, sampling: Mapping[str, Any]) -> list[Rolled]:
        """The samples in the prompts' order; a lost engine's part is made again."""
        found: list[Rolled] = []
        for engine, prompts, promise in asked.parts:
            found += self._part(engine, prompts, promise, asked.weights.version, sampling)
        return found

    def _part(
        self,
        engine: Any,
        prompts: list[Prompt],
        promise: Any,
        version: int,
        sampling: Mapping[str, Any],
    ) -> list[Rolled]:
        for _ in range(TRIES):
            try:
                rolled: list[Rolled] = ray.get(promise)
            except RayActorError:
                rolled = []
            if rolled and rolled[0].version == version:
                return rolled
            # Lost on the way, or started anew since and running the base: its samples would be of
            # another policy. What it makes now is of the newest weights.
            self._bring_back(engine)
            assert self.weights is not None
            version, promise = self.weights.version, engine.roll.remote(prompts, sampling)
        raise StageError(
            f"{self.name_of(engine)} was lost {TRIES} times over one batch. Its messages are in "
            f"/tmp/ray/session_latest/logs; less memory for vLLM, or fewer sequences at once, may "
            f"keep it alive."
        )

    def _bring_back(self, engine: Any) -> None:
        """Wait until Ray has started it again; give it the weights, and let it prove them."""
        self.lost += 1
        ends = time.monotonic() + BACK_WITHIN_S
        while True:
            try:
                ray.get(engine.load.remote(self.weights))
                self.prove(self.name_of(engine), ray.get(engine.probe.remote(self.probe)))
            except RayActorError as error:
                if time.monotonic() > ends:
                    raise StageError(
                        f"{self.name_of(engine)} did not come back within {BACK_WITHIN_S:.0f} s: "
                        f"{str(error).splitlines()[0]}"
                    ) from None
                time.sleep(1.0)
            else:
                return
