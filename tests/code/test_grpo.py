"""GRPO's figures are TRL's own, and TRL does what our hooks count on."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset
from peft import PeftModel
from transformers import AutoModelForCausalLM

from jobs.engines.sums import Sums
from jobs.runtime.profile import TrainShape
from jobs.training.grpo.learner import neutral, trainer_class
from jobs.training.grpo.proof import Probe, SyncError, check
from jobs.training.heads import by_length
from jobs.training.tokenizer import load_tokenizer
from tests.tiny_models import tiny_adapter, tiny_model

GROUP = 4
PROMPT = [{"role": "user", "content": "写一篇广告"}]
# Samples of one brief: their rewards by two components, of which one is missing once.
RULE = [1.0, 0.5, 0.0, 0.5]
RATER = [0.9, None, 0.1, 0.2]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def adapter(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_adapter(base, tmp_path_factory.mktemp("adapter"))


class Steps:
    """Plays the vLLM client: counts the calls of TRL."""

    def __init__(self) -> None:
        self.syncs = 0

    def sync_weights(self) -> None:
        self.syncs += 1


def rollout(wrong_by: float, tokens: list[list[int]], exact: Any) -> Any:
    """Samples as an engine hands them over; their log-probabilities are wrong by so much."""

    def roll(prompts: list[Any], trainer: Any) -> dict[str, Any]:
        ids = trainer.processing_class.apply_chat_template(
            prompts[0], add_generation_prompt=True, tokenize=True, return_dict=False
        )
        logprobs = [[value - wrong_by for value in row] for row in exact(trainer, ids, tokens)]
        return {"prompt_ids": [ids] * len(prompts), "completion_ids": tokens, "logprobs": logprobs}

    return roll


def exact_logprobs(trainer: Any, prompt: list[int], rows: list[list[int]]) -> list[list[float]]:
    """Of each row, one at a time and without padding, by transformers' own forward."""
    found = []
    for row in rows:
        ids = torch.tensor([[*prompt, *row]])
        with torch.no_grad():
            logits = trainer.model(input_ids=ids).logits[0, len(prompt) - 1 : -1]
        scaled = (logits / trainer.temperature).log_softmax(-1)
        found.append(scaled.gather(1, torch.tensor(row)[:, None])[:, 0].tolist())
    return found


def made(
    kind: Any,
    policy: tuple[Path, Path],
    output: Path,
    *,
    wrong_by: float = 0.0,
    rater: Any = RATER,
    **trl: Any,
) -> Any:
    """A trainer on one brief whose samples are given; a policy is a base and an adapter."""
    from trl import GRPOConfig

    base, adapter = policy

    tokenizer = load_tokenizer(base)
    texts = ["温和修护。", "科学配方，温和修护，科学。", "广告", "写一篇温和的广告。"]
    tokens = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts]
    model = PeftModel.from_pretrained(
        AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32), adapter, is_trainable=True
    )

    def rule(completions: Any, **_: Any) -> list[float]:
        return RULE

    def rated(completions: Any, **_: Any) -> list[float | None]:
        return list(rater)

    arguments = GRPOConfig(
        output_dir=str(output), use_cpu=True, bf16=False, report_to=[], num_generations=GROUP,
        per_device_train_batch_size=GROUP, max_steps=1, temperature=0.7, save_strategy="no",
        multi_objective_aggregation="sum_then_normalize", reward_weights=[1.0, 2.0],
        shuffle_dataset=False, use_vllm=False, disable_tqdm=True, **trl,
    )  # fmt: skip
    trainer = kind(
        model=model,
        reward_funcs=[rule, rated],
        args=arguments,
        train_dataset=Dataset.from_list([{"prompt": PROMPT}]),
        processing_class=tokenizer,
        rollout_func=rollout(wrong_by, tokens, exact_logprobs),
    )
    trainer.use_vllm = True
    trainer.vllm_generation = Steps()
    trainer._last_loaded_step = -1
    return trainer


