"""What a report of many briefs is made from: 171 briefs, five models, every pair of them, GRPO."""

import itertools
import json
import random
from typing import Any

from jobs.domain.brand import load_guide
from jobs.domain.rows import Answer, Brief, Comparison, Draft, Negative, Rollout, Verdict
from jobs.reporting.page.findings import Findings, Judged, Learned, Policy, Written
from jobs.reporting.scores import scoreboard
from tests.finished_learning import policy_log
from tests.finished_run import brief, whole_board

KINDS = (
    *("ecommerce_long_form", "paid_ad_bab", "paid_ad_cta", "paid_ad_fab", "paid_ad_pas"),
    *("social_media_educational", "social_media_myth_busting", "social_media_review"),
    "social_media_storytelling",
)
MODELS = ("golden", "sft", "grpo", "base_guide", "base")
STEPS = 500  # of GRPO


def large_findings() -> Findings:
    """Texts as long as real ones, no two alike; scores from 1.0 to 5.0."""
    draw = random.Random(0)
    answers, verdicts, comparisons = [], [], []
    for number in range(171):
        told = brief(f"ys-{number // 9}", KINDS[number % 9])
        name = told["brief_id"]
        shared = {key: told[key] for key in ("brief_id", "product_id", "new_hero", "content_type")}
        said = {"judge": "judge", "journal_key": "0" * 16}
        for model in MODELS:
            mine = {"answer_id": f"{name}@{model}", "model": model}
            end = {"finish_reason": "reference" if model == "golden" else "stop"}
            end |= {"text": wording(draw, draw.randint(80, 450))}
            answers.append(Answer(**told, **mine, **end, prompt_tokens=9, completion_tokens=9))
            for metric in ("social_media", "truth", "brand_voice"):
                found = {"score": round(draw.uniform(1, 5), 1), "reason": wording(draw, 60)}
                verdicts.append(Verdict(**shared, **mine, **said, **found, metric=metric))
        for first, second in itertools.permutations(MODELS, 2):
            pair = {"comparison_id": f"{name}@{first}>{second}#pair", "metric": "pair"}
            pair |= {"first": first, "second": second, "winner": "first"}
            comparisons.append(Comparison(**shared, **pair, **said, reason=wording(draw, 60)))
    board = whole_board(True, 0.0, full=True) | scoreboard(verdicts, MODELS)
    judged = Judged(board, answers, verdicts, comparisons=comparisons)
    learned = Learned(policies={"grpo": policy(draw)})
    curves = {"grpo": [policy_log(step) for step in range(1, STEPS + 1)]}
    guide = load_guide("yuansu")
    return Findings("large", guide, judged, curves=curves, learned=learned, written=written(draw))


def policy(draw: random.Random) -> Policy:
    """Alarms at every step; 32 briefs with 16 samples each at the first step and at the last."""
    alarms = {step: ["length_drift: 1.6; wanted 0.6 to 1.5"] * 2 for step in range(1, STEPS + 1)}
    rows = [
        rollout(draw, f"ys-{number}", step)
        for step in (1, STEPS)
        for number in range(32)
        for _ in range(16)
    ]
    return Policy(alarms, rows)


def written(draw: random.Random) -> Written:
    """24 train briefs, each with two drafts and a negative, sampled 8 times at each of 40 steps."""
    told = [brief(f"ys-{number}", "ecommerce_long_form", "train") for number in range(24)]
    drafts, negatives, rollouts = [], [], []
    for one in told:
        for at in range(2):
            name = {"draft_id": f"{one['brief_id']}#m#{at}", "text": wording(draw, 450)}
            drafts.append(Draft(**one, **name, sample=at, model="m", journal_key="0" * 16))
        bad: dict[str, Any] = {**name, "kind": "weak", "model": "m", "journal_key": "0" * 16}
        negatives.append(Negative(**one, **bad, negative_id=f"{name['draft_id']}!weak"))
        rollouts += [
            rollout(draw, one["product_id"], step) for step in range(1, 41) for _ in range(8)
        ]
    return Written([Brief(**one) for one in told], drafts, negatives=negatives, rollouts=rollouts)


def rollout(draw: random.Random, product: str, step: int) -> Rollout:
    """A sample as long as the longest copy, with eight rewards."""
    told = brief(product, "ecommerce_long_form", "train")
    rewards = json.dumps({f"component_{number}": draw.random() for number in range(8)})
    return Rollout(
        **told, rollout_id=f"{told['brief_id']}@{step}/{draw.random()}", step=step,
        version=step - 1, text=wording(draw, 450), finish_reason="stop", tokens=300,
        rewards=rewards, advantage=draw.gauss(0, 1),
    )  # fmt: skip


def wording(draw: random.Random, length: int) -> str:
    """So many characters of Chinese."""
    return "".join(chr(draw.randrange(0x4E00, 0x5E00)) for _ in range(length))
