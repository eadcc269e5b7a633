"""What a report of many briefs is made from: 171 briefs, five models, every pair of them."""

import itertools
import random

from jobs.domain.brand import load_guide
from jobs.domain.rows import Answer, Comparison, Verdict
from jobs.reporting.page.findings import Findings, Judged
from jobs.reporting.scores import scoreboard
from tests.finished_run import brief, whole_board

KINDS = (
    *("ecommerce_long_form", "paid_ad_bab", "paid_ad_cta", "paid_ad_fab", "paid_ad_pas"),
    *("social_media_educational", "social_media_myth_busting", "social_media_review"),
    "social_media_storytelling",
)
MODELS = ("golden", "sft", "grpo", "base_guide", "base")


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
    return Findings("large", load_guide("yuansu"), judged)


def wording(draw: random.Random, length: int) -> str:
    """So many characters of Chinese."""
    return "".join(chr(draw.randrange(0x4E00, 0x5E00)) for _ in range(length))
