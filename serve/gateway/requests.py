"""From the bytes of a request to a model of it, or to the error that its client is answered with.

An unknown field is refused rather than ignored, for a setting that is silently left out gives
answers that nobody asked for. Null means, as with OpenAI, that a field was not given.
"""

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from serve.gateway import errors
from serve.gateway.body import read_json
from serve.gateway.bounds import Request, refuse_contradictions, refuse_too_much
from serve.gateway.errors import ApiError
from serve.gateway.fields import names_of, refusal, unknown
from serve.gateway.limits import Limits
from serve.gateway.shapes import ChatRequest, CompletionRequest, Form, Sampling

# OpenAI has these for chats or completions, and there is nothing here that they could mean.
UNSUPPORTED = {
    "audio",
    "best_of",
    "echo",
    "function_call",
    "functions",
    "metadata",
    "modalities",
    "moderation",
    "parallel_tool_calls",
    "prediction",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "reasoning_effort",
    "safety_identifier",
    "service_tier",
    "store",
    "suffix",
    "tool_choice",
    "tools",
    "verbosity",
    "web_search_options",
}
GROUPS: dict[str, type[BaseModel]] = {"sampling": Sampling, "form": Form}

Asked = TypeVar("Asked", ChatRequest, CompletionRequest)
Part = TypeVar("Part", bound=BaseModel)


def parse_chat(body: bytes, limits: Limits) -> ChatRequest:
    """The body of /v1/chat/completions. Raises ApiError and nothing else."""
    return _parse(ChatRequest, read_json(body, limits), limits)


def parse_completion(body: bytes, limits: Limits) -> CompletionRequest:
    """The body of /v1/completions. Raises ApiError and nothing else."""
    return _parse(CompletionRequest, read_json(body, limits), limits)


def token_estimate(request: Request, limits: Limits) -> int:
    """Tokens that a key's quota is charged with until the engine has counted them.

    A token for each character of the prompt, about what Chinese takes and four times what English
    does, and the whole of what every answer may have.
    """
    answer = request.answer_tokens or limits.max_tokens
    return request.prompt_characters + request.answers * answer


def _parse(model: type[Asked], body: dict[str, Any], limits: Limits) -> Asked:
    fields = {name: value for name, value in body.items() if value is not None}
    groups: dict[str, Any] = {}
    for group, part in GROUPS.items():
        shared = {name: fields.pop(name) for name in names_of(part) if name in fields}
        groups[group] = checked(part, shared)
    own = names_of(model).keys() - GROUPS.keys()
    for name in fields:
        if name in UNSUPPORTED:
            raise ApiError(errors.UNSUPPORTED_FIELD, param=name)
        if name not in own:
            raise unknown(name)
    request = checked(model, fields | groups)
    refuse_too_much(request, limits)
    refuse_contradictions(request, limits)
    return request


def checked(model: type[Part], fields: dict[str, Any]) -> Part:
    """The fields as the model. Raises ApiError."""
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        found = refusal(model, error)
    raise found  # out here it has no context, which would hold what was sent
