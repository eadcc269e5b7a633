"""What the gateway takes and passes on, vLLM's own request classes and its checks take too."""

import json
import random
from types import SimpleNamespace
from typing import Any

import pytest

from serve.gateway.limits import Limits
from serve.gateway.requests import GROUPS, parse_chat, parse_completion
from serve.gateway.shapes import ChatRequest, CompletionRequest

LIMITS = Limits()
BODIES = 300

CHOICES: dict[str, list[Any]] = {
    "temperature": [0, 0.01, 0.7, 2],
    "top_p": [0.01, 1],
    "top_k": [-1, 0, 1, 1_000_000],
    "min_p": [0, 1],
    "frequency_penalty": [-2, 0.5, 2],
    "presence_penalty": [-2, 0.5, 2],
    "repetition_penalty": [0.1, 1, 10],
    "seed": [-(2**63), -1, 0, 2**63 - 1],
    "stop": [[], "x", ["a", "bc"]],
    "logit_bias": [{}, {"0": -100, "17": 2.5}],
    "min_tokens": [0, 3],
    "ignore_eos": [True, False],
    "n": [1, 4],
    "stream": [True, False],
    "stream_options": [{}, {"include_usage": True}, {"include_usage": False}],
    "response_format": [
        {"type": "text"},
        {"type": "json_object"},
        {
            "type": "json_schema",
            "json_schema": {"name": "ad", "strict": True, "schema": {"enum": [None, {"a": []}]}},
        },
    ],
    "user": ["kim"],
    "max_tokens": [3, 4096],
}
MESSAGES = [
    [{"role": "user", "content": "写一句文案"}],
    [
        {"role": "developer", "content": "rules"},
        {"role": "user", "content": [{"type": "text", "text": "한 줄"}], "name": "kim"},
        {"role": "assistant", "content": "x", "refusal": None, "audio": None},
        {"role": "user", "content": ""},
    ],
]
CHAT_CHOICES = CHOICES | {
    "messages": MESSAGES,
    "logprobs": [True, False],
    "top_logprobs": [0, 20],
    "max_completion_tokens": [3, 4096],
}
COMPLETION_CHOICES = CHOICES | {"prompt": ["x", ["a", "b"]], "logprobs": [0, 20]}

# Where vLLM's sampling has another name than its request.
SAMPLED = {"max_completion_tokens": "max_tokens", "top_logprobs": "logprobs"}
NOT_SAMPLED = {"messages", "prompt", "model", "stream", "stream_options", "response_format"}


@pytest.fixture(scope="module")
def vllm() -> SimpleNamespace:
    """vLLM's classes; importing them takes seconds."""
    from vllm.entrypoints.openai.chat_completion.protocol import ChatCompletionRequest, ChatMessage
    from vllm.entrypoints.openai.completion.protocol import CompletionRequest

    return SimpleNamespace(
        chat=ChatCompletionRequest, completion=CompletionRequest, message=ChatMessage
    )


def body(chance: random.Random, choices: dict[str, list[Any]]) -> dict[str, Any]:
    """Some of the fields, with values that do not contradict each other."""
    fields = {
        name: chance.choice(values)
        for name, values in choices.items()
        if name in ("messages", "prompt") or chance.random() < 0.4
    }
    if "max_completion_tokens" in fields:
        fields.pop("max_tokens", None)
    if not fields.get("stream"):
        fields.pop("stream_options", None)
    if fields.get("temperature") == 0:
        fields.pop("n", None)
    if "messages" in fields and not fields.get("logprobs"):
        fields.pop("top_logprobs", None)
    return {"model": "housestyle"} | fields


