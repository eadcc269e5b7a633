"""One learner: TRL's GRPOTrainer, whose vLLM client is ours.

TRL 1.16 corrects for the difference between engine and learner only where `use_vllm` is set, and
then sets up a client of its own, which fails on CPUs. Here it is told of vLLM after it has set
itself up: it then calls our `sync_weights` before each step's samples, and applies its own
correction to what our `rollout_func` returns. tests/code/test_grpo.py holds TRL to this.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jobs.domain.brand import Guide
from jobs.domain.errors import StageError
from jobs.runtime.profile import TrainShape
from jobs.runtime.storage import Folder
from jobs.training.adapters import check_reference, policy
from jobs.training.grpo.pool import Pool, Row
from jobs.training.grpo.rewards import Sources, reward_functions
from jobs.training.grpo.rollouts import RolloutFunction, tokens_of
from jobs.training.grpo.settings import Alarms, Grpo, Rewards, Rollouts, shapes
from jobs.training.grpo.sync import Sync
from jobs.training.tuning import lora_config, model_arguments, trl_arguments

STOPPED = "stopped.json"  # why a training ended before its time


@dataclass(frozen=True)
class GrpoTask:
    """What every learner is handed. A row is `{"prompt": [...], "brief": JSON of the brief}`."""

    settings: Grpo
    rollouts: Rollouts
    rewards: Rewards
    alarms: Alarms
    model: str  # address or hub id of the base
    adapter: str  # address of the adapter that is trained on; empty: a new one, or none
    train: list[dict[str, Any]]  # the briefs of every step, in their order
    dev: list[dict[str, Any]]
    probe: list[dict[str, Any]]  # rows of dev with a `completion` text
    engines: list[Any]  # actors
    scorer: Any
    rater: Any
    guide: Guide
    folder: Folder  # of the stage
    stage_id: str


def grpo_loop(config: Mapping[str, Any]) -> None:
    """One worker's training. Reports metrics and checkpoints that hold weights and resume state."""
    import torch.distributed as dist

    from jobs.training.grpo.watch import Watcher
    from jobs.training.reports import begin, report_callback, train

    task, shape = config["task"], config["shape"]
    folder = begin(shape, "grpo")
    report = report_callback(task.stage_id)
    watcher = Watcher(task)
    trainer = learner(task, shape, folder, watcher.callbacks(report))
    watcher.trainer, trainer.watcher = trainer, watcher
    try:
        train(trainer, report)
    except StageError as error:  # of all workers alike; tried again it would be the same
        if dist.get_rank() == 0:
            task.folder.write_json(STOPPED, str(error))


def learner(task: GrpoTask, shape: TrainShape, folder: str, callbacks: list[Any]) -> Any:
    """TRL's trainer of a task, in a process that has begun; `folder` gets its checkpoints."""
    import datasets
    import torch.distributed as dist
    from transformers import AutoTokenizer

    from jobs.engines.models import local_model

    arguments = grpo_arguments(task, shape, folder)  # first: ZeRO-3 has to know before loading
    tokenizer = AutoTokenizer.from_pretrained(local_model(task.model), padding_side="left")
    probe = [probe_row(row, tokenizer) for row in task.probe]
    pool = Pool(task.engines, probe) if dist.get_rank() == 0 else None
    sources = Sources(task.guide, task.scorer, task.rater)
    trainer = trainer_class(shape)(
        model=policy(task.model, task.adapter, task.settings, shape),
        reward_funcs=reward_functions(list(task.rewards.weights), sources),
        args=arguments,
        train_dataset=datasets.Dataset.from_list(task.train),
        processing_class=tokenizer,
        peft_config=None if task.adapter else lora_config(task.settings),
        rollout_func=RolloutFunction(task.settings, task.rollouts, pool),
        callbacks=callbacks,
    )
    if task.adapter and trainer.beta:
        check_reference(trainer.model)
    sync = Sync(pool, probe, task.rollouts.tolerance)
    sync.trainer = trainer
    trainer.use_vllm = True
    trainer.vllm_generation = sync
    trainer._last_loaded_step = -1
    return trainer


