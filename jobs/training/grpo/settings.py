"""What GRPO is told: the learning, the rollouts, the rewards."""

from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from jobs.domain.alarms import Thresholds
from jobs.domain.errors import SettingsError
from jobs.domain.rewards import rule_rewards
from jobs.runtime.config import Section
from jobs.runtime.passthrough import check_passthrough, class_fields
from jobs.runtime.profile import TrainShape
from jobs.training.tuning import Tuning

MODEL_REWARD, RATER = "reward_model", "rater"  # components that are no rules


class Grpo(Tuning):
    """How the policy changes. `[grpo.trl]` has beta, loss_type, epsilon and TRL's other names."""

    trl_class: ClassVar[tuple[str, str]] = ("trainer/grpo_config.py", "GRPOConfig")
    trl_ours: ClassVar[frozenset[str]] = frozenset(
        {
            "num_generations",
            "num_generations_eval",
            "generation_batch_size",
            "steps_per_generation",
            "max_completion_length",
            "temperature",
            "top_p",
            "top_k",
            "min_p",
            "repetition_penalty",
            "generation_kwargs",
            "use_vllm",
            "vllm_mode",
            "reward_weights",
            "shuffle_dataset",
            "log_completions",
            "remove_unused_columns",
            "use_transformers_continuous_batching",
        }
    )

    learning_rate: float = Field(default=1e-5, gt=0)
    global_batch: int = Field(default=64, ge=2, description="samples in one optimizer step")
    save_every_steps: int = Field(default=20, ge=1)
    steps: int = Field(default=200, ge=1, description="optimizer steps")
    renamed: float = Field(
        default=0, ge=0, le=1, description="share of briefs with invented names and amounts"
    )
    samples: int = Field(default=8, ge=2, description="of one brief: what an advantage is over")
    dev_rows: int = Field(default=64, ge=0, description="dev briefs that choose the checkpoint")

    @model_validator(mode="after")
    def _whole_groups(self) -> "Grpo":
        if self.global_batch % self.samples:
            raise ValueError(
                f"a global batch of {self.global_batch} is no multiple of {self.samples} samples; "
                f"a step takes the samples of whole briefs"
            )
        return self


class Rollouts(Section):
    """How the policy is sampled, and how exactly the engines have to run it."""

    max_tokens: int = Field(default=256, ge=1)
    temperature: float = Field(default=1.0, gt=0)
    ahead: Literal[0, 1] = Field(
        default=0, description="1: the next step's rollouts are made while this one is learned"
    )
    probe_rows: int = Field(default=8, ge=1, description="dev copies whose log-probabilities prove")
    tolerance: float = Field(
        default=0.05, gt=0, description="mean nats a token between engine and learner"
    )
    dev: dict[str, Any] = Field(
        default_factory=lambda: {"temperature": 0.0},
        description="fields of SamplingParams for the dev answers",
    )

    @field_validator("dev")
    @classmethod
    def _sampling_fields(cls, table: dict[str, Any]) -> dict[str, Any]:
        known = class_fields("vllm", "sampling_params.py", "SamplingParams")
        ours = ("n", "max_tokens", "logprobs", "prompt_logprobs")
        check_passthrough(table, "rollout.dev", known=known, ours=ours)
        return table


class Rewards(Section):
    """What is rewarded: rules, the reward model, the rater; each in [0, 1], then weighted."""

    weights: dict[str, float] = Field(
        min_length=1,
        default_factory=lambda: {MODEL_REWARD: 1.0},
        description=f"rules of domain/rewards.py, {MODEL_REWARD}, {RATER}",
    )
    missing_share: float = Field(
        default=0.5, gt=0, le=1, description="of the rater's calls that may fail over five steps"
    )
    timeout_s: float = Field(default=120, gt=0, description="of a batch at the rater")

    @field_validator("weights")
    @classmethod
    def _known(cls, weights: dict[str, float]) -> dict[str, float]:
        known = [*rule_rewards(), MODEL_REWARD, RATER]
        for name, weight in weights.items():
            if name not in known:
                raise SettingsError(
                    f"[rewards] weights name {name!r}; there are {', '.join(known)}. A new rule is "
                    f"a function with @reward in jobs/domain/rewards.py."
                )
            if weight <= 0:
                raise SettingsError(f"[rewards] {name} weighs {weight}; leave it out, or above 0.")
        return weights


class Alarms(Section):
    """From where on a run is suspected of gaming its rewards; see jobs/domain/alarms.py."""

    fatal: bool = Field(default=False, description="an alarm stops the run; else it is kept")
    every_steps: int = Field(default=10, ge=1, description="canaries are scored")
    window: int = Field(default=20, ge=4, description="steps over which means rise or fall")
    shortest: float = Field(default=Thresholds.shortest, gt=0)
    longest: float = Field(default=Thresholds.longest, gt=0)
    repeated: float = Field(default=Thresholds.repeated, ge=0, le=1)
    copied: float = Field(default=Thresholds.copied, ge=0, le=1)
    canary_margin: float = Thresholds.canary_margin
    rules_rise: float = Thresholds.rules_rise
    judged_fall: float = Thresholds.judged_fall
    entropy: float = Field(default=Thresholds.entropy, ge=0)

    @property
    def thresholds(self) -> Thresholds:
        """Those that jobs/domain/alarms.py reads."""
        own = {"fatal", "every_steps", "window"}
        return Thresholds(**self.model_dump(exclude=own))


def check_syncable(settings: Grpo) -> None:
    """Raise SettingsError for an adapter that vLLM cannot run."""
    if settings.lora is False:
        return
    refused = {
        "use_dora": "vLLM has no DoRA",
        "modules_to_save": "only low-rank weights are synced; whole modules would be left behind",
        "bias": "vLLM's adapters have no biases",
        "lora_bias": "vLLM's adapters have no biases",
        "layer_replication": "vLLM does not copy layers",
    }
    for name, reason in refused.items():
        if settings.lora.get(name) not in (None, False, "none"):
            raise SettingsError(f"[grpo.lora] sets {name}: {reason}. Remove it.")
    targets = settings.lora.get("target_modules", ())
    if any(word in str(targets) for word in ("lm_head", "embed")):
        raise SettingsError(
            f"[grpo.lora] targets {targets}: the engines and TRL's loss read head and embeddings "
            f"without an adapter. Name layers between them."
        )


def check_ahead(settings: Grpo, rollouts: Rollouts) -> None:
    """Raise SettingsError where the next step's samples are not known to be new ones."""
    repeated = settings.trl.get("num_iterations", 1)
    if rollouts.ahead and repeated != 1:
        raise SettingsError(
            f"[rollout] ahead = 1 makes samples for every step, and [grpo.trl] num_iterations = "
            f"{repeated} learns from each batch {repeated} times. Set one of them to its default."
        )


def shapes(settings: Grpo, shape: TrainShape) -> dict[str, int]:
    """TRL's batch fields: every sample of a step is made once, before it, and learned once.

    >>> shapes(Grpo(global_batch=32, samples=8), TrainShape(workers=2, batch_per_device=8))
    {'num_generations': 8, 'steps_per_generation': 2}
    """
    from jobs.training.deepspeed import accumulation

    _, steps = accumulation(settings.global_batch, shape)
    return {"num_generations": settings.samples, "steps_per_generation": steps}
