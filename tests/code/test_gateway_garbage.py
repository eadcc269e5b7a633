"""Whatever bytes arrive, the answer is a request or an ApiError that repeats none of them."""

import copy
import json
import random
import traceback
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from serve.gateway.errors import ApiError
from serve.gateway.limits import Limits
from serve.gateway.requests import parse_chat, parse_completion

BODIES = 5000
SECRET = "unpublished serum 4711"
LIMITS = Limits(body_bytes=20_000, depth=12)

CHAT: dict[str, Any] = {
    "model": "housestyle",
    "messages": [
        {"role": "system", "content": SECRET},
        {"role": "user", "content": [{"type": "text", "text": SECRET}]},
    ],
    "logprobs": True,
    "top_logprobs": 2,
    "max_completion_tokens": 9,
}
COMPLETION: dict[str, Any] = {
    "model": "housestyle",
    "prompt": [SECRET],
    "logprobs": 2,
    "max_tokens": 9,
}
SHARED: dict[str, Any] = {
    "temperature": 0.5,
    "top_p": 0.9,
    "top_k": 5,
    "min_p": 0.1,
    "repetition_penalty": 1.1,
    "seed": 4,
    "stop": ["x"],
    "n": 2,
    "stream": True,
    "stream_options": {"include_usage": True},
    "logit_bias": {"5": 1.0},
    "response_format": {
        "type": "json_schema",
        "json_schema": {"name": "ad", "schema": {"properties": {"a": {"pattern": "a{2}"}}}},
    },
    "user": SECRET,
}
ODD = [
    *[None, True, False, 0, 1, -1, 0.5, 2**63, 2**64, -(2**70), 10**30, 1e308, -0.0],
    *["", SECRET, "\ud800", "\0", "x" * 500, "1", "text", "user", "json_object", "}", "\u202e"],
    *[[], {}, [[]], [None], [SECRET], {"type": SECRET}, {SECRET: 1}, {"": {}}, [{}], [0.5, "a"]],
    *[float("nan"), float("inf"), {"type": "text", "text": 5}, {"pattern": "a{9999999999}"}],
    {"patternProperties": [5], "pattern": {"pattern": "((("}},
]


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) in it."""
    if not isinstance(value, dict | list):
        return []
    keys = list(value) if isinstance(value, dict) else list(range(len(value)))
    return [(value, key) for key in keys] + [found for key in keys for found in places(value[key])]


def mutated(chance: random.Random, body: dict[str, Any]) -> bytes:
    """A good body with some values replaced, doubled, moved, nested or left out."""
    body = json.loads(json.dumps(body))
    for name in chance.sample(sorted(SHARED), chance.randint(0, 4)):
        body[name] = json.loads(json.dumps(SHARED[name]))
    for _ in range(chance.choice([0, 1, 1, 2, 5])):
        container, key = chance.choice(places(body) or [(body, "model")])
        match chance.randrange(5):
            case 0 if isinstance(container, dict):
                del container[key]
            case 1 if isinstance(container, dict):
                container[chance.choice([SECRET, "", "type", "n", "stop"])] = copy.deepcopy(
                    chance.choice(ODD)
                )
            case 2 if isinstance(container, list):
                container += [
                    copy.deepcopy(container[key]) for _ in range(chance.choice([1, 3, 250]))
                ]
            case 3:
                container[key] = [container[key]]
            case _:
                container[key] = copy.deepcopy(chance.choice(ODD))
    return json.dumps(body, ensure_ascii=chance.random() < 0.7).encode("utf-8", "surrogatepass")


def spoiled(chance: random.Random, body: bytes) -> bytes:
    """Bytes replaced, cut out, doubled or put in."""
    spoilt = bytearray(body)
    for _ in range(chance.choice([1, 1, 3, 30])):
        at = chance.randrange(len(spoilt) + 1)
        to = min(len(spoilt), at + chance.choice([0, 1, 1, 20, 1000]))
        new = [b"", b"\xff", b'"', b"{", b"]", b"\\u", b"1e9", b"NaN", b"[" * 50, spoilt[at:to] * 2]
        spoilt[at:to] = chance.choice(new)
    return bytes(spoilt)


def garbage(chance: random.Random, body: dict[str, Any]) -> bytes:
    match chance.randrange(10):
        case 0:
            return chance.randbytes(chance.randrange(200))
        case 1:
            return b"".join(chance.choices([b"{", b"}", b"[", b'"', b":", b",", b"1", b"a"], k=40))
        case 2 | 3:
            return spoiled(chance, mutated(chance, body))
        case _:
            return mutated(chance, body)


@pytest.mark.parametrize(("parse", "body"), [(parse_chat, CHAT), (parse_completion, COMPLETION)])
def test_garbage(parse: Callable[[bytes, Limits], Any], body: dict[str, Any]) -> None:
    chance, seen = random.Random(20), Counter[str]()
    for _ in range(BODIES):
        sent = garbage(chance, body)
        try:
            parse(sent, LIMITS).to_engine()
            seen["taken"] += 1
        except ApiError as error:
            seen[error.kind.code] += 1
            assert error.status in (400, 413)
            assert error.__context__ is None
            assert SECRET not in json.dumps(error.body()) + "".join(
                traceback.format_exception(error)
            )
    assert seen["taken"] > BODIES / 50
    assert seen.total() == BODIES
    assert len(seen) > 12, "the garbage is not all of one kind"
    assert seen["invalid_json"] < BODIES / 2