def probe_row(row: Mapping[str, Any], tokenizer: Any) -> Row:
    """A chat and its completion as tokens."""
    completion = tokenizer(row["completion"], add_special_tokens=False)["input_ids"]
    return tokens_of(tokenizer, row["prompt"]), list(completion)


def grpo_arguments(task: GrpoTask, shape: TrainShape, folder: str) -> Any:
    """TRL's GRPOConfig: what the config says, spread as the profile says."""
    from trl import GRPOConfig

    settings = task.settings
    free = {
        # Not by each brief's own deviation, nor by each component's: briefs and components whose
        # samples are nearly equal would weigh as much as those with a clear winner. Measured: so
        # weighted, 40 steps took the demo's policy from 3.80 to 3.35 on dev.
        "multi_objective_aggregation": "sum_then_normalize",
        "scale_rewards": "batch",
        "logging_steps": 1,
        "warmup_steps": 0,
        "lr_scheduler_type": "constant_with_warmup",
    }
    return GRPOConfig(
        **{**free, **trl_arguments(settings, shape, folder), **free_of(settings, free)},
        **shapes(settings, shape),
        max_steps=settings.steps,
        max_completion_length=task.rollouts.max_tokens,
        temperature=task.rollouts.temperature,
        reward_weights=list(task.rewards.weights.values()),
        shuffle_dataset=False,
        remove_unused_columns=False,
        use_vllm=False,
        model_init_kwargs=None if task.adapter else model_arguments(settings, shape),
    )


def free_of(settings: Grpo, free: Mapping[str, Any]) -> dict[str, Any]:
    """Our defaults for GRPO, where the config sets nothing; those of all trainings come second."""
    return {name: settings.trl.get(name, value) for name, value in free.items()}


def trainer_class(shape: TrainShape) -> Any:
    """TRL's GRPOTrainer that shows each step's samples to a watcher."""
    from trl import GRPOTrainer

    from jobs.training.heads import read_completions_alone

    class Learner(GRPOTrainer):  # type: ignore[misc]
        """All of TRL's losses, from log-probabilities made in another way without a GPU."""

        watcher: Any = None

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            if not shape.gpus_per_worker:
                models = [one for one in (self.model, self.ref_model) if one is not None]
                for model in models:
                    read_completions_alone(
                        self.accelerator.unwrap_model(model), temperature=self.temperature
                    )

        def _calculate_rewards(self, *args: Any, **kwargs: Any) -> Any:
            """TRL's, (samples of all workers, components), with what is missing made neutral."""
            self.found = super()._calculate_rewards(*args, **kwargs)
            return neutral(self.found, self.num_generations)

        def _generate_and_score_completions(self, inputs: Any) -> Any:
            output = super()._generate_and_score_completions(inputs)
            if self.watcher is not None and self.model.training:
                self.watcher.saw(inputs)
            return output

    return Learner


def neutral(rewards_NK: Any, group: int) -> Any:
    """Each missing value (NaN) as the mean of its component over its brief's other samples.

    So it moves no advantage either way, in expectation; TRL would take it as 0. Where a brief has
    none, as the mean of the step; where the step has none, as 0 for all alike. A sample without
    any value stays without: TRL leaves it out.

    N samples, K components.
    """
    import torch

    count, components = rewards_NK.shape
    means_BK = rewards_NK.view(-1, group, components).nanmean(dim=1)
    means_BK = torch.where(means_BK.isnan(), rewards_NK.nanmean(dim=0), means_BK).nan_to_num(0.0)
    filled_NK = torch.where(
        rewards_NK.isnan(), means_BK.repeat_interleave(group, dim=0), rewards_NK
    )
    nothing_N = rewards_NK.isnan().all(dim=1)
    filled_NK[nothing_N] = torch.nan
    return filled_NK
