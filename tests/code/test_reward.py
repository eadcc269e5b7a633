"""The reward stage: what it learns, what it leaves behind, and the figures of held-out pairs."""

import dataclasses
import json
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from jobs.domain.errors import StageError
from jobs.domain.rows import Pair
from jobs.runtime.command import discover, load, stages_of
from jobs.runtime.profile import TrainShape
from jobs.runtime.stage import Stage, run_stage
from jobs.training.heldout import Scored, heldout
from jobs.training.preference import PreferenceTask, left_out, preferences
from jobs.training.reports import report_callback
from jobs.training.reward import Reward, reward_trainer, whole_reward
from tests.tiny_models import own_rows, tiny_model, toy_pairs


def chat(pair: Pair, text: str) -> list[dict[str, str]]:
    return [*json.loads(pair.prompt), {"role": "assistant", "content": text}]


def scores(model: Any, tokenizer: Any, chats: list[list[dict[str, str]]]) -> torch.Tensor:
    """Each chat alone."""
    found = []
    for one in chats:
        ids = tokenizer.apply_chat_template(one, return_dict=False)
        with torch.no_grad():
            found.append(model(input_ids=torch.tensor([ids])).logits[0, 0])
    return torch.stack(found)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("base"))


def alone(base: Path, folder: Path, settings: Reward, pairs: list[Pair]) -> Any:
    """The trainer of one process, without DeepSpeed."""
    rows = preferences(pairs)
    task = PreferenceTask(settings, str(base), "", rows, rows[:4], "r/reward")
    shape = TrainShape(workers=1, batch_per_device=4, zero_stage=0)
    return reward_trainer(task, shape, str(folder), [])


@pytest.fixture
def without_deepspeed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.training.deepspeed.deepspeed_config", lambda *_: None)


@pytest.mark.usefixtures("without_deepspeed")
def test_the_loss_is_bradley_terrys_on_the_chats_that_are_served(
    base: Path, tmp_path: Path
) -> None:
    settings = Reward(precision="float32", global_batch=4)
    pairs = toy_pairs(4)
    trainer = alone(base, tmp_path, settings, pairs)
    model = trainer.model.eval()
    torch.nn.init.normal_(model.base_model.model.score.modules_to_save["default"].weight)
    [batch] = trainer.get_train_dataloader()
    assert batch["input_ids"].shape[1] % 32 == 0
    chosen, rejected = (
        scores(model, trainer.processing_class, [chat(pair, getattr(pair, side)) for pair in pairs])
        for side in ("chosen", "rejected")
    )
    wanted = -torch.log(torch.sigmoid(chosen - rejected)).mean()
    assert wanted != pytest.approx(math.log(2), abs=1e-3)
    torch.testing.assert_close(trainer.compute_loss(model, batch).detach(), wanted)


@pytest.mark.usefixtures("without_deepspeed")
def test_pairs_that_are_too_long_are_counted(base: Path, tmp_path: Path) -> None:
    pairs = toy_pairs(6)
    pairs[2] = dataclasses.replace(pairs[2], rejected=pairs[2].rejected * 30)
    settings = Reward(precision="float32", global_batch=1, max_length=200)
    trainer = alone(base, tmp_path, settings, pairs)
    task = PreferenceTask(settings, "", "", preferences(pairs), [], "")
    assert left_out(task, trainer) == 1
    trainer.train_dataset = trainer.train_dataset.select([])
    with pytest.raises(StageError, match="each of the 6 pairs is longer"):
        left_out(task, trainer)


@pytest.mark.usefixtures("without_deepspeed")
def test_the_whole_model_scores_as_the_adapter_did(base: Path, tmp_path: Path) -> None:
    settings = Reward(precision="float32", global_batch=4, lora={"r": 4})
    trainer = alone(base, tmp_path / "out", settings, toy_pairs(4))
    with torch.no_grad():
        for name, weight in trainer.model.named_parameters():
            if weight.requires_grad:
                weight.normal_(0, 0.3)
                assert "lora_" in name or "score" in name
    trainer.model.save_pretrained(tmp_path / "adapter")
    whole_reward(base, tmp_path / "adapter", tmp_path / "model")
    loaded = AutoModelForSequenceClassification.from_pretrained(tmp_path / "model").eval()
    assert not isinstance(loaded, PeftModel)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "model")
    chats = [chat(pair, pair.chosen) for pair in toy_pairs(5, seed=1)]
    wanted = scores(trainer.model.eval(), trainer.processing_class, chats)
    torch.testing.assert_close(scores(loaded, tokenizer, chats), wanted, atol=1e-4, rtol=1e-4)
    assert wanted.std() > 0.1
    together = tokenizer.apply_chat_template(chats, padding=True, return_tensors="pt")
    with torch.no_grad():  # the score of a padded row is still that of its last token
        torch.testing.assert_close(loaded(**together).logits[:, 0], wanted, atol=1e-4, rtol=1e-4)


