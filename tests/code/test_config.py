"""A config that cannot be meant stops before anything starts, with a message that mends it."""

from pathlib import Path

import pytest

from jobs.domain.errors import SettingsError
from jobs.llm.api import Api, api_key
from jobs.runtime import profile
from jobs.runtime.command import discover, load, stages_of
from jobs.runtime.config import Whole
from jobs.training.sft import Sft

SOUND = """
run = "r"
brand = "yuansu"
stages = [{ job = "brief" }, { job = "generate" }, { job = "sft" }]

[brief]
content_types = ["paid_ad_bab"]

[generate]
samples = 2

[sft]
epochs = 3
learning_rate = 2e-3
[sft.lora]
r = 8
"""


def loaded(folder: Path, text: str, *arguments: str) -> Whole:
    path = folder / "a.toml"
    path.write_text(text, encoding="utf-8")
    return load([str(path), *arguments], discover())


def message(folder: Path, text: str, *arguments: str) -> str:
    with pytest.raises(SettingsError) as caught:
        loaded(folder, text, *arguments)
    return str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        # what was found, what was wanted, how it is mended
        ("samples = 2", "sampels = 2", ["[generate]", "'sampels'", "it has samples", "mean"]),
        ("samples = 2", 'samples = "many"', ["[generate]", "samples = 'many'", "integer"]),
        ("samples = 2", "samples = 0", ["[generate]", "samples = 0", "greater", "Correct"]),
        ("[generate]", "[genrate]", ["'genrate'", "brief, ", "Did you mean 'generate'?"]),
        ('brand = "yuansu"', 'brnad = "yuansu"', ["'brnad'", "Did you mean 'brand'?"]),
        ('brand = "yuansu"', "", ["lacks 'brand'", "Add it"]),
        ('{ job = "sft" }', '{ jbo = "sft" }', ["[stages.2]", "'jbo'", "job, name, inputs"]),
        ('{ job = "sft" }', "{}", ["[stages.2] lacks 'job'"]),
        ('{ job = "sft" }', '"sft"', ["[stages] 2", "'sft'", "dictionary"]),
        ('{ job = "sft" }', '{ job = "sfft" }', ["'sfft'", "generate, ", "sft"]),
        ('{ job = "sft" }', '{ job = "sft", name = "S T" }', ["'S T'", "lower case"]),
        ('{ job = "sft" }', '{ job = "sft", name = 3 }', ["names a stage 3", "lower case"]),
        ('{ job = "sft" }', '{ job = "sft", name = "run" }', ["'run'", "another name"]),
        ('{ job = "sft" }', '{ job = "sft", name = "teacher" }', ["'teacher'", "another name"]),
        ('{ job = "sft" }', '{ job = "brief" }', ["two stages of one name", "brief, generate"]),
        ("r = 8", "rr = 8", ["[sft.lora]", "'rr'", "does not know"]),
        ("r = 8", 'task_type = "x"', ["[sft.lora]", "'task_type'", "sets itself", "Remove"]),
        ("[sft.lora]", "[sft.trl]\noutput_dir = 'x'\n[sft.lora]", ["[sft.trl]", "'output_dir'"]),
        ("[sft.lora]", "[sft.trl]\nwarmup_stepz = 1\n[sft.lora]", ["'warmup_steps'?"]),
        ('run = "r"', "run = r", ["is not TOML", "line"]),
        ('run = "r"', 'run = "r"\nprofile = "laptpo"', ["laptpo.toml", "laptop", "node_8gpu"]),
    ],
)
def test_a_mistake_is_named_with_what_was_wanted(
    tmp_path: Path, old: str, new: str, named: list[str]
) -> None:
    assert old in SOUND
    said = message(tmp_path, SOUND.replace(old, new, 1))
    assert not [part for part in named if part not in said], said


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--sft.epoch", "4"], ["--sft.epoch", "Did you mean 'sft.epochs'?"]),
        (["--stf.epochs", "4"], ["--stf.epochs", "Did you mean 'sft.epochs'?"]),
        (["--sft.epochs", "four"], ["[sft]", "epochs = 'four'", "number"]),
        (["--sft.epochs"], ["--sft.epochs", "one argument"]),
        (["--profile", "moon"], ["moon", "laptop"]),
        (["more"], ["more"]),
    ],
)
def test_a_mistake_on_the_command_line(
    tmp_path: Path, arguments: list[str], named: list[str]
) -> None:
    said = message(tmp_path, SOUND, *arguments)
    assert not [part for part in named if part not in said], said


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    said = message(tmp_path, SOUND.replace("samples", "sampels").replace("epochs", "epocs"))
    assert len(said.splitlines()) == 2


