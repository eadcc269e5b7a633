"""The endpoint's Serve application: one model behind OpenAI's routes, scaled by its load.

    serve run serve.app:app model=runs/demo/merge/model
    serve run serve.app:app model=Qwen/Qwen2.5-0.5B-Instruct scaling.max_replicas=4
    serve deploy serve/config.yaml

`serve.start` does the same from Python and stops it again.
"""

import dataclasses
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from ray.serve import Application

from jobs.domain.errors import InputError, SettingsError

if TYPE_CHECKING:
    from ray.serve.llm import LLMConfig

# What a replica's processes see. Prompts may hold unpublished products: they are not logged.
PRIVATE = {"RAYLLM_ENABLE_REQUEST_PROMPT_LOGS": "0", "VLLM_NO_USAGE_STATS": "1"}

# Engine arguments that have a setting of their own, or that would undo what is promised here.
OURS = {
    "model": "model",
    "served_model_name": "model_id",
    "dtype": "dtype",
    "max_model_len": "max_model_len",
    "distributed_executor_backend": "device",
    "enable_log_requests": "nothing: prompts are not logged",
}

# Logical CPUs of each actor on a CPU machine. The threads that compute are not reserved:
# a laptop's Ray cluster also holds the pipeline's own actors.
CPU_SHARE = 0.25


class Scaling(BaseModel):
    """When replicas are added, and when requests are refused.

    ray.serve.llm's own defaults are 1e9 requests a replica: it would never scale nor refuse.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    min_replicas: int = Field(default=1, ge=0)
    max_replicas: int = Field(default=2, ge=1)
    target_ongoing_requests: float = Field(default=8, gt=0)  # a replica above it wants company
    max_ongoing_requests: int = Field(default=32, ge=1)  # a replica takes no more at once
    max_queued_requests: int = Field(default=64, ge=1)  # waiting for a replica; more are refused
    upscale_delay_s: float = Field(default=10, ge=0)
    downscale_delay_s: float = Field(default=300, ge=0)

    @model_validator(mode="after")
    def refuse_what_cannot_scale(self) -> "Scaling":
        """Raise ValueError where the numbers contradict each other."""
        if self.min_replicas > self.max_replicas:
            raise ValueError(f"min_replicas {self.min_replicas} is above {self.max_replicas=}")
        if self.target_ongoing_requests > self.max_ongoing_requests:
            raise ValueError(
                f"target_ongoing_requests {self.target_ongoing_requests} is above "
                f"{self.max_ongoing_requests=}: a replica would be full before another starts"
            )
        return self


class ServeSettings(BaseModel):
    """What is served, and on what."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    model: str  # a folder with a merged model, a Hugging Face id, or an s3:// or gs:// address
    model_id: str = Field(default="housestyle", pattern=r"^[\w.-]+$")  # clients ask for this name
    device: Literal["cpu", "gpu"] = "cpu"
    dtype: str = "auto"  # auto: float32 on a CPU, the model's own on a GPU
    max_model_len: int | None = Field(default=None, ge=1)  # tokens; None: the model's own limit
    threads_per_replica: int = Field(default=1, ge=1)  # threads that compute, on a CPU
    scaling: Scaling = Scaling()
    engine: dict[str, Any] = {}  # vLLM's engine arguments, passed through

    @model_validator(mode="after")
    def refuse_our_own_keys(self) -> "ServeSettings":
        """Raise ValueError for engine arguments that are set here already."""
        for key in sorted(self.engine.keys() & OURS.keys()):
            raise ValueError(f"engine.{key} is not passed through; it is set by {OURS[key]}")
        return self

    @property
    def is_folder(self) -> bool:
        """The model lies on this machine's disk."""
        return Path(self.model).is_dir()


def app(args: dict[str, Any]) -> Application:
    """Build the application from `key=value` arguments, or from `args` in a Serve config."""
    return application(read_settings(args))


def read_settings(args: dict[str, Any]) -> ServeSettings:
    """Settings from flat arguments (`scaling.max_replicas=4`) or nested ones. Raises SettingsError.

    >>> read_settings({"model": "a/b", "scaling.max_replicas": "4"}).scaling.max_replicas
    4
    """
    try:
        return ServeSettings.model_validate(nested(args))
    except ValidationError as error:
        first = min(error.errors(), key=lambda found: found["type"] != "extra_forbidden")
        key = ".".join(str(part) for part in first["loc"])
        owner = Scaling if key.startswith("scaling.") else ServeSettings
        names = ", ".join(owner.model_fields)
        if first["type"] == "extra_forbidden":
            raise SettingsError(
                f"serve has no setting {key!r}; there are {names}. Correct the argument; what "
                f"vLLM's engine knows is set as engine.<its name>."
            ) from error
        found = "nothing" if first["type"] == "missing" else repr(first["input"])
        raise SettingsError(
            f"serve: {key or 'settings'}: found {found}; {first['msg']}. Correct the argument."
        ) from error


def nested(args: dict[str, Any]) -> dict[str, Any]:
    """Fold dotted keys into tables; the engine's values are read as JSON where they are JSON.

    >>> nested({"model": "m", "engine.max_num_seqs": "8", "engine": {"seed": 1}})
    {'model': 'm', 'engine': {'seed': 1, 'max_num_seqs': 8}}
    """
    tables: dict[str, Any] = {}
    for key, value in sorted(args.items(), key=lambda item: "." in item[0]):
        table, dot, name = key.partition(".")
        if not dot:
            tables[key] = dict(value) if isinstance(value, dict) else value
            continue
        if not isinstance(tables.setdefault(table, {}), dict):
            raise SettingsError(f"serve: both {table}= and {key}= are given. Keep one of them.")
        tables[table][name] = json_or_text(value) if table == "engine" else value
    return tables


