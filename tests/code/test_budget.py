"""A budget in a real fan-out: it halts the callers, loses nothing, and once raised it goes on."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import ray.data

from jobs.domain.errors import StageError
from jobs.llm.api import Api
from jobs.llm.asking import Question, ask_all, bill, refuse_unasked
from jobs.llm.budget import PurseActor
from jobs.llm.client import Endpoint
from jobs.llm.limiter import NO_SERVICE
from jobs.llm.prices import Price
from jobs.runtime.profile import ApiShape
from jobs.runtime.storage import Folder
from tests.wire.manners import Manners
from tests.wire.provider import provider

ROWS, ALLOWED, IN_FLIGHT = 300, 100, 8
DEAR = Price(
    host="127.0.0.1", model="m", input=1e4, cached_input=1e3, output=1e4,
    read_on="2026-01-01", source="test",
)  # fmt: skip


def chat(row: dict[str, Any]) -> list[dict[str, str]]:
    return [{"role": "user", "content": f"row {row['id']:04}"}]


def named(row: dict[str, Any]) -> str:
    return str(row["id"])


def ask(endpoint: Endpoint, rows: range) -> list[dict[str, Any]]:
    asked = ray.data.from_items([{"id": number} for number in rows])
    question = Question(chat, named, "generate")
    shape = ApiShape(actors=1, in_flight=IN_FLIGHT)
    return list(ask_all(asked, endpoint, question, shape=shape).take_all())


def test_a_budget_halts_and_goes_on_where_it_is_raised(cluster: None, tmp_path: Path) -> None:
    with provider(Manners(latency_s=0.02)) as running:
        api = Api(base_url=running.url, model="m")
        free = Endpoint(api, running.url, running.url, Folder(str(tmp_path)), "run/generate", DEAR)
        ask(free, range(1))
        dearest = bill(free)["usd"] * 1.5  # replies differ in length
        limited = replace(free, purse=PurseActor.remote(ALLOWED * dearest), budget_usd=1.0)
        with pytest.raises(StageError, match=r"budget .* is spent.*were not.*Raise \[budget\] usd"):
            ask(limited, range(ROWS))
        spent = bill(free)["usd"]
        assert spent <= (ALLOWED + IN_FLIGHT + 1) * dearest
        assert spent >= ALLOWED * dearest / 2
        paid = running.ledger()["answered"]
        assert paid < ROWS
        raised = replace(free, purse=PurseActor.remote(ROWS * 10 * dearest), budget_usd=10.0)
        rows = ask(raised, range(ROWS))
        assert {row["error"] for row in rows} == {""}
        assert sum(row["paid_tokens_out"] > 0 for row in rows) == ROWS - paid
        assert running.ledger()["answered"] == ROWS


def test_a_service_that_was_given_up_stops_the_stage(cluster: None, tmp_path: Path) -> None:
    api = Api(base_url="http://127.0.0.1:9/v1", model="m")
    target = Endpoint(api, "", "", Folder(str(tmp_path)), "run/generate")
    ended = [{"error": ""}, {"error": "http_500"}, {"error": NO_SERVICE}, {"error": NO_SERVICE}]
    with pytest.raises(StageError, match=r"has answered nothing .* 2 of 4 rows were asked, 2 were"):
        refuse_unasked(ray.data.from_items(ended), target)
    refuse_unasked(ray.data.from_items(ended[:2]), target)
