"""DPO goes on from the SFT adapter and measures against it; on a CPU, too, by TRL's own losses."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import DPOTrainer
from trl.trainer.utils import use_adapter

from jobs.domain.errors import SettingsError, StageError
from jobs.runtime.command import discover, load, stages_of
from jobs.runtime.profile import TrainShape
from jobs.runtime.stage import Stage
from jobs.training.adapters import check_reference
from jobs.training.dpo import (
    Dpo,
    check_losses,
    dpo_trainer,
    known_losses,
    trainer_class,
)
from jobs.training.preference import PreferenceTask, preferences
from tests.tiny_models import tiny_adapter, tiny_model, toy_pairs

SHAPE = TrainShape(workers=1, batch_per_device=4, zero_stage=0)


@pytest.fixture(autouse=True)
def without_deepspeed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.training.deepspeed.deepspeed_config", lambda *_: None)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def adapter(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_adapter(base, tmp_path_factory.mktemp("adapter"))


def trainer_of(base: Path, folder: Path, adapter: Path | str = "", **settings: Any) -> Any:
    """One process, without DeepSpeed, on four pairs."""
    given = Dpo(precision="float32", global_batch=4, trl={"warmup_steps": 0}, **settings)
    task = PreferenceTask(given, str(base), str(adapter), preferences(toy_pairs(4)), [], "r/dpo")
    return dpo_trainer(task, SHAPE, str(folder), [])


def batch_of(trainer: Any) -> dict[str, Any]:
    [batch] = trainer.get_train_dataloader()
    return dict(batch)


def loss_of(trainer: Any, batch: dict[str, Any]) -> float:
    trainer.model.eval()
    return float(trainer.compute_loss(trainer.model, batch).detach())


def log_probs(model: Any, batch: dict[str, Any]) -> torch.Tensor:
    """Of each row's completion: plain transformers on one row without padding at a time."""
    found = []
    rows = zip(batch["input_ids"], batch["attention_mask"], batch["completion_mask"], strict=True)
    for ids, mask, completion in rows:
        length = int(mask.sum())
        with torch.no_grad():
            logits = model(input_ids=ids[None, :length]).logits[0].log_softmax(-1)
        found.append(
            sum(logits[at - 1, ids[at]] for at in range(1, length) if completion[at])
        )  # fmt: skip
    return torch.stack(found)


def test_the_reference_is_the_sft_adapter(base: Path, adapter: Path, tmp_path: Path) -> None:
    trainer = trainer_of(base, tmp_path, adapter)
    batch, model = batch_of(trainer), trainer.model.eval()
    policy, reference, bare = log_probs(model, batch), None, None
    with use_adapter(model, "ref"):
        reference = log_probs(model, batch)
    with use_adapter(model, None):
        bare = log_probs(model, batch)
    plain = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), adapter).eval()
    torch.testing.assert_close(policy, log_probs(plain, batch))
    torch.testing.assert_close(reference, policy)
    # One row may hardly differ by chance; all together are far beyond what equality allows above.
    assert (bare - policy).abs().mean() > 0.1
    loss = loss_of(trainer, batch)
    assert loss == pytest.approx(math.log(2), abs=1e-5)  # all log-ratios are 0
    found = trainer.compute_ref_log_probs(model, batch)
    torch.testing.assert_close(torch.cat(found), reference, atol=1e-4, rtol=1e-4)


def test_the_reference_stays_and_the_policy_moves(
    base: Path, adapter: Path, tmp_path: Path
) -> None:
    trainer = trainer_of(base, tmp_path, adapter, learning_rate=0.01, epochs=20)
    batch = batch_of(trainer)
    before = log_probs(trainer.model.eval(), batch)
    first = loss_of(trainer, batch)
    trainer.train()
    model = trainer.model.eval()
    with use_adapter(model, "ref"):
        torch.testing.assert_close(log_probs(model, batch), before)
    assert loss_of(trainer, batch) < 0.5 * first
    model.save_pretrained(tmp_path / "saved")
    plain = PeftModel.from_pretrained(
        AutoModelForCausalLM.from_pretrained(base), tmp_path / "saved"
    ).eval()
    torch.testing.assert_close(log_probs(plain, batch), log_probs(model, batch))


def test_a_reference_that_is_the_bare_base_is_refused(
    base: Path, adapter: Path, tmp_path: Path
) -> None:
    trainer = trainer_of(base, tmp_path, adapter)
    with torch.no_grad():
        for name, weight in trainer.model.named_parameters():
            if ".ref." in name and "lora_B" in name:
                weight.zero_()
    with pytest.raises(StageError, match="reference"):
        check_reference(trainer.model)
    with pytest.raises(StageError, match="no adapter"):
        check_reference(AutoModelForCausalLM.from_pretrained(base))


def losses() -> list[Any]:
    """Each of TRL's losses, and what needs another figure or weight."""
    return [
        *({"loss_type": name, "label_smoothing": 0.1} for name in known_losses()),
        {"loss_type": ["sigmoid", "sft"], "loss_weights": [0.7, 0.3]},
        {"ld_alpha": 0.5},
    ]


