"""Every row of the error table, as the real openai client sees it over HTTP."""

import json
import string
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import openai
import pytest

from serve.gateway import errors
from serve.gateway.errors import TABLE, ApiError, Kind, over_quota
from serve.quotas import Refused

EXCEPTIONS = {
    400: openai.BadRequestError,
    401: openai.AuthenticationError,
    403: openai.PermissionDeniedError,
    404: openai.NotFoundError,
    405: openai.APIStatusError,
    408: openai.APIStatusError,
    413: openai.APIStatusError,
    415: openai.APIStatusError,
    429: openai.RateLimitError,
    500: openai.InternalServerError,
    503: openai.InternalServerError,
}


class Answering(BaseHTTPRequestHandler):
    """Answers every request with one error."""

    error: ClassVar[ApiError]
    stream: ClassVar[bool] = False
    asked: ClassVar[list[bytes]] = []

    def do_POST(self) -> None:
        self.asked.append(self.rfile.read(int(self.headers["Content-Length"])))
        body = json.dumps(self.error.body()).encode()
        if self.stream:
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            body = b"data: " + body + b"\n\n"
        else:
            self.send_response(self.error.status)
            self.send_header("Content-Type", "application/json")
            for name, value in self.error.headers().items():
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def client(address: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=address, api_key="none", max_retries=0) as client:
        yield client


def raised(kind: Kind) -> ApiError:
    """An error of this kind with all its words filled in."""
    names = {name for _, name, _, _ in string.Formatter().parse(kind.message) if name}
    words = {name: f"<{name}>" for name in names - {"param"}}
    return ApiError(kind, param="messages[0].role" if "param" in names else None, **words)


def ask(client: openai.OpenAI, **settings: Any) -> Any:
    return client.chat.completions.create(
        model="housestyle", messages=[{"role": "user", "content": "x"}], **settings
    )


@pytest.mark.parametrize("kind", TABLE, ids=lambda kind: f"{kind.status} {kind.code}")
def test_the_client_raises_what_it_raises_for_openai(client: openai.OpenAI, kind: Kind) -> None:
    Answering.error = raised(kind)
    with pytest.raises(openai.APIStatusError) as caught:
        ask(client)
    found = caught.value
    assert type(found) is EXCEPTIONS[kind.status]
    assert (found.code, found.type, found.param) == (kind.code, kind.type, Answering.error.param)
    assert found.body == Answering.error.body()["error"]
    assert Answering.error.message in str(found)


def test_the_client_raises_inside_a_stream_too(client: openai.OpenAI) -> None:
    """A stream has status 200 before anything can go wrong in it."""
    Answering.error, Answering.stream = raised(errors.ENGINE_LOST), True
    try:
        with pytest.raises(openai.APIError, match="is starting") as caught:
            list(ask(client, stream=True))
    finally:
        Answering.stream = False
    assert caught.value.code == "engine_unavailable"


@pytest.mark.parametrize(
    ("refused", "times"),
    [
        (Refused("requests", 60, 0.01), 3),
        (Refused("tokens", 5000, 0.01), 3),
        (Refused("in_flight", 8, 0.01), 3),
        (Refused("tokens", 5000, None), 1),  # no wait helps: it is not asked again
    ],
)
def test_the_client_comes_back_only_where_it_helps(
    client: openai.OpenAI, refused: Refused, times: int
) -> None:
    Answering.error, before = over_quota(refused), len(Answering.asked)
    with pytest.raises(openai.RateLimitError, match=str(refused.limit)):
        ask(client.with_options(max_retries=2))
    assert len(Answering.asked) - before == times


@pytest.mark.parametrize(
    ("wait_s", "seconds", "milliseconds"),
    [(0.001, "1", "1"), (1.0, "1", "1000"), (1.0001, "2", "1001"), (59.999, "60", "59999")],
)
def test_waits_are_rounded_up(wait_s: float, seconds: str, milliseconds: str) -> None:
    headers = over_quota(Refused("requests", 60, wait_s)).headers()
    assert headers == {"Retry-After": seconds, "retry-after-ms": milliseconds}


def test_the_table() -> None:
    assert len(TABLE) > 30
    for kind in TABLE:
        assert kind.code.isidentifier(), kind
        assert kind.message.endswith("."), kind
        headers = raised(kind).headers()
        assert ("Retry-After" in headers) is kind.waits
        assert kind.waits is (kind.status == 503 or kind.type in ("requests", "tokens"))
        assert ("WWW-Authenticate" in headers) is (kind.status == 401)
    assert {kind.status for kind in TABLE} == EXCEPTIONS.keys()
    wordings = [kind.message for kind in TABLE if kind.message != errors.WRONG]
    assert len(set(wordings)) == len(wordings)
