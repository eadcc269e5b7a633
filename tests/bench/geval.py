"""What does it cost to ask through DeepEval's GEval, against our own plain questions?

python -m tests.bench.geval [--rows 2000]

The same server, the same answers, once by `ask_all` with a metric of our own and once by
`measure_all` with GEval's. Rates are those of the steady state by the server's clock: requests per
second in the middle half of a run; the whole time, with the start of the actors and the 4 s of CPU
that importing deepeval takes in each, stands beside it. The ratio is GEval's rate over ours.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ray.data

from jobs.domain.brand import load_guide
from jobs.domain.prompts import Message, render_judgement
from jobs.domain.rows import Answer, Brief
from jobs.llm.api import Api
from jobs.llm.asking import Question, ask_all
from jobs.llm.client import Endpoint
from jobs.llm.geval import geval_shape, measure_all, prompt_of
from jobs.runtime.cluster import connect
from jobs.runtime.profile import ApiShape, read_profile
from jobs.runtime.storage import Folder
from jobs.runtime.tables import brief_columns
from tests.bench import conclude
from tests.wire.verdicts import sitting

WANTED = 0.5  # GEval writes the prompt in 0.1 ms: it may cost more than ours, not twice as much
SHAPE = ApiShape(actors=2, in_flight=32)
FACTS = json.dumps({"name": "골목 역사 수업", "value": "문화, 추억"}, ensure_ascii=False)


def answers(rows: int, metric: str) -> list[dict[str, Any]]:
    """Invented answers, each of its own text."""
    return [
        vars(
            Answer(
                brief_id=f"p-{number}/value_line", product_id=f"p-{number}", split="val",
                new_hero=False, brand="gyeoldam", language="ko", content_type="value_line",
                facts=FACTS, answer_id=f"p-{number}/value_line@sft", model="sft",
                text=f"{number}번째 골목의 하루가 손끝에 오래 남습니다.", finish_reason="stop",
                prompt_tokens=1, completion_tokens=1,
            )
        )
        | {"metric": metric}
        for number in range(rows)
    ]  # fmt: skip


def measured(ask: Callable[..., Any], build: Any, rows: list[dict[str, Any]]) -> dict[str, float]:
    """Rows a second: in the middle half, and of the whole call."""
    with tempfile.TemporaryDirectory() as folder, sitting() as judge:
        api = Api(base_url=judge.url, model="m")
        endpoint = Endpoint(api, judge.url, judge.url, Folder(str(Path(folder))))
        question = Question(build, lambda row: str(row["answer_id"]), "bench", shape=SHAPE_OF)
        began = time.monotonic()
        replied = ask(ray.data.from_items(rows), endpoint, question, shape=SHAPE)
        seconds = time.monotonic() - began
        assert {row["error"] for row in replied.select_columns(["error"]).iter_rows()} == {""}
        times = sorted(judge.times())
    first, last = len(times) // 4, len(times) * 3 // 4
    steady = (last - first) / (times[last] - times[first])
    return {"steady": round(steady, 1), "whole": round(len(rows) / seconds, 1)}


SHAPE_OF = geval_shape("ko")


def main() -> None:
    """Ask both ways and conclude."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=2000)
    rows = parser.parse_args().rows
    guide = load_guide("gyeoldam")

    def plain(row: dict[str, Any]) -> list[Message]:
        return render_judgement(row["metric"], Brief(**brief_columns(row)), guide, row["text"])

    connect(read_profile("laptop"))
    ours = measured(ask_all, plain, answers(rows, "value_fit"))
    geval = measured(measure_all, prompt_of, answers(rows, "geval_value_fit"))
    ratio = geval["steady"] / ours["steady"]
    conclude("geval", ratio, ratio >= WANTED, rows=rows, ask_all=ours, geval=geval)


if __name__ == "__main__":
    main()
