"""What degrade, pair, reward, dpo and grpo would leave of a small run, without running them."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from jobs.domain.balance import Lengths, clues
from jobs.domain.rows import Dropped, Failed, Negative, Pair, Rollout
from jobs.runtime.stage import Stage
from jobs.runtime.tables import write_rows
from jobs.training.heldout import Scored, heldout

SURPLUS = "比原文更长的一段" * 3
REWARDED = ("names_product", "reward_model")
ALARM = "length_drift: 1.6 times the <b>length</b>; wanted 0.6 to 1.5"
STEPS, SAMPLES = 3, 4
Brief = Mapping[str, Any]  # the columns of the brief that all rows are of


def degrade(stage: Stage, shared: Brief, hostile: str) -> dict[str, Any]:
    """Three negatives of one copy, and one that could not be had."""
    draft = f"{shared['brief_id']}#m#0"
    texts = {"weak": hostile, "exaggerated": SURPLUS, "false": "假"}
    rows = [
        Negative(
            **shared, negative_id=f"{draft}!{kind}", draft_id=draft, kind=kind, text=text,
            model="m", journal_key="k",
        )
        for kind, text in texts.items()
    ]  # fmt: skip
    write_rows(rows, Negative, stage.folder)
    lost = Failed(f"{shared['brief_id']}#m#3!weak", "degrade", "http_500", "it wrote <nothing>")
    write_rows([lost], Failed, stage.folder)
    notes = {"kinds": {"weak": 6, "exaggerated": 2, "false": 2}}
    return {"expected": 10, "out": 9, "failed": 1, "notes": notes}


def pair(stage: Stage, shared: Brief, hostile: str) -> dict[str, Any]:
    """One negative in a pair, one dropped, one that the rater could not be asked about."""
    draft = f"{shared['brief_id']}#m#0"
    one = Pair(
        pair_id="p", brief_id=shared["brief_id"], split="train", language="zh", prompt="[]",
        chosen="净", rejected=hostile, kind="weak", source="", licence="",
    )  # fmt: skip
    write_rows([one], Pair, stage.folder)
    gone = Dropped(
        **shared, draft_id=f"{draft}!exaggerated", text=SURPLUS, reason="length_surplus", passes=""
    )
    write_rows([gone], Dropped, stage.folder)
    lost = Failed(f"{draft}!false", "pair", "no_verdict", "rater said <that>")
    write_rows([lost], Failed, stage.folder)
    lengths = [Lengths(f"w{n}", "weak", 100, 110) for n in range(4)]
    lengths.append(Lengths("f", "false", 100, 80))
    figures = {
        "kinds": {"weak": 4, "false": 1},
        "reasons": {"exaggerated": {"length_surplus": 2}, "weak": {"defect_missing": 1}},
        "lengths": clues(lengths),
    }
    stage.folder.write_json("pairs.json", figures)
    return {"expected": 9, "out": 5, "dropped": 3, "failed": 1, "notes": figures}


def reward(stage: Stage, shared: Brief, hostile: str) -> dict[str, Any]:
    """A log, and what the model says of four pairs: one weak text of two gets by."""
    log = [
        {"loss": 0.69, "accuracy": 0.5, "margin": 0.0, "min_reward": -1.0, "step": 5},
        {"loss": 0.3, "accuracy": 0.9, "margin": 2.0, "min_reward": -4.0, "step": 10},
        {"eval_loss": 0.4, "eval_accuracy": 0.75, "eval_margin": 1.25, "step": 10},
    ]
    stage.folder.write_json("curve.json", log)
    told = [("weak", 2.0, -3), ("weak", -1.0, 1), ("false", 1.0, 2), ("false", 3.0, -4)]
    pairs = [Scored(kind, shared["content_type"], gap, 0.0, longer) for kind, gap, longer in told]
    stage.folder.write_json("heldout.json", heldout(pairs))
    return {}


def dpo(stage: Stage, shared: Brief, hostile: str) -> dict[str, Any]:
    """A log with TRL's names."""
    names = ("loss", "rewards/accuracies", "rewards/margins", "rewards/chosen", "rewards/rejected")
    log = [
        {**{name: place + number / 10 for place, name in enumerate(names)}, "step": number}
        for number in (1, 2, 3)
    ]
    stage.folder.write_json("curve.json", log)
    return {}


def grpo(stage: Stage, shared: Brief, hostile: str) -> dict[str, Any]:
    """A log with TRL's names, two briefs' samples at each of three steps, an alarm at one."""
    stage.folder.write_json("curve.json", [policy_log(step) for step in range(1, STEPS + 1)])
    (stage.folder / "alarms").write_json("00000002.json", [ALARM])
    write_rows(rollouts(shared, hostile), Rollout, stage.folder)
    notes = {"step": STEPS, "chosen_step": 2, "dev_kept": 0.75, "steps_with_alarms": 1}
    return {"expected": 24, "out": 24, "notes": notes}


def policy_log(step: int) -> dict[str, float]:
    """One step's figures: some that are drawn, and more of those that are not."""
    shown = {"reward": 1.5, "kl": 0.01, "entropy": 0.7, "completions/mean_length": 90.0}
    shown |= {"loss": 0.1, "sync/nats": 0.007, "step_time": 8.0, "seconds/rollout": 2.0}
    shown |= {f"rewards/{name}/mean": 0.5 for name in REWARDED}
    noise = {f"rewards/{name}/std": 0.4 for name in REWARDED}
    noise |= {"reward_std": 1.3, "clip_ratio/region_mean": 0.0, "completions/max_length": 300.0}
    noise |= {"completions/mean_terminated_length": 80.0, "num_tokens": 9.0, "grad_norm": 1.0}
    noise |= {"sampling/importance_sampling_ratio/min": 0.1, "learning_rate": 0.1}
    return {"step": step, "epoch": 0.1, **{key: value * step for key, value in noise.items()}} | {
        key: value * (0.8 + step / 10) for key, value in shown.items()
    }


def rollouts(shared: Brief, hostile: str) -> list[Rollout]:
    """Of each step and brief as many samples, the better the higher their number.

    They were written one step ahead: from the second on, by weights that lack a step.
    """
    others = {**shared, "brief_id": "ys-8/paid_ad_bab", "product_id": "ys-8"}
    return [
        Rollout(
            **brief, rollout_id=f"{brief['brief_id']}@{step}/{number}", step=step,
            version=max(step - 2, 0), text=f"{hostile} 第{step}步{number}",
            finish_reason="length" if number == 2 else "stop", tokens=30 + number,
            advantage=round(0.5 * (number - 1.5), 2),
            rewards=json.dumps({"names_product": 0.25 * number, "reward_model": None}),
        )
        for step in range(1, STEPS + 1)
        for brief in (shared, others)
        for number in range(SAMPLES)
    ]  # fmt: skip


LEARNED: dict[str, Callable[[Stage, Brief, str], dict[str, Any]]] = {
    "degrade": degrade, "pair": pair, "reward": reward, "dpo": dpo, "grpo": grpo,
}  # fmt: skip
