"""Fanning calls out over Ray Data: rows in, rows with a reply or a named error out.

Batches overlap: an actor takes several at once and all their rows share one sliding window, so a
slow reply holds up its own batch and no other. Rows are known by their ids and replies by their
content, so the outcome is the same set whatever the parallelism.
"""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import pyarrow as pa
from ray.data import ActorPoolStrategy, Dataset
from ray.data.expressions import col

from jobs.domain.errors import StageError
from jobs.domain.prompts import Message
from jobs.llm.batches import Call, settle
from jobs.llm.budget import BudgetSpent
from jobs.llm.client import Endpoint, opened, parameters_of
from jobs.llm.faults import Fault
from jobs.llm.journal import call_key
from jobs.llm.limiter import NO_SERVICE
from jobs.llm.merging import Spent, by_batch, spent_by_stage
from jobs.llm.replies import Reply, Usage
from jobs.llm.shapes import Shape, Shaped, forms
from jobs.runtime.profile import ApiShape
from jobs.runtime.progress import Counter

ROWS_AT_ONCE = (64, 2000)  # of a batch, at least and at most
BLOCKS = 200  # that a large job is made of: each leaves a driver with 140 KB of Ray's records
BUDGET_SPENT = "budget_spent"
CLOSE_WITHIN_S = 5.0


@dataclass(frozen=True)
class Question:
    """How to ask about a row, and what to call it where the reply cannot be had."""

    build: Callable[[dict[str, Any]], list[Message]]
    row_id: Callable[[dict[str, Any]], str]
    step: str  # for Failed rows
    seed: Callable[[dict[str, Any]], int] = lambda row: 0
    shape: Shape | None = None  # of the reply; None: free text


@dataclass(frozen=True)
class Replied:
    """The columns that asking adds to a row."""

    reply: str  # the text; empty where it could not be had
    reply_key: str  # its place in the journal
    paid_tokens_in: int  # 0 where the journal had it
    paid_tokens_out: int
    row_id: str
    step: str
    error: str  # empty where there is a reply
    message: str


