"""Every way in which a provider goes wrong that a prompt can ask for by `[[fault:NAME]]`.

`[[fault:NAME*2]]` goes wrong in the first two attempts alone.
"""

import asyncio
import copy
import json
import re
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

from aiohttp import web

MARKER = re.compile(rb"\[\[fault:([a-z0-9_]+)(?:\*([0-9]+))?\]\]")
LONGEST_HANG_S = 30.0
DRIP_S = 0.1  # between bytes
OVERSIZED_MIB = 16  # of text; twice as much on the wire, where it is escaped
DAY_S = 86_400
# Closing with this waits for nothing and resets the connection.
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@dataclass(frozen=True)
class Asked:
    """A request, and what a provider in good health would have replied."""

    request: web.Request
    sound: dict[str, Any]


Fault = Callable[[Asked], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Marker:
    """What a prompt asks for."""

    name: str
    attempts: int  # that go wrong; 0: all

    @property
    def label(self) -> str:
        """As it was written."""
        return f"{self.name}*{self.attempts}" if self.attempts else self.name

    def holds(self, attempt: int) -> bool:
        """Whether this attempt goes wrong; 1 is the first."""
        return not self.attempts or attempt <= self.attempts


def marker_in(body: bytes) -> Marker | None:
    """The marker in a request's body, if there is one."""
    found = MARKER.search(body)
    return Marker(found[1].decode(), int(found[2] or 0)) if found else None


def status(number: int, **headers: str) -> Fault:
    """An error whose message repeats key and prompt, as some providers' do."""

    async def respond(asked: Asked) -> web.StreamResponse:
        key, prompt = asked.request.headers.get("Authorization", ""), await asked.request.text()
        error = {"message": f"no: {key} {prompt}", "type": "made_to_order", "code": number}
        return web.json_response({"error": error}, status=number, headers=headers)

    return respond


async def too_many_until_a_date(asked: Asked) -> web.StreamResponse:
    """Retry-After as an HTTP date, which counts in whole seconds."""
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)
    return await status(429, **{"Retry-After": later})(asked)


def says(body: bytes, content_type: str = "application/json", **headers: str) -> Fault:
    """These bytes with status 200."""

    async def respond(asked: Asked) -> web.StreamResponse:
        return web.Response(body=body, headers={"Content-Type": content_type, **headers})

    return respond


def changed(change: Callable[[dict[str, Any]], Any]) -> Fault:
    """The sound completion after `change` has spoilt it."""

    async def respond(asked: Asked) -> web.StreamResponse:
        spoilt = copy.deepcopy(asked.sound)
        change(spoilt)
        return web.json_response(spoilt)

    return respond


def choice(**fields: Any) -> Fault:
    """The sound completion with other fields in its choice."""
    return changed(lambda completion: completion["choices"][0].update(fields))


def message(**fields: Any) -> Fault:
    """The sound completion with other fields in its message."""
    return changed(lambda completion: completion["choices"][0]["message"].update(fields))


def recoded(recode: Callable[[str], bytes], content_type: str, **headers: str) -> Fault:
    """The sound completion's JSON as other bytes, or under another name."""

    async def respond(asked: Asked) -> web.StreamResponse:
        body = recode(json.dumps(asked.sound, ensure_ascii=False))
        return web.Response(body=body, headers={"Content-Type": content_type, **headers})

    return respond


async def cut_json(asked: Asked) -> web.StreamResponse:
    """Half of the announced bytes, then the connection is closed."""
    body = json.dumps(asked.sound).encode()
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    response.content_length = len(body)
    await response.prepare(asked.request)
    await response.write(body[: len(body) // 2])
    transport = asked.request.transport
    if transport is not None:
        transport.close()
    return response


async def reset(asked: Asked) -> web.StreamResponse:
    """The connection is reset without a byte."""
    transport = asked.request.transport
    if transport is not None:
        wire: socket.socket = transport.get_extra_info("socket")
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        transport.abort()
    return web.Response()


async def hang(asked: Asked) -> web.StreamResponse:
    """Nothing comes."""
    await asyncio.sleep(LONGEST_HANG_S)
    return web.json_response(asked.sound)


async def slow_drip(asked: Asked) -> web.StreamResponse:
    """A byte now and then: the connection is never idle, the reply never there in time."""
    body = json.dumps(asked.sound).encode()
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    response.content_length = len(body)
    await response.prepare(asked.request)
    for place in range(min(len(body), int(LONGEST_HANG_S / DRIP_S))):
        await response.write(body[place : place + 1])
        await asyncio.sleep(DRIP_S)
    await response.write(body[int(LONGEST_HANG_S / DRIP_S) :])
    return response


async def oversized(asked: Asked) -> web.StreamResponse:
    """A sound completion but for its size: tens of MiB."""
    return await message(content="长" * (OVERSIZED_MIB * 2**20 // 3))(asked)


FAULTS: dict[str, Fault] = {
    **{f"http_{number}": status(number) for number in (400, 401, 404, 408, 409, 500, 503)},
    "http_429": status(429, **{"Retry-After": "1"}),
    "http_429_date": too_many_until_a_date,
    "http_429_for_a_day": status(429, **{"Retry-After": str(DAY_S)}),
    "error_in_200": says(b'{"error": {"message": "overloaded", "type": "server_error"}}'),
    "no_choices": changed(lambda completion: completion.update(choices=[])),
    "null_choices": changed(lambda completion: completion.update(choices=None)),
    "choices_are_text": changed(lambda completion: completion.update(choices="none today")),
    "no_message": changed(lambda completion: completion.update(choices=[{"index": 0}])),
    "null_content": message(content=None),
    "empty_text": message(content=""),
    "blank_text": message(content=" \n\t"),
    "content_is_a_number": message(content=7),
    "lone_surrogate": message(content="温和\ud83d。"),
    "cut_at_length": choice(finish_reason="length"),
    "content_filter": choice(finish_reason="content_filter"),
    "refusal": message(content=None, refusal="I cannot help with that."),
    "no_usage": changed(lambda completion: completion.pop("usage")),
    "html_page": says(b"<html><body>Sign in</body></html>", "text/html"),
    "broken_json": says(b'{"id": "c1", "choices": ['),
    "deep_json": says(b'{"choices": ' + b"[" * 200_000),
    "json_list": says(b"[]"),
    "empty_body": says(b""),
    "not_utf8": recoded(lambda text: text.encode("gb18030"), "application/json"),
    "lying_gzip": recoded(str.encode, "application/json", **{"Content-Encoding": "gzip"}),
    "wrong_content_type": recoded(str.encode, "text/plain"),
    "oversized": oversized,
    "cut_json": cut_json,
    "reset": reset,
    "hang": hang,
    "slow_drip": slow_drip,
}