def test_a_config_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nowhere\.toml.*configs/"):
        load([str(tmp_path / "nowhere.toml")], discover())
    with pytest.raises(SettingsError, match="wanted a config first"):
        load(["--run", "x"], discover())


def test_a_section_that_a_stage_needs_is_missed_before_it_starts(tmp_path: Path) -> None:
    config = loaded(tmp_path, SOUND.split("[brief]")[0])
    first = stages_of(config, discover())[0]
    with pytest.raises(SettingsError, match=r"no section \[brief\]; it needs content_types"):
        first.identity()


def test_the_command_line_goes_before_the_file(tmp_path: Path) -> None:
    options = ["--sft.epochs", "7", "--run", "other", "--generate.samples=5", "--redo"]
    config = loaded(tmp_path, SOUND, *options, "--sft.lora", '{"lora_alpha": 4}')
    sft = next(stage for stage in stages_of(config, discover()) if stage.name == "sft").settings(
        Sft
    )
    assert (sft.epochs, sft.learning_rate) == (7, 2e-3)
    assert sft.lora == {"r": 8, "lora_alpha": 4}
    assert (config.run, config.redo, config.only) == ("other", True, "")
    assert config.model_dump()["generate"]["samples"] == 5


def test_only_chooses_one_stage(tmp_path: Path) -> None:
    chosen = stages_of(loaded(tmp_path, SOUND, "--only", "generate"), discover())
    assert [stage.name for stage in chosen] == ["generate"]
    with pytest.raises(SettingsError, match="no stage 'genrate'.*brief, generate, sft"):
        stages_of(loaded(tmp_path, SOUND, "--only", "genrate"), discover())


def test_a_named_stage_has_a_section_of_its_name(tmp_path: Path) -> None:
    stages = '{ job = "sft" }, { job = "sft", name = "sft_long" }'
    text = SOUND.replace('{ job = "sft" }', stages) + "\n[sft_long]\nepochs = 9\n"
    *_, plain, named = stages_of(loaded(tmp_path, text), discover())
    assert (plain.settings(Sft).epochs, named.settings(Sft).epochs) == (3, 9)
    assert named.identity()["settings"]["sft"]["epochs"] == 9
    assert "'epochz'" in message(tmp_path, text.replace("epochs = 9", "epochz = 9"))


def test_no_environment_variable_is_a_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = loaded(tmp_path, SOUND)
    for name in ("RUN", "STORAGE", "BRAND", "ONLY", "PROFILE", "run", "storage", "brand"):
        monkeypatch.setenv(name, "from_environment")
    for name in ("SFT", "sft"):
        monkeypatch.setenv(name, '{"epochs": 9}')
        monkeypatch.setenv(f"{name}__EPOCHS", "9")
        monkeypatch.setenv(f"{name}.epochs", "9")
    monkeypatch.setenv("REDO", "1")
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("RUN=from_file\nSTORAGE=from_file\n", encoding="utf-8")
    assert loaded(tmp_path, SOUND).model_dump() == before.model_dump()


def test_a_key_that_is_not_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    api = Api(base_url="https://api.example.org/v1", api_key_env="HS_TEST_KEY")
    monkeypatch.delenv("HS_TEST_KEY", raising=False)
    with pytest.raises(SettingsError, match=r"HS_TEST_KEY.*api\.example\.org.*Export it"):
        api_key(api)
    monkeypatch.setenv("HS_TEST_KEY", "sk-canary")
    assert api_key(api) == "sk-canary"
    assert "sk-canary" not in repr(api)
    assert api_key(Api(api_key_env="HS_OTHER_KEY")) == "none"  # offline needs none


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[train]\nlearning_rate = 1.0\n", ["learning_rate", "configs/"]),
        ("[train]\nworkers = 0\n", ["train.workers", "greater"]),
        ("[trian]\nworkers = 1\n", ["trian"]),
    ],
)
def test_a_profile_says_where_and_never_what(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, named: list[str]
) -> None:
    (tmp_path / "mine.toml").write_text(text, encoding="utf-8")
    monkeypatch.setattr(profile, "PROFILES", tmp_path)
    with pytest.raises(SettingsError) as caught:
        profile.read_profile("mine")
    assert not [part for part in ["mine.toml", *named] if part not in str(caught.value)]
