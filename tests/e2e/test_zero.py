"""ZeRO-2 and ZeRO-3 on two workers learn what ZeRO-0 does, and save what they learned.

Some trainings a stage (by SFT: LoRA, all weights, LoRA by Muon; DPO; a reward model; GRPO), one
after the other in the same two workers, whose libraries take longest to load.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import ray
import torch
from peft import PeftModel
from ray.train import Checkpoint
from safetensors.torch import load_file
from tensorboardX.proto.event_pb2 import Event
from transformers import AutoModelForCausalLM, AutoTokenizer, Qwen2Config, Qwen2ForCausalLM

from jobs.runtime.cluster import connect
from jobs.runtime.profile import ClusterShape, Profile, TrainShape
from jobs.runtime.storage import Folder
from jobs.runtime.trainer import Fit, fit
from jobs.training.refusals import check_tuning
from jobs.training.results import ADAPTER_FILES, publish_training
from jobs.training.sft import Sft, SftTask, sft_loop
from jobs.training.tokenizer import learn_tokenizer
from tests.tiny_tasks import BASE, Policy

STEPS, KINDS = 4, ("lora", "whole", "muon")
PREFERENCES = {  # the trainings after those, and what TRL logs of them
    "dpo": ("loss", "rewards/margins"),
    "reward": ("loss", "margin"),
    "grpo": ("loss", "reward", "kl"),
}
BATCH = 4
VARIABLES = {"WANDB_API_KEY": "canary-7d20c1", "MLFLOW_TRACKING_URI": "canary-95be1f"}
WORDS = ["温和修护", "清爽控油", "科学配方", "植物精华", "一夜焕亮", "长效保湿"]


def row(number: int) -> dict[str, Any]:
    copy = "，".join(WORDS[(number + shift) % 6] for shift in range(1 + number % 4))
    return {
        "prompt": [{"role": "user", "content": f"写一篇广告：{WORDS[number % 6]}"}],
        "completion": [{"role": "assistant", "content": copy + "。"}],
    }


TRAIN, DEV = [row(number) for number in range(STEPS * BATCH)], [row(3), row(11)]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base with tied embeddings, as small Qwen models have them."""
    folder = tmp_path_factory.mktemp("model")
    tokenizer = learn_tokenizer(["写一篇广告：，。", *WORDS] * 20, 300, folder)
    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=2, num_key_value_heads=2, tie_word_embeddings=True,
    )  # fmt: skip
    Qwen2ForCausalLM(config).save_pretrained(folder)
    return folder


def settings(kind: str, epochs: int = 1, report_to: str = "none") -> Sft:
    return Sft(
        learning_rate=0.03, optimizer="muon" if kind == "muon" else "adamw", global_batch=BATCH,
        precision="float32", save_every_steps=STEPS, epochs=epochs, dev_rows=len(DEV),
        lora=False if kind == "whole" else {"r": 4, "lora_alpha": 8, "lora_dropout": 0.0},
        trl={"logging_steps": 1, "warmup_steps": 0, "lr_scheduler_type": "constant",
             "report_to": report_to},
    )  # fmt: skip


def several(config: dict[str, Any]) -> None:
    """The trainings of a list one after the other; one that has a folder goes on from its last."""
    told = Path(f"{config['task'][0][1].model}-told-{ray.train.get_context().get_world_rank()}")
    told.write_text(json.dumps({name: os.environ.get(name) for name in VARIABLES}))
    for loop, task, folder in config["task"]:
        torch.distributed.barrier()
        saved = checkpoints(folder)[-1].checkpoint if folder else None
        ray.train.get_checkpoint = lambda saved=saved: saved
        loop({**config, "task": task})


def checkpoints(folder: Path) -> list[Fit]:
    """What each training of `several` left, in their order."""
    found = sorted((folder / "checkpoints" / "train").glob("checkpoint_*"))
    return [Fit({}, Checkpoint.from_directory(one)) for one in found if one.is_dir()]


def sft(model: Path, chosen: Sft) -> SftTask:
    return SftTask(chosen, str(model), TRAIN, DEV, "zero")


