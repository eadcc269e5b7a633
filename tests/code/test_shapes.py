"""Replies of a wanted shape, from a service that is played by a list of replies."""

from collections.abc import Mapping
from typing import Any

import pytest

from jobs.domain.errors import VerdictError
from jobs.domain.prompts import Message
from jobs.domain.verdicts import parse_verdict
from jobs.llm.faults import Fault
from jobs.llm.replies import Reply, Usage
from jobs.llm.shapes import Shape, Shaped

GOOD = '{"score": 4.0, "reason": "true"}'
CHAT: list[Message] = [{"role": "user", "content": "judge"}]


def check(row: dict[str, Any], reply: str) -> object:
    return parse_verdict(reply, (1.0, 5.0))


class Service:
    """Gives its replies in order; refuses forms that it does not know, for nothing."""

    def __init__(self, replies: list[Reply], knows: tuple[str, ...]) -> None:
        self.replies, self.knows = replies, knows
        self.forms: list[str] = []
        self.chats: list[list[Message]] = []

    async def __call__(
        self, messages: list[Message], form: Mapping[str, Any]
    ) -> tuple[Reply, bool]:
        kind = form.get("response_format", {}).get("type", "plain")
        self.forms.append(kind)
        if kind not in self.knows:
            raise Fault("http_400", "the service answered 400")
        self.chats.append(messages)
        return self.replies.pop(0), True


def reply(text: str, finish: str = "stop") -> Reply:
    return Reply("k", text, finish, Usage())


def shaped() -> Shaped:
    return Shaped(Shape("verdict", {"type": "object"}, check, "en"))


ALL = ("json_schema", "json_object", "plain")


async def test_a_good_reply_is_asked_for_once_by_schema() -> None:
    service = Service([reply(GOOD)], ALL)
    assert await shaped().ask(service, {}, CHAT) == (reply(GOOD), True)
    assert service.forms == ["json_schema"]


@pytest.mark.parametrize(
    ("knows", "tried"),
    [(("json_object", "plain"), ALL[:2]), (("plain",), ALL)],
)
async def test_what_a_service_does_not_know_is_left_out_and_remembered(
    knows: tuple[str, ...], tried: tuple[str, ...]
) -> None:
    service, asks = Service([reply(GOOD), reply(GOOD)], knows), shaped()
    await asks.ask(service, {}, CHAT)
    await asks.ask(service, {}, CHAT)
    assert service.forms == [*tried, tried[-1]]


async def test_a_row_that_is_refused_in_every_form_changes_nothing_for_others() -> None:
    asks = shaped()
    with pytest.raises(Fault, match="400"):
        await asks.ask(Service([], ()), {}, CHAT)
    service = Service([reply(GOOD)], ALL)
    await asks.ask(service, {}, CHAT)
    assert service.forms == ["json_schema"]


async def test_a_wrong_reply_is_repaired_once_and_told_what_is_wrong() -> None:
    service = Service([reply('{"score": 9, "reason": "true"}'), reply(GOOD)], ALL)
    assert await shaped().ask(service, {}, CHAT) == (reply(GOOD), True)
    first, second = service.chats
    assert second[: len(first)] == first
    assert second[len(first)] == {"role": "assistant", "content": '{"score": 9, "reason": "true"}'}
    assert "the score is 9" in second[-1]["content"]


async def test_a_reply_that_stays_wrong_has_failed() -> None:
    service = Service([reply("four"), reply("4")], ALL)
    with pytest.raises(Fault, match="score and reason") as raised:
        await shaped().ask(service, {}, CHAT)
    assert raised.value.name == "wrong_shape"
    with pytest.raises(VerdictError):
        check({}, "four")


async def test_a_reply_that_was_cut_off_is_not_repaired() -> None:
    cut = reply('{"score": 4', "length")
    service = Service([cut], ALL)
    assert await shaped().ask(service, {}, CHAT) == (cut, True)
    assert len(service.chats) == 1