@pytest.mark.parametrize("route", ["chat", "completion"])
def test_the_engine_takes_what_the_gateway_takes(vllm: SimpleNamespace, route: str) -> None:
    parse, choices, ours = {
        "chat": (parse_chat, CHAT_CHOICES, ChatRequest),
        "completion": (parse_completion, COMPLETION_CHOICES, CompletionRequest),
    }[route]
    chance, passed_on = random.Random(7), set[str]()
    for _ in range(BODIES):
        sent = body(chance, choices)
        arguments = parse(json.dumps(sent).encode(), LIMITS).to_engine()
        passed_on |= arguments.keys()
        request = getattr(vllm, route).model_validate(json.loads(json.dumps(arguments)))
        assert not request.model_extra, "vLLM ignores names it does not know"
        options = request.to_sampling_params(
            max_tokens=arguments.get("max_completion_tokens") or arguments.get("max_tokens") or 9,
            default_sampling_params={},
        )
        check_sampling(sent, arguments, options)
        assert request.model_dump()["stream"] is bool(sent.get("stream"))
        if schema := sent.get("response_format", {}).get("json_schema", {}).get("schema"):
            assert options.structured_outputs.json == schema
    groups = {name for group in GROUPS.values() for name in group.model_fields}
    own = ours.model_fields.keys() - GROUPS.keys()
    unsent = {"user"} | ({"max_tokens"} if route == "chat" else set())
    assert passed_on == (groups | own) - unsent, "every field was tried"


def check_sampling(sent: dict[str, Any], arguments: dict[str, Any], options: Any) -> None:
    """Each setting is what was asked for, as vLLM's sampler will read it."""
    greedy = sent.get("temperature") == 0
    for name, value in arguments.items():
        if name in NOT_SAMPLED or (name == "logprobs" and "messages" in sent):
            continue
        found = getattr(options, SAMPLED.get(name, name))
        if greedy and name in ("top_p", "top_k", "min_p"):
            continue  # of no effect there
        if name == "temperature":
            assert found == max(value, 0.01) or (greedy and found == 0)  # the least vLLM takes
        elif name == "seed" and value == -1:
            assert found is None  # vLLM's word for none
        elif name == "stop":
            assert found == ([value] if isinstance(value, str) else value)
        elif name == "logit_bias":
            assert found == {int(token): bias for token, bias in value.items()}
        else:
            assert found == value, name


def test_an_answer_can_be_sent_back_as_the_next_question(vllm: SimpleNamespace) -> None:
    """Both as this engine writes it and as the openai client keeps it."""
    from openai.types.chat import ChatCompletionMessage

    raw = vllm.message(role="assistant", content="文案").model_dump()
    kept = ChatCompletionMessage.model_validate(raw).model_dump()
    short = ChatCompletionMessage.model_validate(raw).model_dump(exclude_unset=True)
    asked = {"role": "user", "content": "x"}
    for answer in (raw, kept, short):
        sent = json.dumps({"model": "m", "messages": [asked, answer, asked]}).encode()
        found = parse_chat(sent, LIMITS).to_engine()["messages"]
        assert found == [asked, {"role": "assistant", "content": "文案"}, asked]


def test_the_client_says_nothing_that_is_refused() -> None:
    """The openai client's own helpers: whole and streamed answers, parsed ones, completions."""
    import httpx2
    import openai
    from pydantic import BaseModel

    class Advertisement(BaseModel):
        """An answer's form."""

        headline: str
        tags: list[str] | None

    heard: list[tuple[str, bytes]] = []

    def hear(request: httpx2.Request) -> httpx2.Response:
        heard.append((request.url.path, request.read()))
        return httpx2.Response(500, json={})

    web = httpx2.Client(transport=httpx2.MockTransport(hear))
    client = openai.OpenAI(base_url="http://x/v1", api_key="k", max_retries=0, http_client=web)
    chat: dict[str, Any] = {"model": "m", "messages": MESSAGES[0]}
    calls = [
        lambda: client.chat.completions.create(
            **chat,
            max_completion_tokens=5,
            top_logprobs=2,
            logprobs=True,
            logit_bias={"5": 1},
            seed=3,
            n=2,
            extra_body={"top_k": 5, "min_p": 0.1},
        ),
        lambda: client.chat.completions.create(
            **chat, stream=True, temperature=None, stream_options={"include_usage": True}
        ),
        lambda: client.chat.completions.parse(**chat, response_format=Advertisement),
        lambda: client.chat.completions.stream(**chat, response_format=Advertisement).__enter__(),
        lambda: client.completions.create(model="m", prompt=["a", "b"], logprobs=1, stop=["x"]),
        lambda: client.completions.create(model="m", prompt="a", stream=True),
    ]
    for call in calls:
        with pytest.raises(openai.InternalServerError):
            call()
    assert len(heard) == len(calls)
    for path, sent in heard:
        parse = {"/v1/chat/completions": parse_chat, "/v1/completions": parse_completion}[path]
        assert parse(sent, LIMITS).model == "m"
