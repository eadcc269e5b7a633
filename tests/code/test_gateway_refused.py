"""Every wrong field by itself: its code, its name, and that its value is not repeated."""

import json
import traceback
from typing import Any

import pytest

from serve.gateway.errors import ApiError
from serve.gateway.limits import Limits
from serve.gateway.requests import parse_chat, parse_completion

SECRET = "unpublished serum 4711"
LIMITS = Limits(
    prompt_characters=100,
    messages=3,
    answers=4,
    max_tokens=50,
    stop_sequences=2,
    stop_characters=5,
    top_logprobs=5,
    schema_characters=100,
)
CHAT = {"model": "housestyle", "messages": [{"role": "user", "content": SECRET}]}
COMPLETION = {"model": "housestyle", "prompt": SECRET}


def chat(**changes: Any) -> bytes:
    return json.dumps(CHAT | changes).encode()


def completion(**changes: Any) -> bytes:
    return json.dumps(COMPLETION | changes).encode()


def message(**changes: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": SECRET} | changes]}


def schema(value: Any, **changes: Any) -> dict[str, Any]:
    inner = {"name": "ad", "schema": value} | changes
    return {"response_format": {"type": "json_schema", "json_schema": inner}}


# What is changed in a good body, and the code and param of the answer.
BOTH: list[tuple[dict[str, Any], str, str | None]] = [
    ({"model": None}, "missing_required_parameter", "model"),
    ({"model": 5}, "invalid_type", "model"),
    ({"model": ""}, "string_below_min_length", "model"),
    ({"model": "x" * 201}, "string_above_max_length", "model"),
    ({"temperature": "1"}, "invalid_type", "temperature"),
    ({"temperature": True}, "invalid_type", "temperature"),
    ({"temperature": 2.1}, "decimal_above_max_value", "temperature"),
    ({"temperature": -1}, "decimal_below_min_value", "temperature"),
    ({"top_p": 0}, "decimal_below_min_value", "top_p"),
    ({"top_p": 1.1}, "decimal_above_max_value", "top_p"),
    ({"top_k": -2}, "integer_below_min_value", "top_k"),
    ({"top_k": 1.0}, "invalid_type", "top_k"),
    ({"min_p": 1.5}, "decimal_above_max_value", "min_p"),
    ({"frequency_penalty": 3}, "decimal_above_max_value", "frequency_penalty"),
    ({"presence_penalty": -3}, "decimal_below_min_value", "presence_penalty"),
    ({"repetition_penalty": 0}, "decimal_below_min_value", "repetition_penalty"),
    ({"seed": 2**63}, "integer_above_max_value", "seed"),
    ({"seed": 0.5}, "invalid_type", "seed"),
    ({"n": 0}, "integer_below_min_value", "n"),
    ({"n": 5}, "integer_above_max_value", "n"),
    ({"n": True}, "invalid_type", "n"),
    ({"n": 2, "temperature": 0}, "invalid_value", "n"),
    ({"max_tokens": 0}, "integer_below_min_value", "max_tokens"),
    ({"max_tokens": 51}, "integer_above_max_value", "max_tokens"),
    ({"max_tokens": "9"}, "invalid_type", "max_tokens"),
    ({"min_tokens": 10, "max_tokens": 9}, "invalid_value", "min_tokens"),
    ({"min_tokens": 51}, "invalid_value", "min_tokens"),
    ({"stop": ""}, "string_below_min_length", "stop"),
    ({"stop": ["a", ""]}, "string_below_min_length", "stop[1]"),
    ({"stop": ["a", 5]}, "invalid_type", "stop[1]"),
    ({"stop": {"a": SECRET}}, "invalid_type", "stop"),
    ({"stop": ["a", "b", "c"]}, "array_above_max_length", "stop"),
    ({"stop": "abcdef"}, "string_above_max_length", "stop"),
    ({"stream": 1}, "invalid_type", "stream"),
    ({"stream_options": {"include_usage": True}}, "invalid_value", "stream_options"),
    ({"stream": True, "stream_options": True}, "invalid_type", "stream_options"),
    (
        {"stream": True, "stream_options": {"include_usage": SECRET}},
        "invalid_type",
        "stream_options.include_usage",
    ),
    (
        {"stream": True, "stream_options": {"include_images": True}},
        "unknown_parameter",
        "stream_options.include_images",
    ),
    ({"logit_bias": {"12": 101}}, "decimal_above_max_value", "logit_bias"),
    ({"logit_bias": {SECRET: 1}}, "invalid_value", "logit_bias"),
    ({"logit_bias": {"temperature": 1}}, "invalid_value", "logit_bias"),
    ({"logit_bias": {str(n): 1 for n in range(301)}}, "array_above_max_length", "logit_bias"),
    ({"user": ["a"]}, "invalid_type", "user"),
    ({"response_format": {"type": SECRET}}, "invalid_value", "response_format.type"),
    ({"response_format": {}}, "missing_required_parameter", "response_format.type"),
    ({"response_format": {"type": "json_schema"}}, "invalid_value", "response_format.json_schema"),
    (
        schema({})
        | {"response_format": {"type": "text", "json_schema": {"name": "a", "schema": {}}}},
        "invalid_value",
        "response_format.json_schema",
    ),
    (schema(None), "invalid_type", "response_format.json_schema.schema"),
    (schema([SECRET]), "invalid_type", "response_format.json_schema.schema"),
    (schema({}, name=SECRET), "invalid_value", "response_format.json_schema.name"),
    (schema({}, name="a\n"), "invalid_value", "response_format.json_schema.name"),
    (
        schema({"description": SECRET * 5}),
        "string_above_max_length",
        "response_format.json_schema.schema",
    ),
    (
        schema({"patternProperties": {"a{999}": {}, "a{2}": {}}}),
        "invalid_value",
        "response_format.json_schema.schema",
    ),
    (
        schema({"items": [{"pattern": "^(a{0,100}b{0,11})$"}]}),
        "invalid_value",
        "response_format.json_schema.schema",
    ),
    ({"tools": [{"type": "function"}]}, "unsupported_parameter", "tools"),
    ({"reasoning_effort": "low"}, "unsupported_parameter", "reasoning_effort"),
    ({"temprature": 1}, "unknown_parameter", "temprature"),
    ({"sampling": {}}, "unknown_parameter", "sampling"),
    ({"form": {}}, "unknown_parameter", "form"),
    ({SECRET: 1}, "unknown_parameter", None),
    ({"": 1}, "unknown_parameter", None),
]
CHATS: list[tuple[dict[str, Any], str, str | None]] = [
    ({"prompt": SECRET}, "unknown_parameter", "prompt"),
    ({"messages": None}, "missing_required_parameter", "messages"),
    ({"messages": []}, "array_below_min_length", "messages"),
    ({"messages": SECRET}, "invalid_type", "messages"),
    ({"messages": [SECRET]}, "invalid_type", "messages[0]"),
    (
        {"messages": [{"role": "user", "content": [5] * 200}, 5]},
        "invalid_type",
        "messages[0].content[0]",
    ),
    ({"messages": CHAT["messages"] * 4}, "array_above_max_length", "messages"),
    (message(content="x" * 101), "string_above_max_length", "messages"),
    (
        message(content=[{"type": "text", "text": "x" * 51}] * 2),
        "string_above_max_length",
        "messages",
    ),
    (message(role="tool"), "invalid_value", "messages[0].role"),
    (message(role=SECRET), "invalid_value", "messages[0].role"),
    (message(content=None), "invalid_type", "messages[0].content"),
    (message(content={"text": SECRET}), "invalid_type", "messages[0].content"),
    (message(content=[SECRET]), "invalid_type", "messages[0].content[0]"),
    (
        message(
            content=[{"type": "text", "text": "a"}, {"type": "image_url", "image_url": SECRET}]
        ),
        "invalid_value",
        "messages[0].content[1].type",
    ),
    (
        message(content=[{"type": "text"}]),
        "missing_required_parameter",
        "messages[0].content[0].text",
    ),
    (message(mood=SECRET), "unknown_parameter", "messages[0].mood"),
    (message(**{SECRET: 1}), "unknown_parameter", "messages[0]"),
    (message(tool_calls=[{"id": SECRET}]), "invalid_type", "messages[0].tool_calls"),
    ({"max_completion_tokens": 51}, "integer_above_max_value", "max_completion_tokens"),
    ({"max_tokens": 5, "max_completion_tokens": 5}, "invalid_value", "max_tokens"),
    ({"logprobs": 5}, "invalid_type", "logprobs"),
    ({"top_logprobs": 3}, "invalid_value", "top_logprobs"),
    ({"logprobs": True, "top_logprobs": 6}, "integer_above_max_value", "top_logprobs"),
]
COMPLETIONS: list[tuple[dict[str, Any], str, str | None]] = [
    ({"messages": []}, "unknown_parameter", "messages"),
    ({"max_completion_tokens": 5}, "unknown_parameter", "max_completion_tokens"),
    ({"prompt": None}, "missing_required_parameter", "prompt"),
    ({"prompt": ""}, "string_below_min_length", "prompt"),
    ({"prompt": []}, "array_below_min_length", "prompt"),
    ({"prompt": [SECRET, ""]}, "string_below_min_length", "prompt[1]"),
    ({"prompt": [1, 2]}, "invalid_type", "prompt[0]"),
    ({"prompt": "x" * 101}, "string_above_max_length", "prompt"),
    ({"prompt": ["x" * 51] * 2}, "string_above_max_length", "prompt"),
    ({"prompt": ["a"] * 3, "n": 2}, "integer_above_max_value", "n"),
    ({"logprobs": True}, "invalid_type", "logprobs"),
    ({"logprobs": 6}, "integer_above_max_value", "logprobs"),
    ({"min_tokens": 17}, "invalid_value", "min_tokens"),
    ({"best_of": 2}, "unsupported_parameter", "best_of"),
    ({"echo": True}, "unsupported_parameter", "echo"),
]
CASES = [(parse_chat, chat, *case) for case in BOTH + CHATS]
CASES += [(parse_completion, completion, *case) for case in BOTH + COMPLETIONS]


@pytest.mark.parametrize(
    ("parse", "body", "changes", "code", "param"),
    CASES,
    ids=[f"{body.__name__} {json.dumps(changes)[:50]}" for _, body, changes, *_ in CASES],
)
def test_refused(parse: Any, body: Any, changes: dict[str, Any], code: str, param: Any) -> None:
    with pytest.raises(ApiError) as caught:
        parse(body(**changes), LIMITS)
    found = caught.value
    assert (found.status, found.kind.code, found.param) == (400, code, param)
    assert param is None or found.message.count(f"'{param}'") == 1 or "odd name" in found.message
    everything = "".join(traceback.format_exception(found))
    assert SECRET not in everything, "neither in the answer nor in a log of it"
    assert "xxxxx" not in everything
    assert found.__context__ is None, "it would hold what was sent"