def json_or_text(value: Any) -> Any:
    """A command line's text as the number, boolean or object that it spells, or as it is."""
    try:
        return json.loads(value) if isinstance(value, str) else value
    except json.JSONDecodeError:
        return value


def refuse_missing_model(model: str) -> None:
    """Raise InputError before anything starts if `model` is a folder that holds no model."""
    folder = Path(model)
    if folder.is_dir():
        if (folder / "config.json").is_file():
            return
        hint = "an adapter is merged first" if (folder / "adapter_config.json").is_file() else ""
        raise InputError(
            f"serve: {model} holds no config.json; wanted a folder with a merged model"
            f"{': ' + hint if hint else ''}. Run the merge stage, or pass the folder it wrote."
        )
    elsewhere = re.fullmatch(r"[A-Za-z0-9][\w.-]*/[\w.-]+|(s3|gs)://.+", model)
    if elsewhere is None or Path(folder.parts[0]).is_dir():
        raise InputError(
            f"serve: there is no folder {model}; wanted one with a merged model, or a Hugging "
            f"Face id such as Qwen/Qwen2.5-0.5B-Instruct. Run the merge stage, or correct model=."
        )


def application(settings: ServeSettings) -> Application:
    """The Serve application: OpenAI's routes in front of an autoscaled engine.

    Raises InputError and SettingsError before anything starts.
    """
    refuse_missing_model(settings.model)
    # Imported here: it brings torch and vLLM, which takes seconds that a wrong argument need not.
    from ray.serve.llm import build_openai_app

    # One ingress replica: each imports vLLM's request types, 6 s of CPU and 0.7 GB.
    ingress = {"num_replicas": 1, "ray_actor_options": {"num_cpus": CPU_SHARE}}
    return build_openai_app(
        {"llm_configs": [llm_config(settings)], "ingress_deployment_config": ingress}
    )


def llm_config(settings: ServeSettings) -> "LLMConfig":
    """ray.serve.llm's own description of what `settings` ask for."""
    from ray.serve.llm import LLMConfig

    on_cpu = settings.device == "cpu"
    engine = (cpu_engine(settings) if on_cpu else {"dtype": settings.dtype}) | settings.engine
    if settings.max_model_len is not None:
        engine["max_model_len"] = settings.max_model_len
    refuse_unknown_arguments(engine)
    deployment = deployment_config(settings.scaling)
    placement: dict[str, Any] = {}
    if on_cpu:
        deployment["ray_actor_options"] = {"num_cpus": CPU_SHARE}
        placement = {
            "placement_group_config": {"bundles": [{"CPU": CPU_SHARE}]},
            "server_cls": "serve.engine.CpuServer",
        }
    names = environment(settings, eager=bool(engine.get("enforce_eager")))
    return LLMConfig.model_validate(
        {
            "model_loading_config": {"model_id": settings.model_id, "model_source": settings.model},
            "accelerator_config": {"kind": settings.device},
            "engine_kwargs": engine,
            "deployment_config": deployment,
            "runtime_env": {"env_vars": names},
            # 50 ms by default, which is what the first token would wait.
            "experimental_configs": {"stream_batching_interval_ms": 0},
            **placement,
        }
    )


def deployment_config(scaling: Scaling) -> dict[str, Any]:
    """Serve's names for `scaling`."""
    return {
        "max_ongoing_requests": scaling.max_ongoing_requests,
        "max_queued_requests": scaling.max_queued_requests,
        "autoscaling_config": {
            "min_replicas": scaling.min_replicas,
            "max_replicas": scaling.max_replicas,
            "target_ongoing_requests": scaling.target_ongoing_requests,
            "upscale_delay_s": scaling.upscale_delay_s,
            "downscale_delay_s": scaling.downscale_delay_s,
        },
    }


def cpu_engine(settings: ServeSettings) -> dict[str, Any]:
    """Engine arguments of a CPU engine that starts soon and leaves memory to others.

    Without a fixed cache vLLM asks for 92 % of the machine's memory and fails where it is in use.
    """
    return {
        "dtype": "float32" if settings.dtype == "auto" else settings.dtype,
        "enforce_eager": True,
        "kv_cache_memory_bytes": 2**30,
    }


def environment(settings: ServeSettings, *, eager: bool) -> dict[str, str]:
    """Environment variables of a replica and of the engine it starts."""
    names = dict(PRIVATE)
    if settings.is_folder:
        names["HF_HUB_OFFLINE"] = "1"
    if settings.device == "cpu":
        # vLLM's own binding puts every replica's threads on the same cores.
        names["VLLM_CPU_OMP_THREADS_BIND"] = "nobind"
        names["OMP_NUM_THREADS"] = str(settings.threads_per_replica)
        if eager:
            # enforce_eager leaves the sampler compiled: 20 s for the first reply, 0.2 s without.
            names["TORCHDYNAMO_DISABLE"] = "1"
    return names


def refuse_unknown_arguments(engine: dict[str, Any]) -> None:
    """Raise SettingsError for an argument that vLLM's engine does not have."""
    from vllm.engine.arg_utils import AsyncEngineArgs
    from vllm.entrypoints.launchers.cli_args import FrontendArgs

    fields = dataclasses.fields(AsyncEngineArgs) + dataclasses.fields(FrontendArgs)
    for key in sorted(engine.keys() - {field.name for field in fields}):
        raise SettingsError(
            f"serve: vLLM's engine has no argument {key!r}. Correct engine.{key}; the names are "
            f"those of vllm.AsyncEngineArgs, with underscores."
        )