def left(trained: dict[int, Path], stage: int, kind: str) -> Fit:
    """What the training of a kind left; of GRPO in two halves, the second."""
    half = ["half"] if stage == 3 else []
    return checkpoints(trained[stage])[[*KINDS, "dpo", "reward", *half, "grpo"].index(kind)]


@pytest.fixture(scope="module")
def trained(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[int, Path]]:
    """By ZeRO stage: a folder with the checkpoints of all trainings, in order."""
    assert not ray.is_initialized()
    connect(Profile(ray=ClusterShape(logical_cpus=4, object_store_mb=100, worker_logs=False)))
    policy = Policy(tmp_path_factory.mktemp("policy"))
    os.environ |= VARIABLES  # Ray's processes, which are there already, do not inherit them
    folders = {}
    for stage in (0, 2, 3):
        shape = TrainShape(
            workers=2, batch_per_device=BATCH // 2, zero_stage=stage,
            gradient_checkpointing=stage == 3,
        )  # fmt: skip
        folders[stage] = tmp_path_factory.mktemp(f"zero{stage}")
        trainings: list[tuple[Any, Any, Path | None]] = [
            (sft_loop, sft(model, settings(kind)), None) for kind in KINDS
        ]
        trainings += policy.trainings(folders[stage], STEPS, resumed=stage == 3)
        if stage == 2:  # once more with its curve on TensorBoard, and on from there
            for epochs, on in ((1, None), (2, folders[stage])):
                task = sft(model, settings("lora", epochs, "tensorboard"))
                trainings.append((sft_loop, task, on))
        for _, task, _ in trainings:
            check_tuning(task.settings, shape)
        checked = Folder(str(folders[stage] / "checkpoints"))
        fit(several, trainings, shape, folder=checked, name="train")
    assert policy.engine_is_clean()
    yield folders
    for name in VARIABLES:
        del os.environ[name]
    ray.shutdown()


def curve(fitted: Fit, name: str) -> list[float]:
    with fitted.checkpoint.as_directory() as folder:
        state = json.loads((Path(folder) / "trainer_state.json").read_text())
    return [entry[name] for entry in state["log_history"] if name in entry]