@pytest.mark.usefixtures("without_deepspeed")
def test_without_lora_all_weights_are_trained(base: Path, tmp_path: Path) -> None:
    settings = Reward(precision="float32", global_batch=4, lora=False)
    trainer = alone(base, tmp_path, settings, toy_pairs(4))
    assert all(weight.requires_grad for weight in trainer.model.parameters())
    trainer.save_model(str(tmp_path / "model"))
    loaded = AutoModelForSequenceClassification.from_pretrained(tmp_path / "model")
    assert loaded.config.num_labels == 1
    assert loaded.config.pad_token_id == trainer.processing_class.pad_token_id


PROGRESS = ("loss", "accuracy", "learning_rate", "eval_loss", "eval_accuracy")

CONFIG = """
run = "r"
brand = "yuansu"
storage = "{folder}"
stages = [{{ job = "collect" }}, {{ job = "reward" }}]
[base]
model = "{base}"
[collect]
sources = [{{ at = "{folder}/own.jsonl", licence = "CC0-1.0" }}]
dev_share = 0.2
[reward]
optimizer = "muon"
learning_rate = 0.02
global_batch = 16
epochs = 3
precision = "float32"
[reward.lora]
r = 8
"""


@pytest.mark.usefixtures("cluster")
def test_the_job_learns_on_two_workers(base: Path, tmp_path: Path) -> None:
    (tmp_path / "own.jsonl").write_text(own_rows(toy_pairs(320)), encoding="utf-8")
    config = tmp_path / "a.toml"
    config.write_text(CONFIG.format(folder=tmp_path, base=base), encoding="utf-8")
    known = discover()
    stages: list[Stage] = stages_of(load([str(config)], known), known)
    for stage in stages:
        assert stage.job.check
        stage.job.check(stage)
        record = run_stage(stage, "")
    assert record["counts"]["notes"]["world"] == 2
    figures = stages[1].folder.read_json("heldout.json")
    assert figures["pairs"] > 30
    assert figures["accuracy"] > 0.9
    assert figures["length_only"] < 0.7
    assert set(figures["kinds"]) == {"weak", "false"}
    folder = stages[1].folder.local_path()
    model = AutoModelForSequenceClassification.from_pretrained(folder / "model").eval()
    tokenizer = AutoTokenizer.from_pretrained(folder / "model")
    unseen = toy_pairs(50, seed=9)
    better, worse = (
        scores(model, tokenizer, [chat(pair, getattr(pair, side)) for pair in unseen])
        for side in ("chosen", "rejected")
    )
    assert (better > worse).float().mean() > 0.9
    assert not (folder / "start").exists()
    curve = json.loads((folder / "curve.json").read_text())
    assert curve[-1]["step"] == record["counts"]["notes"]["step"]
    report, shown = report_callback("r/reward"), dict[str, float]()
    for entry in curve:
        report.on_log(None, SimpleNamespace(is_world_process_zero=False), None, logs=entry)
        shown |= {name: entry[name] for name in PROGRESS if name in entry}
    assert report.last == shown
    assert shown.keys() == set(PROGRESS)


def pair(margin: float, kind: str = "weak", chosen: float = 0.0, longer: int = 1) -> Scored:
    return Scored(kind, "paid_ad_fab", chosen, chosen - margin, longer)


def test_heldout_figures_by_hand() -> None:
    sure = math.log(3)  # a margin of which one is sure by three quarters
    pairs = [
        pair(sure, chosen=1.0, longer=5),
        pair(sure, "false", chosen=3.0, longer=-1),
        pair(-sure, "false", chosen=2.0, longer=-2),
        pair(sure, chosen=2.0, longer=-4),
    ]
    found = heldout(pairs)
    assert found["accuracy"] == 0.75
    assert {name: kind["accuracy"] for name, kind in found["kinds"].items()} == {
        "false": 0.5, "weak": 1.0,
    }  # fmt: skip
    assert found["content_types"]["paid_ad_fab"]["pairs"] == 4
    assert found["length_only"] == 0.75  # the shorter text is right in three of four
    [only] = found["calibration"]["bins"]
    assert (only["predicted"], only["observed"]) == (pytest.approx(0.75), 0.75)
    assert found["calibration"]["expected_error"] == pytest.approx(0)
    assert found["margin"]["mean"] == pytest.approx(sure / 2)
    assert sum(found["margin"]["histogram"]["counts"]) == 4
    # Midpoints: 1 - s/2, 3 - s/2, 2 + s/2 and 2 - s/2, where s / 2 is 0.55.
    assert found["centre"] == pytest.approx(2.5 - sure / 2)


def test_a_model_that_is_too_sure_has_an_error() -> None:
    found = heldout([pair(10.0), pair(10.0), pair(-10.0), pair(-10.0)])
    assert found["calibration"]["expected_error"] == pytest.approx(0.5, abs=1e-3)
    assert heldout([])["pairs"] == 0
