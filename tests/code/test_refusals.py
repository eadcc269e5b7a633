"""What cannot work on a profile is refused before anything starts, with its reason."""

import importlib.machinery
import importlib.util
from pathlib import Path
from typing import Any

import pytest

from jobs.domain.errors import SettingsError
from jobs.runtime import profile
from jobs.runtime.command import discover, load, stages_of
from jobs.runtime.profile import PROFILES, TrainShape, read_profile
from jobs.training.deepspeed import accumulation, deepspeed_config
from jobs.training.refusals import check_tuning
from jobs.training.sft import Sft
from jobs.training.tuning import model_arguments, trl_arguments

CPU: dict[str, Any] = {"workers": 2, "batch_per_device": 4}
GPU: dict[str, Any] = {**CPU, "gpus_per_worker": 1}
FLASH = {"model_init_kwargs": {"attn_implementation": "flash_attention_2"}}
ALL = ("bitsandbytes", "liger_kernel", "flash_attn", "tensorboardX", "wandb", "mlflow")


@pytest.fixture
def packages(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The optional packages that seem to be installed: all, until a test takes some out."""
    there = set(ALL)
    real = importlib.util.find_spec

    def find_spec(name: str, package: str | None = None) -> Any:
        known = (*ALL, "tensorboard")
        if name not in known:
            return real(name, package)
        return importlib.machinery.ModuleSpec(name, None) if name in there else None

    monkeypatch.setattr(importlib.util, "find_spec", find_spec)
    return there


@pytest.mark.parametrize(
    ("settings", "shape", "named"),
    [
        ({"precision": "4bit"}, CPU, ['"4bit" needs a GPU', "bfloat16"]),
        ({"precision": "4bit", "lora": False}, GPU, ["4-bit weights are frozen", "lora = false"]),
        ({"precision": "4bit"}, {**GPU, "zero_stage": 3}, ["loaded whole", "zero_stage 1 or 2"]),
        (
            {"precision": "4bit", "lora": False},
            {**CPU, "zero_stage": 3},
            ["needs a GPU", "are frozen", "loaded whole"],  # all at once
        ),
        ({"trl": {"model_init_kwargs": {"dtype": "float16"}}}, CPU, ["dtype", "precision does"]),
        ({"trl": {"packing": True}}, CPU, ["packing needs an attention kernel", "GPUs alone"]),
        ({"trl": {"eval_packing": True}}, CPU, ["eval_packing needs an attention kernel"]),
        ({"trl": {"padding_free": True}}, CPU, ["padding_free needs an attention kernel"]),
        ({"trl": {"packing": True, **FLASH}}, CPU, ["packing needs an attention kernel"]),
        ({"trl": {"packing": True}}, GPU, ['"flash_attention_2" under [sft.trl.model_init_kw']),
        (
            {"trl": {"padding_free": True, "model_init_kwargs": {"attn_implementation": "sdpa"}}},
            GPU,
            ["padding_free needs", "found 'sdpa'"],
        ),
        ({"trl": {"activation_offloading": True}}, CPU, ["activation_offloading", "GPU's memory"]),
        ({"lora": {"target_modules": ["q_proj", "lm_head"]}}, CPU, ["lm_head", "target_modules"]),
        ({"lora": {"target_modules": "lm_head"}}, GPU, ["lm_head", "target_modules"]),
        ({"global_batch": 33}, CPU, ["33", "2 workers", "multiple of 2"]),
        ({"trl": {"report_to": "comet_ml"}}, CPU, ["'comet_ml'", "tensorboard, wandb, mlflow"]),
        ({"trl": {"report_to": ["tensorboard", "all"]}}, CPU, ["'all'"]),
    ],
)
def test_what_cannot_work_is_refused(
    packages: set[str], settings: dict[str, Any], shape: dict[str, Any], named: list[str]
) -> None:
    with pytest.raises(SettingsError) as caught:
        check_tuning(Sft(**settings), TrainShape(**shape))
    said = str(caught.value)
    assert not [part for part in ["[sft]", *named] if part not in said], said


@pytest.mark.parametrize(
    ("missing", "settings", "shape"),
    [
        ("bitsandbytes", {"precision": "4bit"}, GPU),
        ("liger_kernel", {}, {**GPU, "liger": True}),
        ("flash_attn", {"trl": {"packing": True, **FLASH}}, GPU),
        ("tensorboardX", {"trl": {"report_to": "tensorboard"}}, CPU),
        ("wandb", {"trl": {"report_to": ["tensorboard", "wandb"]}}, CPU),
        ("mlflow", {"trl": {"report_to": ["mlflow"]}}, CPU),
    ],
)
def test_a_package_is_wanted_only_by_what_needs_it(
    packages: set[str], missing: str, settings: dict[str, Any], shape: dict[str, Any]
) -> None:
    check_tuning(Sft(**settings), TrainShape(**shape))
    packages.remove(missing)
    with pytest.raises(SettingsError, match=f"{missing.replace('_', '.')}.*install"):
        check_tuning(Sft(**settings), TrainShape(**shape))
    check_tuning(Sft(), TrainShape(**CPU))


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
@pytest.mark.parametrize("lora", [{}, False])
@pytest.mark.parametrize("stage", [0, 1, 2, 3])
def test_what_works_passes(stage: int, lora: Any, optimizer: Any) -> None:
    """Nothing is said of it, and beside something wrong nothing but that."""
    shape = TrainShape(**CPU, zero_stage=stage)
    sound, odd = (Sft(lora=lora, optimizer=optimizer, global_batch=size) for size in (32, 33))
    check_tuning(sound, shape)
    with pytest.raises(SettingsError) as caught:
        check_tuning(odd, shape)
    with pytest.raises(ValueError, match="33") as reason:
        accumulation(33, shape)
    assert str(caught.value) == f"[sft] with this profile: {reason.value}."


@pytest.mark.parametrize(
    ("train", "named"),
    [
        ("liger = true", "liger and offload need a gpu"),
        ('offload = "optimizer"', "liger and offload need a gpu"),
        ('offload = "optimizer"\nzero_stage = 0\ngpus_per_worker = 1', "needs zero_stage 1"),
        ('offload = "parameters"\nzero_stage = 2\ngpus_per_worker = 1', "needs zero_stage 3"),
        ('offload = "disk"', "train.offload"),
    ],
)
def test_a_profile_that_cannot_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, train: str, named: str
) -> None:
    (tmp_path / "mine.toml").write_text(f"[train]\n{train}\n", encoding="utf-8")
    monkeypatch.setattr(profile, "PROFILES", tmp_path)
    with pytest.raises(SettingsError, match=named):
        read_profile("mine")


@pytest.mark.parametrize("name", sorted(path.stem for path in PROFILES.glob("*.toml")))
def test_every_profile_of_ours_trains_as_the_demo_does(packages: set[str], name: str) -> None:
    shape = read_profile(name).train
    check_tuning(Sft(), shape)
    per_device, steps = accumulation(Sft().global_batch, shape)
    assert per_device <= shape.batch_per_device
    assert per_device * steps * shape.workers == Sft().global_batch


@pytest.mark.parametrize("job", ["sft", "reward", "dpo", "grpo"])
@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ('precision = "4bit"', "4bit.*needs a GPU"),
        ('trl = { report_to = "wandb" }', "package wandb is not installed"),
        ('trl = { report_to = ["tensorboard", "mlflow"] }', "package mlflow is not installed"),
    ],
)
def test_each_training_is_refused_before_it_starts(
    tmp_path: Path, packages: set[str], job: str, setting: str, message: str
) -> None:
    packages -= {"wandb", "mlflow"}
    path = tmp_path / "a.toml"
    text = 'run = "r"\nbrand = "yuansu"\nprofile = "laptop"\nstages = [{job = "brief"}, '
    text += '{job = "pretrain"}, {job = "sft", name = "before"}, {job = "reward", name = "scorer"}'
    path.write_text(f'{text}, {{job = "{job}"}}]\n[{job}]\n{setting}\n', encoding="utf-8")
    stage = stages_of(load([str(path)], discover()), discover())[-1]
    assert stage.job.check is not None
    with pytest.raises(SettingsError, match=message):
        stage.job.check(stage)


@pytest.mark.parametrize(
    ("offload", "moved"),
    [
        ("nothing", set()),
        ("optimizer", {"offload_optimizer"}),
        ("parameters", {"offload_optimizer", "offload_param"}),
    ],
)
def test_offload_reaches_deepspeed(offload: Any, moved: set[str]) -> None:
    shape = TrainShape(**GPU, zero_stage=3, offload=offload)
    zero = deepspeed_config(shape, bf16=True)["zero_optimization"]
    assert {key for key in zero if key.startswith("offload")} == moved
    assert all(zero[key]["device"] == "cpu" for key in moved)


@pytest.mark.parametrize("given", [True, False])
def test_the_profiles_memory_settings_reach_trl(tmp_path: Path, given: bool) -> None:
    from trl import SFTConfig

    shape = TrainShape(**GPU, gradient_checkpointing=given, liger=given)
    arguments = trl_arguments(Sft(), shape, str(tmp_path))
    kept = ("activation_checkpointing", "use_liger_kernel")
    config = SFTConfig(use_cpu=True, bf16=False, **{name: arguments[name] for name in kept})
    # TRL's own default is to checkpoint, under the field's old name.
    assert (config.activation_checkpointing, config.gradient_checkpointing) == (given, given)
    assert config.use_liger_kernel == given


def test_how_a_model_is_loaded_is_ours_where_it_must_be() -> None:
    own = {"attn_implementation": "sdpa", "revision": "x"}
    arguments = model_arguments(
        Sft(trl={"model_init_kwargs": own}, precision="bfloat16"), TrainShape(**CPU)
    )
    assert arguments == {"attn_implementation": "sdpa", "dtype": "bfloat16", "revision": "x"}