@pytest.mark.parametrize("stage", [2, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_parted_training_learns_what_whole_training_does(
    trained: dict[int, Path], stage: int, kind: str
) -> None:
    number = KINDS.index(kind)
    whole, parted = (checkpoints(trained[one])[number] for one in (0, stage))
    expected = curve(whole, "loss")
    assert len(expected) == STEPS
    assert max(expected) - min(expected) > 0.1, "nothing was learned, so nothing is compared"
    assert curve(parted, "loss") == pytest.approx(expected, rel=1e-3)
    assert curve(parted, "eval_loss") == pytest.approx(curve(whole, "eval_loss"), rel=1e-3)


def dev_loss(model: Any, tokenizer: Any) -> float:
    """Mean cross-entropy of the completions' tokens, one row at a time."""
    total, count = 0.0, 0
    for one in DEV:
        chat = [*one["prompt"], *one["completion"]]
        start = len(tokenizer.apply_chat_template(
            one["prompt"], add_generation_prompt=True, return_dict=False
        ))  # fmt: skip
        ids = torch.tensor(tokenizer.apply_chat_template(chat, return_dict=False))
        with torch.no_grad():
            logits = model(ids[None]).logits[0]
        total += float(
            torch.nn.functional.cross_entropy(logits[start - 1 : -1], ids[start:], reduction="sum")
        )
        count += len(ids) - start
    return total / count


@pytest.mark.parametrize("stage", [2, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_what_was_saved_is_what_was_trained(
    model: Path, trained: dict[int, Path], tmp_path: Path, stage: int, kind: str
) -> None:
    fitted = checkpoints(trained[stage])[KINDS.index(kind)]
    publish_training(fitted, Folder(str(tmp_path)), whole=kind == "whole")
    source = tmp_path / "model" if kind == "whole" else model
    loaded = AutoModelForCausalLM.from_pretrained(source, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(source)
    if kind != "whole":
        loaded = PeftModel.from_pretrained(loaded, tmp_path / "adapter")
    loss = dev_loss(loaded.eval(), tokenizer)
    assert loss == pytest.approx(curve(fitted, "eval_loss")[-1], rel=1e-3)
    untrained = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
    assert dev_loss(untrained, tokenizer) - loss > 0.05


@pytest.mark.parametrize("stage", [2, 3])
@pytest.mark.parametrize("kind", PREFERENCES)
def test_parted_training_from_preferences_is_as_whole_training(
    trained: dict[int, Path], stage: int, kind: str
) -> None:
    whole, parted = (left(trained, one, kind) for one in (0, stage))
    for name in PREFERENCES[kind]:
        expected = curve(whole, name)
        assert len(expected) == STEPS
        assert max(expected) - min(expected) > 1e-3, f"{name} stands still: nothing is compared"
        assert curve(parted, name) == pytest.approx(expected, rel=1e-3, abs=1e-4)
    expected_weights, found = weights(whole), weights(parted)
    assert found.shape == expected_weights.shape
    assert float((found - expected_weights).norm() / expected_weights.norm()) < 1e-3


def weights(fitted: Fit) -> torch.Tensor:
    """All that a training left in its adapter, one after the other."""
    with fitted.checkpoint.as_directory() as folder:
        tensors = load_file(Path(folder) / ADAPTER_FILES[1])
    return torch.cat([tensors[name].flatten() for name in sorted(tensors)])


def test_grpo_goes_on_where_its_checkpoint_is(trained: dict[int, Path]) -> None:
    sampled = {
        stage: [int(path.stem) for path in sorted((trained[stage] / "grpo/rollouts").iterdir())]
        for stage in (2, 3)
    }
    assert sampled == {2: list(range(1, STEPS + 1)), 3: list(range(STEPS // 2 + 1, STEPS + 1))}


@pytest.mark.parametrize("stage", [0, 2, 3])
def test_a_learners_base_stays_as_it_is(trained: dict[int, Path], stage: int) -> None:
    for rank in (0, 1):
        before, after = json.loads((trained[stage] / "grpo" / BASE.format(rank=rank)).read_text())
        assert before == after


def events(folder: Path, name: str) -> list[tuple[int, float]]:
    """Steps and values of a scalar in TensorBoard's files: records of length, CRC, event, CRC."""
    found = []
    for path in sorted(folder.iterdir()):
        content, place = path.read_bytes(), 0
        while place < len(content):
            length = int.from_bytes(content[place : place + 8], "little")
            event = Event.FromString(content[place + 12 : place + 12 + length])
            found += [
                (event.step, value.simple_value)
                for value in event.summary.value
                if value.tag == name
            ]
            place += 8 + 4 + length + 4
    return found


def test_tensorboard_has_the_whole_curve_after_a_resume(
    trained: dict[int, Path], tmp_path: Path
) -> None:
    history = publish_training(checkpoints(trained[2])[-1], Folder(str(tmp_path)), whole=False)
    expected = [(entry["step"], entry["loss"]) for entry in history if "loss" in entry]
    assert [step for step, _ in expected] == list(range(1, 2 * STEPS + 1))
    found = sorted(events(tmp_path / "tensorboard", "train/loss"))
    assert [step for step, _ in found] == [step for step, _ in expected]
    assert [loss for _, loss in found] == pytest.approx([loss for _, loss in expected])


def test_what_trackers_are_told_reaches_every_worker_and_no_log(
    model: Path, trained: dict[int, Path]
) -> None:
    told = [json.loads(Path(f"{model}-told-{rank}").read_text()) for rank in (0, 1)]
    assert told == [VARIABLES, VARIABLES]
    session = Path(ray._private.worker.global_worker.node.get_session_dir_path())
    files = [path for path in session.rglob("*") if path.is_file()]
    assert [path for path in files if b"OMP_NUM_THREADS" in path.read_bytes()]  # of a runtime env
    for value in VARIABLES.values():
        assert not [path for path in files if value.encode() in path.read_bytes()]
