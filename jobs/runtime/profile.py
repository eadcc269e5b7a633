"""Where a run happens: cluster/profiles/<name>.toml. No learning rate is ever named there."""

from typing import Any, Literal

from pydantic import Field, ValidationError, model_validator

from jobs.domain.brand import ROOT
from jobs.domain.errors import SettingsError
from jobs.runtime.config import Section, read_toml

PROFILES = ROOT / "cluster" / "profiles"


class ClusterShape(Section):
    """The local Ray cluster, used only where no cluster is given by RAY_ADDRESS."""

    logical_cpus: int = Field(default=16, ge=4, description="more than the cores: actors idle")
    object_store_mb: int = Field(default=400, ge=80)
    data_cpus: float = Field(default=0, ge=0, description="at most so many for Ray Data; 0: all")
    worker_logs: bool = Field(
        default=True, description="show what workers print; Ray's folder has it"
    )


class ApiShape(Section):
    """How calls to an API are spread."""

    actors: int = Field(default=2, ge=1, description="processes that call the API")
    in_flight: int = Field(default=32, ge=1, description="calls under way in each of them")


class TrainShape(Section):
    """How training is spread; the optimisation itself is in the config."""

    workers: int = Field(default=2, ge=1)
    gpus_per_worker: float = Field(
        default=0, ge=0, description="below 1: it shares its GPU with an engine"
    )
    cpus_per_worker: float = Field(default=1, gt=0)
    threads_per_worker: int = Field(default=1, ge=1, description="torch threads, without a GPU")
    batch_per_device: int = Field(default=8, ge=1, description="rows a worker takes at once")
    zero_stage: int = Field(default=2, ge=0, le=3, description="DeepSpeed ZeRO stage")
    offload: Literal["nothing", "optimizer", "parameters"] = Field(
        default="nothing", description="what DeepSpeed keeps in the host's memory"
    )
    gradient_checkpointing: bool = Field(
        default=False, description="activations are computed twice and not kept"
    )
    liger: bool = Field(default=False, description="Liger's fused kernels; a GPU alone has them")

    @model_validator(mode="after")
    def _has_what_it_moves(self) -> "TrainShape":
        wanted = {"nothing": 0, "optimizer": 1, "parameters": 3}[self.offload]
        if self.zero_stage < wanted:
            raise ValueError(
                f"offload of {self.offload} needs zero_stage {wanted} or more, found "
                f"{self.zero_stage}"
            )
        if not self.gpus_per_worker and (self.liger or self.offload != "nothing"):
            raise ValueError(
                "liger and offload need a GPU: Liger's kernels are Triton's, and without a GPU "
                "all lies in the host's memory already"
            )
        return self


class EngineShape(Section):
    """How vLLM engines are spread when a table is answered."""

    actors: int = Field(default=1, ge=1)
    cpus_per_actor: float = Field(default=1, gt=0)
    gpus_per_actor: float = Field(default=0, ge=0)
    batch_rows: int = Field(default=64, ge=1, description="rows an engine takes at once")
    environment: dict[str, str] = Field(default_factory=dict, description="VLLM_... variables")
    options: dict[str, Any] = Field(default_factory=dict, description="vLLM engine arguments")
    adapters: Literal["kernel", "merged"] = Field(
        default="kernel", description="of a policy in training: added by vLLM, or to the weights"
    )


class Profile(Section):
    """One profile file."""

    ray: ClusterShape = ClusterShape()
    api: ApiShape = ApiShape()
    train: TrainShape = TrainShape()
    engine: EngineShape = EngineShape()
    learner: TrainShape | None = Field(default=None, description="of grpo; none: as [train]")
    rollout: EngineShape | None = Field(default=None, description="of grpo; none: as [engine]")
    serve: dict[str, Any] = Field(default_factory=dict, description="settings of serve/app.py")


def read_profile(name: str) -> Profile:
    """The profile `name`. Raises SettingsError naming the profiles there are."""
    path = PROFILES / f"{name}.toml"
    if not path.is_file():
        known = ", ".join(sorted(entry.stem for entry in PROFILES.glob("*.toml")))
        raise SettingsError(f"there is no cluster/profiles/{name}.toml; profiles here: {known}.")
    try:
        return Profile(**read_toml(path))
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(str(part) for part in problem["loc"])
        raise SettingsError(
            f"cluster/profiles/{name}.toml {where}: {problem['msg'].lower()}. Correct it; "
            f"what to learn and how fast belongs into configs/."
        ) from error
