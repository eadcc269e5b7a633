"""The two routes' bodies: what is taken, what is refused, and in which words."""

import json
import traceback
from typing import Any

import pytest
from openai.types.chat import completion_create_params as chat_params
from openai.types.completion_create_params import CompletionCreateParamsNonStreaming
from pydantic import BaseModel

from serve.gateway.bounds import unrolled
from serve.gateway.errors import ApiError
from serve.gateway.fields import names_of, plain_types
from serve.gateway.limits import Limits
from serve.gateway.requests import (
    GROUPS,
    UNSUPPORTED,
    parse_chat,
    parse_completion,
    token_estimate,
)
from serve.gateway.shapes import ChatRequest, CompletionRequest

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


TAKEN: list[dict[str, Any]] = [
    {},
    {"temperature": 0, "top_p": 1, "top_k": -1, "min_p": 0, "n": 1},
    {"temperature": 2, "n": 4, "seed": -(2**63), "repetition_penalty": 0.1},
    {"frequency_penalty": -2, "presence_penalty": 2.0, "seed": 2**63 - 1},
    {"stop": "abcde", "max_tokens": 50, "min_tokens": 50, "ignore_eos": True},
    {"stop": ["a", "b"], "stream": True, "stream_options": {"include_usage": None}},
    {"stop": [], "stream": False, "logit_bias": {"0": -100, "99": 100.0}},
    {"response_format": {"type": "text"}, "user": "kim"},
    {"response_format": {"type": "json_object"}},
    schema({"properties": {"a": {"pattern": "^[0-9]{4}-[0-9]{2}$"}}}, strict=True),
    schema({"enum": [None, 1]}, description="an ad"),
]


@pytest.mark.parametrize("changes", TAKEN, ids=lambda changes: json.dumps(changes)[:60])
def test_taken_and_passed_on_unchanged(changes: dict[str, Any]) -> None:
    expected = json.loads(json.dumps(changes))
    expected.pop("user", None)
    if options := expected.get("stream_options"):
        options.pop("include_usage")
    assert parse_completion(completion(**changes), LIMITS).to_engine() == COMPLETION | expected
    if "max_tokens" in expected:
        expected["max_completion_tokens"] = expected.pop("max_tokens")
    assert parse_chat(chat(**changes), LIMITS).to_engine() == CHAT | expected


def test_null_is_as_if_it_was_not_given() -> None:
    for parse, body, model in (
        (parse_chat, chat, ChatRequest),
        (parse_completion, completion, CompletionRequest),
    ):
        optional = {name for part in (model, *GROUPS.values()) for name in names_of(part)}
        optional -= {"model", "messages", "prompt", *GROUPS}
        nulls = dict.fromkeys([*optional, *UNSUPPORTED])
        assert parse(body(**nulls), LIMITS) == parse(body(), LIMITS)


def test_roles_and_parts_reach_the_engine() -> None:
    parts = [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]
    asked = [
        {"role": "developer", "content": "rules", "name": "kim"},
        {"role": "user", "content": parts},
        {"role": "assistant", "content": "", "refusal": None, "tool_calls": None},
    ]
    found = parse_chat(chat(messages=asked), LIMITS)
    assert found.prompt_characters == 11
    assert found.to_engine()["messages"] == [
        {"role": "system", "content": "rules", "name": "kim"},  # templates know no developer
        {"role": "user", "content": parts},
        {"role": "assistant", "content": ""},
    ]


@pytest.mark.parametrize(
    ("parse", "body", "expected"),
    [
        (parse_chat, chat(), 22 + 50),  # no max_tokens: as many as the limits allow
        (parse_chat, chat(max_tokens=7), 22 + 7),
        (parse_chat, chat(max_completion_tokens=7, n=3), 22 + 21),
        (parse_completion, completion(), 22 + 16),
        (parse_completion, completion(prompt=["ab", "cde"], n=2, max_tokens=10), 5 + 40),
    ],
)
def test_token_estimate(parse: Any, body: bytes, expected: int) -> None:
    assert token_estimate(parse(body, LIMITS), LIMITS) == expected


@pytest.mark.parametrize(
    ("pattern", "times"),
    [
        ("^[a-z]+$", 0),
        ("^a{3}$", 3),
        ("^a{2,5}$", 5),
        ("^a{7,}$", 7),
        ("^(a{0,100}b{0,100}){0,100}$", 10**6),  # the compiler needs minutes for this one
        ("^a{0}$", 1),
        (r"\{x\}", 1),
        ("a{9999999999}", 10**9),
        ("a{" + "9" * 5000 + "}", 10**9),
        ("a{0000000000000000000012,}", 12),
        ("a{ 10000 }", 10000),
        ("a{,10000}", 10000),
        ("a{10000", 10000),
    ],
)
def test_counts_in_a_pattern(pattern: str, times: int) -> None:
    assert unrolled(pattern) == times


def openai_names() -> set[str]:
    """Every parameter of the openai client's two calls."""
    chat_call = chat_params.CompletionCreateParamsNonStreaming
    return chat_call.__annotations__.keys() | CompletionCreateParamsNonStreaming.__annotations__


def test_every_parameter_of_openais_is_supported_or_said_not_to_be() -> None:
    ours = {
        name
        for part in (ChatRequest, CompletionRequest, *GROUPS.values())
        for name in names_of(part)
    } - GROUPS.keys()
    theirs = openai_names()
    assert len(theirs) > 30
    assert theirs - ours == set(UNSUPPORTED)
    assert ours - theirs == {"top_k", "min_p", "repetition_penalty", "min_tokens", "ignore_eos"}


def models(*roots: type[BaseModel]) -> set[type[BaseModel]]:
    """The request models and all that they are made of."""
    inner = {
        each
        for root in roots
        for field in root.model_fields.values()
        for each in plain_types(field.annotation)
        if issubclass(each, BaseModel)
    }
    return set(roots) | (models(*inner) if inner else set())


def test_every_field_says_what_it_wants() -> None:
    found = models(ChatRequest, CompletionRequest)
    assert len(found) == 9
    for model in found:
        for name, field in names_of(model).items():
            assert field.description or name in GROUPS, f"{model.__name__}.{name}"
