"""Replies of a given shape: asked for by JSON schema, read strictly, repaired once, else failed.

Not every service knows `response_format`: after a refusal of json_schema, json_object is tried,
then none. What a service took is remembered for the next rows.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from jobs.domain.errors import HousestyleError
from jobs.domain.prompts import Message, render_repair
from jobs.llm.faults import Fault
from jobs.llm.replies import Reply

# Statuses by which services say that they do not know a parameter.
UNKNOWN_PARAMETER = {"http_400", "http_404", "http_422"}

Call = Callable[[list[Message], Mapping[str, Any]], Awaitable[tuple[Reply, bool]]]


@dataclass(frozen=True)
class Shape:
    """What a reply has to look like."""

    name: str  # letters, digits and underscores, as OpenAI wants
    schema: Mapping[str, Any]  # JSON schema
    check: Callable[[dict[str, Any], str], object]  # row, reply; raises HousestyleError
    language: str  # of the request to repair


def forms(shape: Shape) -> list[dict[str, Any]]:
    """What is added to the request's body, the strictest first."""
    stated = {"name": shape.name, "schema": dict(shape.schema), "strict": True}
    return [
        {"response_format": {"type": "json_schema", "json_schema": stated}},
        {"response_format": {"type": "json_object"}},
        {},
    ]


class Shaped:
    """Asks one service for replies of one shape."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.first = 0  # the strictest form that the service may take

    async def ask(
        self, call: Call, row: dict[str, Any], messages: list[Message]
    ) -> tuple[Reply, bool]:
        """A reply that the check lets pass. Raises Fault `wrong_shape` where a repair fails too."""
        reply, paid = await self._in_form(call, messages)
        if reply.problem:
            return reply, paid
        error = self._error(row, reply)
        if not error:
            return reply, paid
        repair: list[Message] = [
            *messages,
            {"role": "assistant", "content": reply.text},
            {"role": "user", "content": render_repair(self.shape.language, error)},
        ]
        reply, paid = await self._in_form(call, repair)
        error = "" if reply.problem else self._error(row, reply)
        if error:
            raise Fault("wrong_shape", error)
        return reply, paid

    def _error(self, row: dict[str, Any], reply: Reply) -> str:
        try:
            self.shape.check(row, reply.text)
        except HousestyleError as error:
            return str(error)
        return ""

    async def _in_form(self, call: Call, messages: list[Message]) -> tuple[Reply, bool]:
        """The reply in the strictest form that the service takes."""
        ways = forms(self.shape)
        for place in range(self.first, len(ways)):
            try:
                found = await call(messages, ways[place])
            except Fault as fault:
                if fault.name not in UNKNOWN_PARAMETER or place == len(ways) - 1:
                    raise
                continue
            self.first = max(self.first, place)
            return found
        raise AssertionError("unreachable: the last form returns or raises")
