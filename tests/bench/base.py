"""Is the embedded base a fair opponent? The judge scores it on invented brands held out for that.

python -m tests.bench.base [configs/demo.toml]: needs a finished run of that config. The ratio is
the mean score over the 3.5 that a fair opponent has to reach.
"""

import json
import sys
from collections import defaultdict
from statistics import fmean

from jobs.domain.prompts import content_type, render_brief, render_judgement
from jobs.domain.verdicts import parse_verdict
from jobs.engines.writer import Engine, Writer
from jobs.llm.offline import judge
from jobs.runtime.command import discover, load, stages_of
from jobs.training.corpus import held_out_briefs

WANTED = 3.5
BRIEFS = 135
SEED = 2026


def main() -> None:
    """Answer, judge, print the means by content type and the result."""
    import pyarrow as pa

    config = load([sys.argv[1] if len(sys.argv) > 1 else "configs/demo.toml"], discover())
    stage = stages_of(config, discover(), "answer")[0]
    settings = config.answer  # type: ignore[attr-defined]
    base = stage.input("pretrain") / "model"
    sampling = {
        "max_tokens": settings.max_tokens,
        "temperature": settings.temperature,
        **settings.vllm,
    }
    pairs = held_out_briefs(BRIEFS, SEED)
    chats = [json.dumps(render_brief(*pair), ensure_ascii=False) for pair in pairs]
    writer = Writer(
        Engine(base.address, stage.profile.engine, settings.seed), sampling, "bench/base"
    )
    texts = writer(pa.table({"messages": chats}))["text"].to_pylist()
    scores: dict[str, list[float]] = defaultdict(list)
    for (brief, guide), text in zip(pairs, texts, strict=True):
        metric = content_type(brief.content_type, brief.language).family
        messages = render_judgement(metric, brief, guide, text)
        score, _ = parse_verdict(judge.reply({"messages": messages}), (1.0, 5.0))
        scores[brief.content_type].append(score)
    for kind, found in sorted(scores.items()):
        print(f"{kind:<28}{fmean(found):.2f}  n {len(found)}")
    mean = fmean(score for found in scores.values() for score in found)
    ratio = round(mean / WANTED, 3)
    print(json.dumps({"name": "base", "ratio": ratio, "ok": ratio >= 1, "mean": round(mean, 2)}))


if __name__ == "__main__":
    main()