def loss_of(trainer: Any) -> tuple[float, dict[str, Any]]:
    """The loss of the one batch there is, and the batch."""
    trainer.model.train()
    trainer.current_gradient_accumulation_steps = 1
    batch = trainer._prepare_inputs([{"prompt": PROMPT} for _ in range(GROUP)])
    return float(trainer.compute_loss(trainer.model, batch)), batch


CPU = TrainShape(workers=1)


@pytest.mark.parametrize("loss", ["grpo", "dapo", "dr_grpo", "bnpo"])
def test_losses_are_trls_own(base: Path, adapter: Path, tmp_path: Path, loss: str) -> None:
    from trl import GRPOTrainer

    settings = {"beta": 0.1, "loss_type": loss, "rater": [0.9, 0.3, 0.1, 0.2]}
    theirs, batch = loss_of(made(GRPOTrainer, (base, adapter), tmp_path, **settings))
    ours, own = loss_of(made(trainer_class(CPU), (base, adapter), tmp_path, **settings))
    assert ours == pytest.approx(theirs, rel=1e-4, abs=1e-6)
    for name in ("advantages", "ref_per_token_logps", "importance_sampling_ratio"):
        torch.testing.assert_close(own[name], batch[name], rtol=1e-4, atol=1e-5)


def test_advantages_by_hand(base: Path, adapter: Path, tmp_path: Path) -> None:
    _, batch = loss_of(made(trainer_class(CPU), (base, adapter), tmp_path))
    # What is missing is where the mean of the others is: (0.9 + 0.1 + 0.2) / 3 = 0.4.
    sums = [a + 2 * (0.4 if b is None else b) for a, b in zip(RULE, RATER, strict=True)]
    middle = sum(sums) / len(sums)
    spread = math.sqrt(sum((value - middle) ** 2 for value in sums) / (len(sums) - 1))
    wanted = [(value - middle) / (spread + 1e-4) for value in sums]
    # TRL shuffles a step's samples; no two of these values are alike.
    assert sorted(batch["advantages"].tolist()) == pytest.approx(sorted(wanted), abs=1e-4)


def test_missing_rewards_move_nothing() -> None:
    nan = math.nan
    found = torch.tensor([[1.0, nan], [0.0, 0.4], [nan, nan], [1.0, nan], [0.5, nan], [0.5, nan]])
    wanted = torch.tensor([[1.0, 0.4], [0.0, 0.4], [nan, nan], [1.0, 0.4], [0.5, 0.4], [0.5, 0.4]])
    torch.testing.assert_close(neutral(found, 3), wanted, equal_nan=True)


def test_failing_calls_leave_the_order_of_samples_in_expectation() -> None:
    torch.manual_seed(0)
    rated = torch.tensor([0.1, 0.4, 0.6, 0.9])
    ruled = torch.full((4, 1), 0.5)  # so that no sample is without any value

    def advantages() -> Any:
        seen = rated.where(torch.rand(4) > 0.3, torch.tensor(math.nan))
        summed = neutral(torch.cat([ruled, seen[:, None]], dim=1), 4).sum(dim=1)
        return summed - summed.mean()

    mean = torch.stack([advantages() for _ in range(4000)]).mean(dim=0)
    centred = rated - rated.mean()
    shrunk = mean / centred
    assert float(shrunk.min()) == pytest.approx(float(shrunk.max()), rel=0.05)
    assert 0.6 < float(shrunk.mean()) < 0.8  # three calls in ten said nothing


def test_the_reference_is_the_adapter_not_the_base(
    base: Path, adapter: Path, tmp_path: Path
) -> None:
    trainer = made(trainer_class(CPU), (base, adapter), tmp_path, beta=0.1)
    _, batch = loss_of(trainer)
    torch.testing.assert_close(
        batch["ref_per_token_logps"], batch["old_per_token_logps"], rtol=1e-5, atol=1e-6
    )
    ids = torch.cat([batch["prompt_ids"], batch["completion_ids"]], dim=1)
    with torch.no_grad(), trainer.model.disable_adapter():
        logits = trainer.model(input_ids=ids).logits / trainer.temperature
    width = batch["completion_ids"].shape[1]
    alone = logits[:, -width - 1 : -1].log_softmax(-1)
    alone = alone.gather(2, batch["completion_ids"][:, :, None])[:, :, 0]
    apart = ((alone - batch["ref_per_token_logps"]) * batch["completion_mask"]).abs()
    assert float(apart.max()) > 0.1


