"""Bytes to JSON: what Python's own json would let through."""

import json
import re
from typing import Any

import pytest

from serve.gateway.body import read_json
from serve.gateway.errors import ApiError
from serve.gateway.ids import request_id
from serve.gateway.limits import Limits

LIMITS = Limits(body_bytes=300_000, depth=8, values=100)


def nested(depth: int) -> bytes:
    """An object `depth` deep in all: arrays within it."""
    return b'{"a":' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"


REFUSED = [
    (b"", "invalid_json", "valid JSON"),
    (b" \n", "invalid_json", "valid JSON"),
    (b'{"a": 1', "invalid_json", "valid JSON"),
    (b'{"a": 1}x', "invalid_json", "valid JSON"),
    (b"{'a': 1}", "invalid_json", "valid JSON"),
    (b'{"a": 01}', "invalid_json", "valid JSON"),
    (b'{"a": "\n"}', "invalid_json", "valid JSON"),
    (b"\xef\xbb\xbf{}", "invalid_json", "valid JSON"),  # a byte order mark
    (b"null", "invalid_json", "JSON object"),
    (b'["a"]', "invalid_json", "JSON object"),
    (b'"a"', "invalid_json", "JSON object"),
    (b'{"a": "\xff"}', "invalid_utf8", "UTF-8"),
    (b'{"a": "\xed\xa0\x80"}', "invalid_utf8", "UTF-8"),  # half a surrogate pair, encoded
    ('{"a": 1}'.encode("utf-16"), "invalid_utf8", "UTF-8"),
    ('{"a": 1}'.encode("utf-32-le"), "invalid_json", "valid JSON"),  # json.loads would take it
    (b'{"a": NaN}', "invalid_json", "finite"),
    (b'{"a": [-Infinity]}', "invalid_json", "finite"),
    (b'{"a": 1e999}', "invalid_json", "too large"),
    (b'{"a": -1e999}', "invalid_json", "too large"),
    (b'{"a": 18446744073709551616}', "invalid_json", "64 bits"),
    (b'{"a": -9223372036854775809}', "invalid_json", "64 bits"),
    (b'{"a": ' + b"9" * 200_000 + b"}", "invalid_json", "64 bits"),
    (b'{"a": 1, "b": 2, "a": 1}', "invalid_json", "key of an object once"),
    (b'{"x": [{"a": 1, "\\u0061": 2}]}', "invalid_json", "key of an object once"),
    (b'{"a": "x\\ud83d"}', "invalid_json", "surrogate"),
    (b'{"a": "\\ude00\\ud83d"}', "invalid_json", "surrogate"),
    (b'{"\\ud800": 1}', "invalid_json", "surrogate"),
    (b'{"a": [[{"b": "\\udfff"}]]}', "invalid_json", "surrogate"),
    (b'{"a": "x\\u0000y"}', "invalid_json", "U+0000"),
    (nested(9), "invalid_json", "at most 8"),
    (nested(100_000), "invalid_json", "at most 8"),
    (b'{"a":' * 40_000 + b"1" + b"}" * 40_000, "invalid_json", "at most 8"),
    (b"[" * 300_000, "invalid_json", "at most 8"),
    (b'{"a": [' + b"1," * 99 + b"1]}", "invalid_json", "at most 100 values"),
    (b'{"a": [' + b"{}," * 90_000 + b"1]}", "invalid_json", "at most 100 values"),
    (json.dumps({str(n): n for n in range(101)}).encode(), "invalid_json", "at most 100 values"),
    (b'{"a": "' + b"x" * 300_000 + b'"}', "request_too_large", "300000"),
]

READ: list[tuple[bytes, dict[str, Any]]] = [
    (b"{}", {}),
    (b' {"a": [1, -0, 1.5e3, true, null, "\\n"]}\n', {"a": [1, 0, 1500.0, True, None, "\n"]}),
    (b'{"a": "\\ud83d\\ude00"}', {"a": "😀"}),
    ('{"产品": "제품 😀"}'.encode(), {"产品": "제품 😀"}),
    (b'{"a": 18446744073709551615}', {"a": 2**64 - 1}),
    (b'{"a": -9223372036854775808}', {"a": -(2**63)}),
    (b'{"a": {"a": {"a": 1}}}', {"a": {"a": {"a": 1}}}),
    (nested(8), {"a": [[[[[[[]]]]]]]}),
    (b'{"a": [' + b"1," * 98 + b"1]}", {"a": [1] * 99}),
    (b'{"a": "' + b"x" * 299_991 + b'"}', {"a": "x" * 299_991}),
]


@pytest.mark.parametrize(
    ("body", "code", "wanted"), REFUSED, ids=[repr(body[:30]) for body, *_ in REFUSED]
)
def test_refused(body: bytes, code: str, wanted: str) -> None:
    with pytest.raises(ApiError, match=re.escape(wanted)) as caught:
        read_json(body, LIMITS)
    assert caught.value.kind.code == code
    assert caught.value.status == (413 if code == "request_too_large" else 400)
    assert caught.value.__context__ is None, "it would hold the body"


@pytest.mark.parametrize(("body", "expected"), READ, ids=[repr(body[:30]) for body, _ in READ])
def test_read(body: bytes, expected: dict[str, Any]) -> None:
    found = read_json(body, LIMITS)
    assert found == expected
    assert json.loads(json.dumps(found)) == found


@pytest.mark.parametrize("given", ["a", "A-1_.z", "x" * 128])
def test_a_clients_request_id_is_kept(given: str) -> None:
    assert request_id(given) == given


@pytest.mark.parametrize(
    "given", [None, "", "x" * 129, "a b", "a\n", "a\nb", "<b>", "é", "a/b", "\u0661"]
)
def test_an_odd_request_id_is_replaced(given: str | None) -> None:
    made = {request_id(given) for _ in range(100)}
    assert len(made) == 100
    assert all(re.fullmatch("req_[0-9a-f]{32}", each) for each in made)
