"""The two routes' bodies: what is taken, how it is passed on, and what it is charged as."""

import json
from typing import Any

import pytest
from openai.types.chat import completion_create_params as chat_params
from openai.types.completion_create_params import CompletionCreateParamsNonStreaming
from pydantic import BaseModel

from serve.gateway.bounds import unrolled
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


def schema(value: Any, **changes: Any) -> dict[str, Any]:
    inner = {"name": "ad", "schema": value} | changes
    return {"response_format": {"type": "json_schema", "json_schema": inner}}


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