class Ask:
    """A Ray Data actor with one client on an event loop of its own; several threads call it."""

    def __init__(self, endpoint: Endpoint, question: Question, in_flight: int) -> None:
        self.question = question
        self.shaped = Shaped(question.shape) if question.shape else None
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        self.count = Counter(endpoint.stage_id)
        self.client = opened(endpoint, in_flight, self._show)

    def __del__(self) -> None:
        if hasattr(self, "client") and self.loop.is_running():
            closing = asyncio.run_coroutine_threadsafe(self.client.close(), self.loop)
            with suppress(Exception):  # a cluster that ends answers nothing any more
                closing.result(CLOSE_WITHIN_S)
            self.loop.call_soon_threadsafe(self.loop.stop)

    def _await(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result()

    def _show(self, state: Mapping[str, float]) -> None:
        """The account in the progress line: calls under way of those it bears, and what ails it."""
        ails = ("paused_s", "circuit_open", "refused", "broken")
        shown = {name: value for name, value in state.items() if value or name not in ails}
        shown.pop("answered", None)
        self.count({name.replace("_", " "): value for name, value in shown.items()})

    def __call__(self, batch: pa.Table) -> pa.Table:
        replies = self._await(self._all(batch.to_pylist()))
        for entry in fields(Replied):
            column = [getattr(reply, entry.name) for reply in replies]
            kind = pa.int64() if entry.type is int else pa.string()
            batch = batch.append_column(entry.name, pa.array(column, kind))
        return batch

    async def _all(self, rows: list[dict[str, Any]]) -> list[Replied]:
        replies = await asyncio.gather(*(self._one(row) for row in rows))
        usd, self.client.usd = self.client.usd, 0.0
        out = sum(reply.paid_tokens_out for reply in replies)
        failed = sum(1 for reply in replies if reply.error)
        self.count(rows=len(rows), tokens=out, failed=failed, usd=usd)
        return replies

    async def _one(self, row: dict[str, Any]) -> Replied:
        ask, row_id = self.question, self.question.row_id(row)
        try:
            reply, paid = await self._reply(row, ask.build(row))
        except Fault as fault:
            return Replied("", "", 0, 0, row_id, ask.step, fault.name, str(fault))
        except BudgetSpent:
            return Replied("", "", 0, 0, row_id, ask.step, BUDGET_SPENT, "not asked")
        usage = reply.usage if paid else Usage()
        tokens = (usage.prompt_tokens, usage.completion_tokens)
        return Replied(reply.text, reply.key, *tokens, row_id, ask.step, reply.problem, told(reply))

    async def _reply(self, row: dict[str, Any], messages: list[Message]) -> tuple[Reply, bool]:
        seed = self.question.seed(row)
        if self.shaped is None:
            return await self.client.ask(messages, seed)

        async def call(chat: list[Message], form: Mapping[str, Any]) -> tuple[Reply, bool]:
            return await self.client.ask(chat, seed, form)

        return await self.shaped.ask(call, row, messages)


def told(reply: Reply) -> str:
    """What a Failed row says about a reply that cannot be used."""
    return f"the reply ended with {reply.finish_reason}" if reply.problem else ""


def ask_all(
    dataset: Dataset,
    endpoint: Endpoint,
    question: Question,
    *,
    shape: ApiShape,
    actor: type[Ask] = Ask,
) -> Dataset:
    """Every row with the columns of `Replied`, in the object store: each call is made once.

    Raises StageError where the run's budget came to an end, or the service was given up.
    """
    total = dataset.count()
    if endpoint.api.batch:
        calls = calls_of(dataset, endpoint, question)
        endpoint = replace(endpoint, settled=settle(endpoint, endpoint.api.batch, calls))
    fewest, most = ROWS_AT_ONCE
    rows = min(max(fewest, total // BLOCKS), most)
    batches = 2 + 16 * shape.in_flight // rows  # at once: the window stays full
    actors = max(1, min(shape.actors, total // (fewest * 2) + 1))
    replied: Dataset = (
        dataset.repartition(target_num_rows_per_block=rows)
        .map_batches(
            actor,
            fn_constructor_args=(endpoint, question, shape.in_flight),
            batch_format="pyarrow",
            batch_size=rows,
            compute=ActorPoolStrategy(
                size=actors,
                max_tasks_in_flight_per_actor=batches + 2,
                max_concurrent_calls_per_actor=batches,
                enable_true_multi_threading=True,
            ),
            num_cpus=0.1,
        )
        .materialize()
    )
    refuse_unasked(replied, endpoint)
    return replied


def calls_of(dataset: Dataset, endpoint: Endpoint, question: Question) -> Iterator[Call]:
    """Each row's first call; what may follow it, a repair say, goes out live."""
    form = forms(question.shape)[0] if question.shape else {}

    def called(row: dict[str, Any]) -> dict[str, str]:
        messages, seed = question.build(row), question.seed(row)
        parameters = parameters_of(endpoint.api, messages, seed, form)
        key = call_key(endpoint.journal_name, parameters)
        return {"key": key, "body": json.dumps(parameters, ensure_ascii=False)}

    for row in dataset.map(called).iter_rows():
        yield Call(row["key"], json.loads(row["body"]))


def refuse_unasked(replied: Dataset, endpoint: Endpoint) -> None:
    """Raise StageError where the run's budget came to an end, or the service was given up."""
    total = replied.count()
    for error, why in (
        (BUDGET_SPENT, f"the run's budget of ${endpoint.budget_usd:g} is spent"),
        (NO_SERVICE, f"{endpoint.api.base_url} has answered nothing for ten minutes"),
    ):
        unasked = replied.filter(expr=col("error") == error).count()
        if unasked:
            raise StageError(
                f"{endpoint.stage_id}: {why}. {total - unasked} of {total} rows were asked, "
                f"{unasked} were not; all that was paid for is in the journal. {GO_ON[error]} and "
                f"give the same command again."
            )


GO_ON = {
    BUDGET_SPENT: "Raise [budget] usd (or --budget.usd)",
    NO_SERVICE: "See whether the service is up",
}


def bill(endpoint: Endpoint) -> dict[str, Any]:
    """What the stage has had from the model in this run, for done.json. `usd` None: not known."""
    spent, price = spent_by_stage(endpoint.journal), endpoint.price
    called = spent.get(endpoint.stage_id, Spent())
    batched = spent.get(by_batch(endpoint.stage_id), Spent())
    usd = None
    if price is not None:
        usd = round(price.usd(called.usage) + price.usd(batched.usage, batch=True), 6)
    return {
        "model": endpoint.api.model,
        **asdict(called + batched),
        "calls_by_batch": batched.calls,
        "usd": usd,
        "price_read_on": "" if price is None else price.read_on,
    }


def total_usd(bills: list[dict[str, Any]]) -> float | None:
    """The bills' sum; None where one of them is not known.

    >>> total_usd([{"usd": 1.5}, {"usd": 0.25}]), total_usd([{"usd": 1.5}, {"usd": None}])
    (1.75, None)
    """
    costs = [entry["usd"] for entry in bills]
    return None if None in costs else sum(costs)
