"""What a reply cost, whenever it was paid for: by its tokens in the journal and today's price."""

from typing import Any

import pyarrow as pa

from jobs.llm.client import Endpoint
from jobs.llm.journal import Journal
from jobs.llm.replies import Reply, Usage

LOST = Reply("", "", "", Usage())


class Priced:
    """A Ray Data actor: how each reply ended, its tokens, and `usd`, null where not known.

    Rows have the columns of `Replied`; the reply itself is `text`, as in an answer.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self.journal = Journal(endpoint.journal)
        self.price, self.by_batch = endpoint.price, endpoint.api.batch is not None

    def __call__(self, batch: pa.Table) -> pa.Table:
        replies = [self.journal.find(key) or LOST for key in batch["reply_key"].to_pylist()]
        used = [reply.usage for reply in replies]
        columns: dict[str, pa.Array] = {
            "text": batch["reply"],
            "finish_reason": pa.array([reply.finish_reason for reply in replies], pa.string()),
            "prompt_tokens": pa.array([one.prompt_tokens for one in used], pa.int64()),
            "completion_tokens": pa.array([one.completion_tokens for one in used], pa.int64()),
            "usd": pa.array([self._usd(one) for one in used], pa.float64()),
        }
        for name, column in columns.items():
            batch = batch.append_column(name, column)
        return batch

    def _usd(self, usage: Usage) -> float | None:
        return None if self.price is None else self.price.usd(usage, batch=self.by_batch)


def of_a_thousand(usd: float | None, seconds: float | None) -> dict[str, Any]:
    """What a thousand copies cost, from what one does; None: not known.

    >>> of_a_thousand(0.0025, None)
    {'usd_per_1000': 2.5, 'seconds_per_1000': None}
    """
    figures = {"usd_per_1000": usd, "seconds_per_1000": seconds}
    return {name: None if one is None else round(one * 1000, 3) for name, one in figures.items()}
