"""Do `jobs.judge` and DeepEval's GEval keep up with `jobs.generate` on the same server?

python -m tests.bench.judging [--rows 10000] [--turns 3]

One provider, 200 ms a reply, and the three jobs one after another, each in its own run folder and
with an empty journal; the order turns round. A rate is rows per second of the whole stage, tables
read and written; beside it stands that of the steady state by the provider's clock. The ratio is
the median of judge's rate over that of generate in the same turn; 0.9 is wanted. GEval's stands
apart: it writes each prompt and imports deepeval in every actor (4 s of CPU).
"""

import argparse
import json
import shutil
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from statistics import median
from typing import Any

from jobs.domain.brand import load_guide
from jobs.domain.rows import Answer, Brief
from jobs.runtime.cluster import connect
from jobs.runtime.command import commit, discover, load, stages_of
from jobs.runtime.stage import Stage, run_stage
from jobs.runtime.tables import write_rows
from tests.bench import conclude
from tests.wire.journey import CONTENT_TYPE, table
from tests.wire.verdicts import Sitting, sitting

WANTED = 0.9
DELAY_S = 0.2
BRAND = "yuansu"
JOBS = ("generate", "judge", "geval")
VERDICT = json.dumps({"score": 4, "reason": "真实而平和，但有一处含混。" * 4}, ensure_ascii=False)
TEXT = "含依克多因的面霜，帮助屏障保持稳定，轻润不黏，洗完脸不再紧绷。今晚取一点点，慢慢推开。"
PROFILE = (
    "[ray]\nlogical_cpus = 8\nobject_store_mb = 400\ndata_cpus = 2\n"
    "worker_logs = false\n[api]\nactors = 2\nin_flight = 64\n"
)


def columns(number: int, split: str) -> dict[str, Any]:
    """A brief of its own product."""
    facts = {
        "brand": load_guide(BRAND).name,
        "name": f"第{number}号屏障护理面霜",
        "category": "面霜",
        "ingredients": [{"name": "依克多因", "role": "帮助屏障保持稳定"}],
        "effects": ["修护屏障"],
    }
    return {
        "brief_id": f"p{number}/{CONTENT_TYPE}",
        "product_id": f"p{number}",
        "split": split,
        "new_hero": False,
        "brand": BRAND,
        "language": "zh",
        "content_type": CONTENT_TYPE,
        "facts": json.dumps(facts, ensure_ascii=False),
    }


def prepared(folder: Path, url: str, rows: int) -> dict[str, Stage]:
    """The stages, their inputs written: as many briefs as answers."""
    (folder / "profile.toml").write_text(PROFILE, encoding="utf-8")
    account = table({"base_url": url, "model": "m"})
    (folder / "config.toml").write_text(
        f'run = "r"\nbrand = "{BRAND}"\nstorage = {json.dumps(str(folder))}\n'
        f"profile = {json.dumps(str(folder / 'profile'))}\n"
        'stages = [{job = "brief"}, {job = "generate"}, {job = "answer"}, {job = "judge"}, '
        '{job = "geval"}]\n'
        f'[brief]\ncontent_types = ["{CONTENT_TYPE}"]\n'
        f"[teacher]\n{account}[judge]\n{account}"
        '[judging]\nmetrics = ["rubric"]\n[geval]\nmetrics = ["geval_naturalness"]\n',
        encoding="utf-8",
    )
    known = discover()
    stages = stages_of(load([str(folder / "config.toml")], known), known)
    found = {stage.name: stage for stage in stages}
    briefs = [Brief(**columns(number, "train")) for number in range(rows)]
    write_rows(briefs, Brief, found["brief"].folder)
    answers = [
        Answer(
            **columns(number, "val"), answer_id=f"p{number}/{CONTENT_TYPE}@m", model="m",
            text=f"{TEXT}{number}", finish_reason="stop", prompt_tokens=1, completion_tokens=1,
        )
        for number in range(rows)
    ]  # fmt: skip
    write_rows(answers, Answer, found["answer"].folder)
    return found


def measured(stage: Stage, judge: Sitting, folder: Path) -> dict[str, float]:
    """Rows per second: of the whole stage, and in the middle half of the replies."""
    shutil.rmtree(folder / "journal", ignore_errors=True)
    before, began = len(judge.times()), time.monotonic()
    record = run_stage(stage, commit())
    seconds = time.monotonic() - began
    counts = record["counts"]
    assert counts["failed"] == 0 and counts["out"] == counts["expected"], counts
    times = sorted(judge.times()[before:])
    assert len(times) == counts["out"], "a row was asked twice, or not at all"
    first, last = len(times) // 4, len(times) * 3 // 4
    steady = (last - first) / (times[last] - times[first])
    print(f"{stage.name:<9}{counts['out'] / seconds:6.0f} rows/s, steady {steady:.0f}", flush=True)
    return {"whole": counts["out"] / seconds, "steady": steady}


def main() -> None:
    """Run the three in turns and conclude."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--turns", type=int, default=3)
    asked = parser.parse_args()
    rates: dict[str, list[dict[str, float]]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as name, sitting({"": VERDICT}, delay_s=DELAY_S) as judge:
        stages = prepared(Path(name), judge.url, asked.rows)
        connect(stages["judge"].profile)
        for turn in range(asked.turns):
            for job in JOBS[:: -1 if turn % 2 else 1]:
                rates[job].append(measured(stages[job], judge, Path(name)))

    def over(job: str, which: str) -> float:
        turns = zip(rates[job], rates["generate"], strict=True)
        return round(median(mine[which] / theirs[which] for mine, theirs in turns), 3)

    shown = {
        job: {which: round(median(turn[which] for turn in turns)) for which in ("whole", "steady")}
        for job, turns in rates.items()
    }
    ratio = over("judge", "whole")
    conclude(
        "judging", ratio, ratio >= WANTED, rows=asked.rows, turns=asked.turns, rows_per_s=shown,
        judge_steady=over("judge", "steady"), geval=over("geval", "whole"),
        geval_steady=over("geval", "steady"),
    )  # fmt: skip


if __name__ == "__main__":
    main()
