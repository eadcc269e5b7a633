"""Real engines after a sync: they run the learner's policy, and one that does not is named."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import ray
import torch
import torch.distributed as dist
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from jobs.engines.rollout import RolloutEngine, Weights
from jobs.engines.writer import Engine
from jobs.runtime.cluster import connect
from jobs.runtime.profile import EngineShape, read_profile
from jobs.training.grpo.pool import Pool
from jobs.training.grpo.proof import SyncError
from jobs.training.grpo.sync import Sync
from tests.tiny_models import WORDS, tiny_adapter, tiny_model

TOLERANCE = 0.01
RANK = 4


class Deaf(RolloutEngine):
    """Says that it has loaded what it was given, and runs the base."""

    def load(self, weights: Weights) -> int:
        self.version = weights.version
        return self.version


class Stale(RolloutEngine):
    """Loads the first weights and no others."""

    def load(self, weights: Weights) -> int:
        if self.version < 0:
            return super().load(weights)
        self.version = weights.version
        return self.version


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    root = tmp_path_factory.mktemp("policy")
    base = tiny_model(root / "base")
    return base, tiny_adapter(base, root / "adapter")


@pytest.fixture(scope="module", autouse=True)
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A process group of this process."""
    store = tmp_path_factory.mktemp("group") / "store"
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=0, world_size=1)
    connect(read_profile("laptop"))
    yield
    dist.destroy_process_group()
    ray.shutdown()


def shape(adapters: str) -> EngineShape:
    known = read_profile("laptop").engine
    options = {**known.options, "max_model_len": 256, "max_num_seqs": 8}
    return known.model_copy(update={"adapters": adapters, "options": options})


def engine(kind: type, base: Path, adapters: str = "merged") -> Any:
    actor = ray.remote(num_cpus=1)(kind)
    return actor.remote(Engine(str(base), shape(adapters), 0), kind.__name__, RANK)


def learner(folders: tuple[Path, Path], engines: list[Any]) -> tuple[Any, Sync]:
    """What of a trainer a sync needs."""
    base, adapter = folders
    tokenizer = AutoTokenizer.from_pretrained(base)
    plain = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    model = PeftModel.from_pretrained(plain, adapter, is_trainable=True)
    trainer = SimpleNamespace(
        model=model,
        accelerator=SimpleNamespace(unwrap_model=lambda one: one, device=torch.device("cpu")),
        state=SimpleNamespace(global_step=0),
        _metrics={"train": {"sync/nats": [], "seconds/sync": []}},
        _tokenizer=tokenizer,
    )
    rows = [
        (tokenizer(f"写广告{WORDS[at:]}")["input_ids"], tokenizer(WORDS[: 3 + at])["input_ids"])
        for at in range(4)
    ]
    sync = Sync(Pool(engines, rows), rows, TOLERANCE)
    sync.trainer = trainer
    return trainer, sync


def step(trainer: Any) -> None:
    """As an optimizer step would: other weights, one step on."""
    trainer.state.global_step += 1
    with torch.no_grad():
        for name, weight in trainer.model.named_parameters():
            if "lora_B" in name:
                weight += 0.1 * torch.randn_like(weight)


@pytest.mark.parametrize("adapters", ["merged", "kernel"])
def test_an_engine_runs_each_steps_policy(folders: tuple[Path, Path], adapters: str) -> None:
    honest = engine(RolloutEngine, folders[0], adapters)
    trainer, sync = learner(folders, [honest])
    for version in range(3):
        sync.sync_weights()
        assert ray.get(honest.told.remote()) == ("RolloutEngine", version)
        assert trainer._metrics["train"]["sync/nats"][version] < 1e-4
        step(trainer)
    # Its samples carry the log-probabilities that the learner finds for the same tokens.
    sync.sync_weights()
    assert sync.pool is not None
    prompts = [prompt for prompt, _ in sync.probe]
    sampling = {"max_tokens": 12, "temperature": 1.0}
    rolled = sync.pool.answers(sync.pool.ask(prompts, sampling), sampling)
    for prompt, sample in zip(prompts, rolled, strict=True):
        ids = torch.tensor([[*prompt, *sample.tokens]])
        with torch.no_grad():
            logits = trainer.model(input_ids=ids).logits[0, len(prompt) - 1 : -1].log_softmax(-1)
        found = logits.gather(1, torch.tensor(sample.tokens)[:, None])[:, 0].tolist()
        assert sample.logprobs == pytest.approx(found, abs=1e-3)
    ray.kill(honest)


def test_an_engine_that_runs_the_base_is_caught_at_its_first_step(
    folders: tuple[Path, Path],
) -> None:
    engines = [engine(RolloutEngine, folders[0]), engine(Deaf, folders[0])]
    _, sync = learner(folders, engines)
    with pytest.raises(SyncError, match="engine 1 runs the base alone"):
        sync.sync_weights()
    for one in engines:
        ray.kill(one)


def test_an_engine_that_keeps_old_weights_is_caught_at_the_next_step(
    folders: tuple[Path, Path],
) -> None:
    stale = engine(Stale, folders[0])
    trainer, sync = learner(folders, [stale])
    sync.sync_weights()
    step(trainer)
    with pytest.raises(SyncError, match="engine 0 runs the step before"):
        sync.sync_weights()
    ray.kill(stale)


def test_a_killed_engine_comes_back_and_proves_itself(folders: tuple[Path, Path]) -> None:
    actor = ray.remote(num_cpus=1, max_restarts=-1, max_task_retries=0)(RolloutEngine)
    one = actor.remote(Engine(str(folders[0]), shape("merged"), 0), "engine 0", RANK)
    trainer, sync = learner(folders, [one])
    sync.sync_weights()
    assert sync.pool is not None
    prompts = [prompt for prompt, _ in sync.probe]
    sampling = {"max_tokens": 8, "temperature": 1.0}
    ray.kill(one, no_restart=False)
    rolled = sync.pool.answers(sync.pool.ask(prompts, sampling), sampling)
    assert [sample.version for sample in rolled] == [0] * len(prompts)
    assert sync.pool.lost == 1
    step(trainer)
    sync.sync_weights()
    assert ray.get(one.told.remote()) == ("engine 0", 1)
    ray.kill(one)