@pytest.fixture(scope="module")
def both(base: Path, adapter: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    """Our trainer and TRL's own on the same batch, their policies moved off the reference."""
    patch = pytest.MonkeyPatch()
    patch.setattr("jobs.training.deepspeed.deepspeed_config", lambda *_: None)
    ours = trainer_of(base, tmp_path_factory.mktemp("ours"), adapter)
    patch.setattr("jobs.training.dpo.read_completions_alone", lambda model: None)
    theirs = trainer_of(base, tmp_path_factory.mktemp("theirs"), adapter)
    patch.undo()
    for trainer in (ours, theirs):
        torch.manual_seed(5)
        with torch.no_grad():
            for name, weight in trainer.model.named_parameters():
                if ".default." in name:
                    weight.add_(torch.randn_like(weight) * 0.05)
        trainer.model.eval()
    return ours, theirs


@pytest.mark.parametrize("trl", losses(), ids=str)
def test_the_loss_its_gradients_and_figures_are_trls(
    both: tuple[Any, Any], trl: dict[str, Any]
) -> None:
    found = []
    for trainer in both:
        trainer.loss_types = (
            [trl["loss_type"]]
            if isinstance(trl.get("loss_type"), str)
            else trl.get("loss_type", ["sigmoid"])
        )
        trainer.loss_weights = trl.get("loss_weights", [1.0] * len(trainer.loss_types))
        trainer.label_smoothing = trl.get("label_smoothing", 0.0)
        trainer.ld_alpha = trl.get("ld_alpha")
        trainer.model.zero_grad()
        trainer._metrics["eval"].clear()
        torch.manual_seed(0)
        loss = trainer.compute_loss(trainer.model, batch_of(trainer))
        loss.backward()
        gradient = torch.cat(
            [w.grad.flatten() for w in trainer.model.parameters() if w.requires_grad]
        )
        found.append((loss.detach(), gradient, dict(trainer._metrics["eval"])))
    (loss, gradient, figures), (wanted, their_gradient, their_figures) = found
    torch.testing.assert_close(loss, wanted, rtol=1e-4, atol=1e-5)
    largest = float(their_gradient.abs().max())
    assert largest > 1e-6
    torch.testing.assert_close(gradient, their_gradient, rtol=1e-3, atol=1e-4 * largest)
    assert figures.keys() == their_figures.keys() >= {"entropy", "mean_token_accuracy"}
    for name, values in figures.items():
        assert values == pytest.approx(their_figures[name], rel=1e-3, abs=1e-4), name


def test_what_our_head_does_not_know_is_left_to_trl() -> None:
    assert trainer_class(Dpo(trl={"use_weighting": True}), SHAPE) is DPOTrainer
    assert trainer_class(Dpo(), TrainShape(gpus_per_worker=1)) is DPOTrainer
    assert issubclass(trainer_class(Dpo(), SHAPE), DPOTrainer)


def test_all_weights_against_a_copy_of_the_model(base: Path, tmp_path: Path) -> None:
    trainer = trainer_of(base, tmp_path, lora=False, learning_rate=0.001, epochs=4)
    assert all(weight.requires_grad for weight in trainer.model.parameters())
    batch = batch_of(trainer)
    before = log_probs(trainer.model.eval(), batch)
    assert loss_of(trainer, batch) == pytest.approx(math.log(2), abs=1e-5)
    trainer.train()
    assert loss_of(trainer, batch) < 0.6
    torch.testing.assert_close(log_probs(trainer.ref_model, batch), before)
    assert AutoTokenizer.from_pretrained(base).pad_token_id == trainer.model.config.pad_token_id


def test_losses_that_trl_does_not_have_are_refused_with_its_list() -> None:
    assert {"sigmoid", "ipo", "hinge", "sigmoid_norm"} <= set(known_losses())
    with pytest.raises(SettingsError, match="'dpop'.*it has sigmoid, hinge, ipo"):
        check_losses(Dpo(trl={"loss_type": ["sigmoid", "dpop"]}))
    with pytest.raises(SettingsError, match="2 loss_weights for 1"):
        check_losses(Dpo(trl={"loss_weights": [1.0, 2.0]}))
    with pytest.raises(SettingsError, match="sync_ref_model"):
        check_losses(Dpo(trl={"sync_ref_model": True}))
    check_losses(Dpo(lora=False, trl={"loss_type": "apo_zero", "sync_ref_model": True}))


def stage_of(folder: Path, base: Path, lines: str) -> Stage:
    config = folder / "a.toml"
    config.write_text(
        f'run = "r"\nbrand = "yuansu"\nstorage = "{folder}"\n'
        'stages = [{ job = "pair" }, { job = "sft" }, { job = "dpo" }]\n'
        f'[base]\nmodel = "{base}"\n{lines}',
        encoding="utf-8",
    )
    known = discover()
    return stages_of(load([str(config)], known), known)[-1]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("[dpo.lora]\nr = 4\n", "the adapter of 'sft' is trained on as it is"),
        ("[sft]\nlora = false\n", "no later stage could part"),
        ('[dpo.trl]\nloss_type = "dpop"\n', "'dpop', which TRL does not have"),
    ],
)
def test_what_cannot_be_is_said_before_anything_starts(
    base: Path, tmp_path: Path, lines: str, said: str
) -> None:
    stage = stage_of(tmp_path, base, lines)
    assert stage.job.check
    with pytest.raises(SettingsError, match=said):
        stage.job.check(stage)


def test_a_config_that_can_be_passes(base: Path, tmp_path: Path) -> None:
    stage = stage_of(tmp_path, base, "[dpo]\nlora = false\n[sft]\nlora = false\n")
    assert stage.job.check
    stage.job.check(stage)
