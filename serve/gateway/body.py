"""A request's body, from bytes to a JSON object that every later step can carry.

Stricter than Python's json, which takes NaN, keeps the last of two equal keys, lets half a
surrogate pair through (no tokenizer can encode it) and converts a million digits.
"""

import itertools
import json
import math
import re
from collections.abc import Iterable
from typing import Any

from serve.gateway.errors import BAD_JSON, BAD_UTF8, BODY_TOO_LONG, ApiError
from serve.gateway.limits import Limits

UNFIT = re.compile("[\ud800-\udfff\0]")  # no text holds half a pair or U+0000
SMALLEST, LARGEST = -(2**63), 2**64 - 1  # what the engine's messages can carry
MOST_DIGITS = 20


def read_json(body: bytes, limits: Limits) -> dict[str, Any]:
    """The object in a request's body. Raises ApiError and nothing else.

    >>> read_json(b'{"model": "housestyle"}', Limits())
    {'model': 'housestyle'}
    """
    if len(body) > limits.body_bytes:
        raise ApiError(BODY_TOO_LONG, limit=limits.body_bytes)
    found = _loaded(body, limits)
    if isinstance(found, ApiError):
        raise found
    if not isinstance(found, dict):
        raise ApiError(BAD_JSON, wanted="a JSON object")
    _check_depth_and_text(found, limits)
    return found


def _loaded(body: bytes, limits: Limits) -> Any:
    """What the JSON says, or the error: raised here, it would have the body in its context."""
    try:
        return json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_object,
            parse_constant=_constant,
            parse_int=_integer,
            parse_float=_decimal,
        )
    except UnicodeDecodeError:
        return ApiError(BAD_UTF8)
    except json.JSONDecodeError:
        return ApiError(BAD_JSON, wanted="valid JSON")
    except RecursionError:
        return _too_deep(limits)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ApiError(BAD_JSON, wanted="each key of an object once")
    return found


def _constant(_: str) -> float:
    raise ApiError(BAD_JSON, wanted="finite numbers, which NaN and Infinity are not")


def _integer(digits: str) -> int:
    number = int(digits) if len(digits) <= MOST_DIGITS else None
    if number is None or not SMALLEST <= number <= LARGEST:
        raise ApiError(BAD_JSON, wanted="integers of at most 64 bits")
    return number


def _decimal(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ApiError(BAD_JSON, wanted="numbers that are not too large")
    return number


def _check_depth_and_text(found: dict[str, Any], limits: Limits) -> None:
    """Level by level, so that no depth is too much for this very check."""
    level: list[Any] = [found]
    values = 0
    for depth in itertools.count():
        texts = [value for value in level if isinstance(value, str)]
        if any(map(UNFIT.search, texts)):
            raise ApiError(BAD_JSON, wanted="text without U+0000 and half surrogate pairs")
        inner = [value for value in level if isinstance(value, dict | list)]
        if not inner:
            return
        if depth == limits.depth:
            raise _too_deep(limits)
        values += sum(map(len, inner))
        if values > limits.values:
            wanted = f"at most {limits.values} values in all arrays and objects together"
            raise ApiError(BAD_JSON, wanted=wanted)
        level = [each for value in inner for each in parts_of(value)]


def parts_of(value: dict[str, Any] | list[Any]) -> Iterable[Any]:
    """An array's values; an object's keys and values."""
    return itertools.chain(value, value.values()) if isinstance(value, dict) else value


def _too_deep(limits: Limits) -> ApiError:
    return ApiError(BAD_JSON, wanted=f"at most {limits.depth} arrays and objects within each other")