def test_trl_syncs_before_each_steps_samples(base: Path, adapter: Path, tmp_path: Path) -> None:
    trainer = made(trainer_class(CPU), (base, adapter), tmp_path)
    loss_of(trainer)
    assert trainer.vllm_generation.syncs == 1
    loss_of(trainer)
    assert trainer.vllm_generation.syncs == 1, "the same step is not synced twice"
    trainer.state.global_step += 1
    trainer._buffered_inputs = None
    loss_of(trainer)
    assert trainer.vllm_generation.syncs == 2


def test_importance_correction_is_applied(base: Path, adapter: Path, tmp_path: Path) -> None:
    settings = {"vllm_importance_sampling_mode": "token_truncate"}
    exact, right = loss_of(made(trainer_class(CPU), (base, adapter), tmp_path, **settings))
    wrong_by = 0.2
    perturbed, wrong = loss_of(
        made(trainer_class(CPU), (base, adapter), tmp_path, wrong_by=wrong_by, **settings)
    )
    mask = right["completion_mask"].bool()
    torch.testing.assert_close(
        right["importance_sampling_ratio"][mask], torch.ones(int(mask.sum())), rtol=0, atol=1e-3
    )
    assert wrong["importance_sampling_ratio"][mask].tolist() == pytest.approx(
        [math.exp(wrong_by)] * int(mask.sum()), rel=1e-3
    )
    assert perturbed == pytest.approx(exact * math.exp(wrong_by), rel=1e-3)


@pytest.mark.parametrize("rows", [1, 3, 20])
def test_rows_of_like_lengths_say_what_all_say_together(base: Path, rows: int) -> None:
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32).eval()
    torch.manual_seed(rows)
    ids, mask = torch.randint(5, 50, (rows, 130)), torch.ones(rows, 130, dtype=torch.long)
    for row in range(rows):
        mask[row, : row * 3] = 0
        mask[row, 130 - row :] = 0
    with torch.no_grad():
        found = by_length(model.model, {"input_ids": ids, "attention_mask": mask})
        wanted = model.model(input_ids=ids, attention_mask=mask).last_hidden_state
    torch.testing.assert_close(found[mask.bool()], wanted[mask.bool()], rtol=1e-4, atol=1e-4)


def test_sums_are_pefts_own_merge(base: Path, adapter: Path, tmp_path: Path) -> None:
    folder = Sums(base, adapter).write(adapter, tmp_path / "sum")
    found = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).state_dict()
    plain = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    wanted = PeftModel.from_pretrained(plain, adapter).merge_and_unload().state_dict()
    assert found.keys() == wanted.keys()
    for name in wanted:
        torch.testing.assert_close(found[name], wanted[name], rtol=0, atol=1e-6)


POLICY = [[-1.0, -2.0], [-3.0]]
NEAR = [[-1.01, -2.0], [-3.0]]
FAR = [[-2.0, -3.0], [-5.0]]


@pytest.mark.parametrize(
    ("said", "others", "found"),
    [
        (NEAR, {"the base alone": FAR}, None),
        (POLICY, {"the base alone": POLICY}, None),  # an adapter that changes nothing yet
        (FAR, {"the base alone": FAR}, "engine 3 runs the base alone"),
        (FAR, {}, "engine 3 is 1.3333 nats a token"),
        (NEAR, {"the step before": NEAR}, None),  # as near as numbers are exact
        ([[-1.0, math.nan], [-3.0]], {}, "engine 3 is nan"),
        ([[-1.2, -2.2], [-3.2]], {"the step before": [[-1.3, -2.3], [-3.3]]}, "the step before"),
    ],
)
def test_proof(said: Any, others: Any, found: str | None) -> None:
    if found is None:
        assert check("engine 3", said, Probe(POLICY, others), 0.05) <= 0.05
        return
    with pytest.raises(SyncError, match=found):
        check("engine 3", said, Probe(POLICY, others), 0.05)
