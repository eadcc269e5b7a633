"""What a well-formed request is refused for: more than the limits, or fields that contradict."""

import json
import math
import re
from typing import Any

from serve.gateway import errors
from serve.gateway.errors import ApiError, Kind
from serve.gateway.limits import Limits
from serve.gateway.shapes import ChatRequest, CompletionRequest, ResponseFormat

BRACES = re.compile(r"\{([^}]*)")
NUMBER = re.compile("[0-9]+")
MANY = 10**9

Request = ChatRequest | CompletionRequest


def refuse_too_much(request: Request, limits: Limits) -> None:
    """Raise ApiError for what is above the limits."""
    prompt = "messages" if isinstance(request, ChatRequest) else "prompt"
    if isinstance(request, ChatRequest) and len(request.messages) > limits.messages:
        raise _above(errors.ARRAY_TOO_LONG, prompt, f"at most {limits.messages} messages")
    if request.prompt_characters > limits.prompt_characters:
        wanted = f"at most {limits.prompt_characters} characters together"
        raise _above(errors.TEXT_TOO_LONG, prompt, wanted)
    if request.answers > limits.answers:
        wanted = f"at most {limits.answers} answers to one request, over all its prompts"
        raise _above(errors.INTEGER_ABOVE, "n", wanted)
    for name in ("max_tokens", "max_completion_tokens"):
        if (getattr(request, name, None) or 0) > limits.max_tokens:
            wanted = f"an integer from 1 to {limits.max_tokens}"
            raise _above(errors.INTEGER_ABOVE, name, wanted)
    name = "top_logprobs" if isinstance(request, ChatRequest) else "logprobs"
    if (getattr(request, name) or 0) > limits.top_logprobs:
        raise _above(errors.INTEGER_ABOVE, name, f"an integer from 0 to {limits.top_logprobs}")
    _refuse_many_stops(request.sampling.stop or [], limits)
    if request.form.response_format is not None:
        _refuse_odd_format(request.form.response_format, limits)


def refuse_contradictions(request: Request, limits: Limits) -> None:
    """Raise ApiError where two fields cannot both be meant."""
    sampling, form = request.sampling, request.form
    if form.stream_options is not None and not form.stream:
        raise _odd("stream_options", "it only together with stream = true")
    if (form.n or 1) > 1 and sampling.temperature == 0:
        raise _odd("n", "1 with temperature = 0, where every answer would be the same")
    if (sampling.min_tokens or 0) > (request.answer_tokens or limits.max_tokens):
        raise _odd("min_tokens", "an integer that is not above max_tokens")
    if isinstance(request, ChatRequest):
        if request.max_tokens is not None and request.max_completion_tokens is not None:
            raise _odd("max_tokens", "either it or max_completion_tokens, which is its newer name")
        if request.top_logprobs and not request.logprobs:
            raise _odd("top_logprobs", "it only together with logprobs = true")


def _refuse_many_stops(stop: str | list[str], limits: Limits) -> None:
    stops = [stop] if isinstance(stop, str) else stop
    if len(stops) > limits.stop_sequences:
        raise _above(errors.ARRAY_TOO_LONG, "stop", f"at most {limits.stop_sequences} strings")
    if any(len(each) > limits.stop_characters for each in stops):
        wanted = f"strings of at most {limits.stop_characters} characters"
        raise _above(errors.TEXT_TOO_LONG, "stop", wanted)


def _refuse_odd_format(form: ResponseFormat, limits: Limits) -> None:
    where = "response_format.json_schema"
    if (form.type == "json_schema") is not (form.json_schema is not None):
        raise _odd(where, "an object with type json_schema, and only then")
    if form.json_schema is None:
        return
    schema = form.json_schema.schema_
    if len(json.dumps(schema, ensure_ascii=False)) > limits.schema_characters:
        wanted = f"at most {limits.schema_characters} characters of JSON"
        raise _above(errors.TEXT_TOO_LONG, f"{where}.schema", wanted)
    if sum(map(unrolled, patterns_in(schema))) > limits.schema_pattern_counts:
        wanted = (
            f"patterns that repeat things at most {limits.schema_pattern_counts} times in all, "
            "counts within counts multiplied"
        )
        raise _odd(f"{where}.schema", wanted)


def patterns_in(schema: Any) -> list[str]:
    """Every regular expression in a JSON schema.

    >>> patterns_in({"items": {"pattern": "a"}, "patternProperties": {"b": {"pattern": "c"}}})
    ['b', 'a', 'c']
    """
    if isinstance(schema, list):
        return [found for each in schema for found in patterns_in(each)]
    if not isinstance(schema, dict):
        return []
    found = [schema["pattern"]] if isinstance(schema.get("pattern"), str) else []
    if isinstance(schema.get("patternProperties"), dict):
        found += schema["patternProperties"]
    return found + [inner for each in schema.values() for inner in patterns_in(each)]


def unrolled(pattern: str) -> int:
    """How often a pattern repeats something at most: the product of its counts, 0 without any.

    Counts beside each other are multiplied too: telling them apart would take a parser. Whatever
    number stands in braces counts.

    >>> unrolled("^[0-9]{4}-(a{2,3}){10,}$"), unrolled("^a+$")
    (120, 0)
    """
    counts = [max([1, *map(bounded, NUMBER.findall(inside))]) for inside in BRACES.findall(pattern)]
    return math.prod(counts) if counts else 0


def bounded(digits: str) -> int:
    """A number, or MANY where it is more: thousands of digits are not converted."""
    significant = digits.lstrip("0")
    return int(significant or 0) if len(significant) < 10 else MANY


def _above(kind: Kind, param: str, wanted: str) -> ApiError:
    return ApiError(kind, param=param, wanted=wanted)


def _odd(param: str, wanted: str) -> ApiError:
    return ApiError(errors.WRONG_VALUE, param=param, wanted=wanted)
