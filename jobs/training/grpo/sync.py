"""From the learners' weights to the engines, with proof. Every worker takes part in each call."""

import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from jobs.domain.errors import StageError
from jobs.engines.rollout import Weights
from jobs.training.grpo.pool import Pool, Row
from jobs.training.grpo.proof import Probe, Rows, check

BASE, BEFORE = "the base alone", "the step before"


class Sync:
    """What TRL calls as its vLLM client: `sync_weights()` before the samples of each step.

    The first worker has the pool; the others only help to gather weights and to make figures.
    """

    def __init__(self, pool: Pool | None, probe: Sequence[Row], tolerance: float) -> None:
        self.pool, self.probe, self.tolerance = pool, probe, tolerance
        self.trainer: Any = None
        self.before: Rows | None = None
        self.base: Rows | None = None
        self.distance = 0.0  # of the last proof, in nats a token; the largest of the engines

    def sync_weights(self) -> None:
        """Hand this step's weights to every engine. Raises SyncError, in all workers alike."""
        began = time.monotonic()
        model = self.trainer.accelerator.unwrap_model(self.trainer.model)
        version = int(self.trainer.state.global_step)
        weights = weights_of(model, version, with_files=self.pool is not None)
        policy = self.logprobs(model)
        if self.base is None:
            self.base = self.alone(model, policy)
        others = {BASE: self.base, **({BEFORE: self.before} if self.before else {})}
        together(lambda: self._prove(weights, Probe(policy, others)))
        self.before = policy
        self.trainer._metrics["train"]["seconds/sync"].append(time.monotonic() - began)

    def _prove(self, weights: Weights, probe: Probe) -> None:
        if self.pool is None:
            return
        found = []
        self.pool.sync(
            weights, lambda name, said: found.append(check(name, said, probe, self.tolerance))
        )
        self.distance = max(found)
        self.trainer._metrics["train"]["sync/nats"].append(self.distance)

    def alone(self, model: Any, policy: Rows) -> Rows:
        """What the base says without its adapter; of a whole model, what it said at the start."""
        if not hasattr(model, "disable_adapter"):
            return policy
        with model.disable_adapter():
            return self.logprobs(model)

    def logprobs(self, model: Any) -> Rows:
        """The log-probabilities of the probe's completions, at temperature 1."""
        import torch

        device, pad = self.trainer.accelerator.device, self.trainer._tokenizer.pad_token_id
        width = max(len(prompt) + len(completion) for prompt, completion in self.probe)
        ids_BT = torch.full((len(self.probe), width), pad, device=device)
        for place, (prompt, completion) in enumerate(self.probe):
            row = torch.tensor([*prompt, *completion], device=device)
            ids_BT[place, : len(row)] = row
        was_training = model.training
        model.eval()
        with torch.no_grad():  # padding comes last, where causal attention keeps it out
            logits_BTV = model(input_ids=ids_BT, use_cache=False).logits[:, :-1].float()
        model.train(was_training)
        picked_BT = logits_BTV.log_softmax(-1).gather(2, ids_BT[:, 1:, None])[:, :, 0]
        return [
            picked_BT[place, len(prompt) - 1 : len(prompt) + len(completion) - 1].tolist()
            for place, (prompt, completion) in enumerate(self.probe)
        ]


def weights_of(model: Any, version: int, *, with_files: bool) -> Weights:
    """The adapter that is trained, or all weights, as the files of a directory."""
    import torch
    from safetensors.torch import save

    with gathered(model), torch.no_grad():
        if hasattr(model, "peft_config"):
            from peft import get_peft_model_state_dict

            config = model.peft_config["default"]
            tensors = get_peft_model_state_dict(model, adapter_name="default")
            rank = max([config.r, *config.rank_pattern.values()])
            name = "adapter_model.safetensors"
        else:
            config, rank, name = model.config, None, "model.safetensors"
            tensors = dict(model.state_dict())
            if getattr(config, "tie_word_embeddings", False):
                tensors.pop("lm_head.weight", None)
        empty = [key for key, tensor in tensors.items() if not tensor.numel()]
        if empty:  # in every worker alike: one that raises alone leaves the others waiting
            raise StageError(f"a weight that should be synced has no numbers: {empty[0]}.")
        if not with_files:
            return Weights(version, {}, rank)
        kept = {key: tensor.detach().cpu().contiguous() for key, tensor in tensors.items()}
    return Weights(version, {name: save(kept, {"format": "pt"}), **settings_files(config)}, rank)


def settings_files(config: Any) -> Mapping[str, bytes]:
    """A config as its library writes it beside the weights."""
    with tempfile.TemporaryDirectory() as folder:
        config.save_pretrained(folder)
        return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def gathered(model: Any) -> AbstractContextManager[Any]:
    """ZeRO-3's parted weights as wholes while it lasts; nothing where there are none."""
    parted = [weight for weight in model.parameters() if hasattr(weight, "ds_id")]
    if not parted:
        return nullcontext()
    import deepspeed

    trained = [weight for weight in parted if weight.requires_grad]
    context: AbstractContextManager[Any] = deepspeed.zero.GatheredParameters(trained)
    return context


def together(action: Any) -> Any:
    """Run it on the first worker; what it returns or raises comes to all of them.

    A worker that raises alone leaves the others waiting in their next exchange.
    """
    import torch.distributed as dist

    said: list[Any] = [None, None]
    if dist.get_rank() == 0:
        try:
            said[0] = action()
        except StageError as error:
            said[1] = error
    dist.broadcast_object_list(said)
    if said[1] is not None:
        raise said[1]
    return said[0]
