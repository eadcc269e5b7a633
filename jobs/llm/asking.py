"""Fanning calls out over Ray Data: rows in, rows with a reply or a named error out."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import pyarrow as pa
from ray.data import ActorPoolStrategy, Dataset

from jobs.domain.prompts import Message
from jobs.llm.client import CallError, Client, Endpoint
from jobs.runtime.profile import ApiShape
from jobs.runtime.progress import Counter

ROWS_AT_ONCE = 64  # a batch's replies are durable before its rows go on


@dataclass(frozen=True)
class Question:
    """How to ask about a row, and what to call it where the reply cannot be had."""

    build: Callable[[dict[str, Any]], list[Message]]
    row_id: Callable[[dict[str, Any]], str]
    step: str  # for Failed rows
    seed: Callable[[dict[str, Any]], int] = lambda row: 0


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
    """A Ray Data actor with one client; its batches share the in-flight limit."""

    def __init__(
        self, endpoint: Endpoint, question: Question, in_flight: int, stage_id: str
    ) -> None:
        self.question = question
        self.loop = asyncio.new_event_loop()
        self.api = endpoint.api
        self.client = self.loop.run_until_complete(self._open(endpoint, in_flight))
        self.count = Counter(stage_id)

    def __del__(self) -> None:
        if hasattr(self, "client") and not self.loop.is_closed():
            self.loop.run_until_complete(self.client.close())
            self.loop.close()

    async def _open(self, endpoint: Endpoint, in_flight: int) -> Client:
        return Client(endpoint, in_flight)

    def __call__(self, batch: pa.Table) -> pa.Table:
        rows = batch.to_pylist()
        replies = self.loop.run_until_complete(self._all(rows))
        for entry in fields(Replied):
            column = [getattr(reply, entry.name) for reply in replies]
            kind = pa.int64() if entry.type is int else pa.string()
            batch = batch.append_column(entry.name, pa.array(column, kind))
        return batch

    async def _all(self, rows: list[dict[str, Any]]) -> list[Replied]:
        replies = await asyncio.gather(*(self._one(row) for row in rows))
        self.client.journal.commit()
        return replies

    async def _one(self, row: dict[str, Any]) -> Replied:
        ask, row_id = self.question, self.question.row_id(row)
        try:
            reply, paid = await self.client.ask(ask.build(row), ask.seed(row))
        except CallError as error:
            self.count(rows=1, failed=1)
            return Replied("", "", 0, 0, row_id, ask.step, error.name, str(error))
        into, out = (reply.prompt_tokens, reply.completion_tokens) if paid else (0, 0)
        self.count(rows=1, tokens=out, usd=self.api.usd(into, out) or 0.0)
        cut = reply.finish_reason == "length"
        name, message = ("cut_off", "the reply ran into max_tokens") if cut else ("", "")
        return Replied(reply.text, reply.key, into, out, row_id, ask.step, name, message)


def ask_all(
    dataset: Dataset, endpoint: Endpoint, question: Question, *, shape: ApiShape, stage_id: str
) -> Dataset:
    """Every row with the columns of `Replied`, in memory: each call is made once."""
    actors = max(1, min(shape.actors, dataset.count() // ROWS_AT_ONCE + 1))
    replied: Dataset = (
        dataset.repartition(actors * 2)
        .map_batches(
            Ask,
            fn_constructor_args=(endpoint, question, shape.in_flight, stage_id),
            batch_format="pyarrow",
            batch_size=ROWS_AT_ONCE,
            compute=ActorPoolStrategy(size=actors),
            num_cpus=0.1,
        )
        .materialize()
    )
    return replied


def spent(replied: Dataset, endpoint: Endpoint) -> float | None:
    """The money that the calls of `ask_all` cost now; None where a price is not known."""
    sums: Any = replied.sum(["paid_tokens_in", "paid_tokens_out"])
    into, out = sums["sum(paid_tokens_in)"] or 0, sums["sum(paid_tokens_out)"] or 0
    return endpoint.api.usd(int(into), int(out))
