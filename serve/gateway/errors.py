"""Every error that a client can be answered with, in OpenAI's envelope and with its status.

    {"error": {"message": ..., "type": ..., "param": ..., "code": ...}}

The status decides which exception an openai client raises, and whether it tries again. As with
OpenAI, a malformed request is 400 and never 422, and a model outside a key's scope is 403 with the
code of an unknown one. Codes are text throughout, where OpenAI's are sometimes null.

A message holds words of this project alone: the table's, the names of declared fields, limits from
the settings. What a client sent and what an exception said stay out of it, for an answer is logged
and shown in places where a prompt has no business.
"""

import math
from dataclasses import dataclass
from typing import Any

from serve.quotas import Refused

INVALID = "invalid_request_error"
UNAVAILABLE = "service_unavailable_error"
AGAIN_S = 1.0  # where nobody knows how long it takes


@dataclass(frozen=True)
class Kind:
    """One row of the table."""

    status: int
    type: str
    code: str
    message: str  # {words} are filled in by who raises it
    waits: bool = False  # the same request may succeed later: the answer says when


class ApiError(Exception):
    """The request is answered with this and nothing else."""

    def __init__(
        self,
        kind: Kind,
        *,
        param: str | None = None,
        retry_after_s: float | None = None,
        **words: str | float,
    ) -> None:
        self.kind, self.param = kind, param
        self.message = kind.message.format(param=param, **words)
        self.retry_after_s = retry_after_s
        if kind.waits and retry_after_s is None:
            self.retry_after_s = AGAIN_S
        super().__init__(self.message)

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.kind.status

    def body(self) -> dict[str, Any]:
        """The envelope; also what a stream that breaks sends as its last event."""
        error = {"message": self.message, "type": self.kind.type}
        return {"error": {**error, "param": self.param, "code": self.kind.code}}

    def headers(self) -> dict[str, str]:
        """Headers that belong to it: when to come back, how to authenticate.

        Retry-After is in whole seconds, so rounded up; openai's clients prefer retry-after-ms, and
        would repeat every 429 if they were not told that it is useless.
        """
        found = {}
        if self.retry_after_s is not None:
            wait_ms = max(1, math.ceil(self.retry_after_s * 1000))
            found["Retry-After"] = str(math.ceil(wait_ms / 1000))
            found["retry-after-ms"] = str(wait_ms)
        elif self.status == 429:
            found["x-should-retry"] = "false"
        if self.status == 401:
            found["WWW-Authenticate"] = "Bearer"
        return found


# The body as a whole
BAD_UTF8 = Kind(400, INVALID, "invalid_utf8", "The body is not UTF-8. Send JSON encoded in UTF-8.")
BAD_JSON = Kind(400, INVALID, "invalid_json", "The body cannot be read: wanted {wanted}.")
BODY_TOO_LONG = Kind(
    413,
    INVALID,
    "request_too_large",
    "The body is longer than {limit} bytes, the most that is taken. Send a shorter one.",
)
WRONG_MEDIA_TYPE = Kind(
    415, INVALID, "unsupported_media_type", "Wanted Content-Type: application/json."
)
TOO_SLOW = Kind(
    408, INVALID, "request_timeout", "The request did not arrive within {limit} seconds."
)

# Its fields
UNKNOWN_FIELD = Kind(400, INVALID, "unknown_parameter", "Unknown field {name}. Leave it out.")
UNSUPPORTED_FIELD = Kind(
    400,
    INVALID,
    "unsupported_parameter",
    "'{param}' is not supported by this endpoint. Leave it out.",
)
MISSING_FIELD = Kind(
    400, INVALID, "missing_required_parameter", "'{param}' is missing: wanted {wanted}."
)
WRONG = "Invalid '{param}': wanted {wanted}."
WRONG_TYPE = Kind(400, INVALID, "invalid_type", WRONG)
WRONG_VALUE = Kind(400, INVALID, "invalid_value", WRONG)
INTEGER_ABOVE = Kind(400, INVALID, "integer_above_max_value", WRONG)
INTEGER_BELOW = Kind(400, INVALID, "integer_below_min_value", WRONG)
DECIMAL_ABOVE = Kind(400, INVALID, "decimal_above_max_value", WRONG)
DECIMAL_BELOW = Kind(400, INVALID, "decimal_below_min_value", WRONG)
TEXT_TOO_LONG = Kind(400, INVALID, "string_above_max_length", WRONG)
TEXT_TOO_SHORT = Kind(400, INVALID, "string_below_min_length", WRONG)
ARRAY_TOO_LONG = Kind(400, INVALID, "array_above_max_length", WRONG)
ARRAY_TOO_SHORT = Kind(400, INVALID, "array_below_min_length", WRONG)
TOO_MANY_TOKENS = Kind(
    400,
    INVALID,
    "context_length_exceeded",
    "Prompt and answer do not fit in the model's context of {limit} tokens. Shorten the prompt, "
    "or lower max_tokens.",
)
# What the engine alone can find: a schema it has no grammar for, a token that is not there.
REFUSED_BY_ENGINE = Kind(
    400, INVALID, "invalid_value", "The model cannot answer this request as it is set up."
)

# Who asks, and what for
NO_KEY = Kind(
    401,
    INVALID,
    "invalid_api_key",
    "No API key was given. Send it as the header Authorization: Bearer <key>.",
)
WRONG_KEY = Kind(
    401,
    INVALID,
    "invalid_api_key",
    "The API key is not known here, or was revoked. Ask whoever runs this endpoint for one.",
)
MODEL_NOT_ALLOWED = Kind(
    403,
    INVALID,
    "model_not_found",
    "This API key may not use the model asked for. GET /v1/models lists those it may.",
)
ORIGIN_NOT_ALLOWED = Kind(
    403, INVALID, "origin_not_allowed", "Pages of this origin may not use the endpoint."
)
NO_SUCH_MODEL = Kind(
    404,
    INVALID,
    "model_not_found",
    "The model asked for does not exist. GET /v1/models lists those that do.",
)
NO_SUCH_ROUTE = Kind(404, INVALID, "unknown_url", "There is nothing at this address.")
WRONG_METHOD = Kind(
    405, INVALID, "method_not_allowed", "This address does not take the method used."
)

# How much
TOO_MANY_REQUESTS = Kind(
    429,
    "requests",
    "rate_limit_exceeded",
    "The API key's {limit} requests a minute are used up. Come back in {wait_s} s.",
    waits=True,
)
TOO_MANY_TOKENS_A_MINUTE = Kind(
    429,
    "tokens",
    "rate_limit_exceeded",
    "The API key's {limit} tokens a minute are used up. Come back in {wait_s} s.",
    waits=True,
)
TOO_MANY_AT_ONCE = Kind(
    429,
    "requests",
    "rate_limit_exceeded",
    "The API key has {limit} requests under way, the most it may. Come back when one has ended.",
    waits=True,
)
MORE_THAN_A_MINUTE = Kind(
    429,
    "insufficient_quota",
    "insufficient_quota",
    "This request may take more tokens than the {limit} that its API key has in a whole minute. "
    "Lower max_tokens or n, or shorten the prompt.",
)

# Our side
INTERNAL = Kind(500, "server_error", "internal_error", "Something went wrong on our side.")
OVERLOADED = Kind(
    503,
    UNAVAILABLE,
    "server_is_overloaded",
    "More requests are waiting than can be answered. Come back in a moment.",
    waits=True,
)
ENGINE_LOST = Kind(
    503,
    UNAVAILABLE,
    "engine_unavailable",
    "The model is starting, or was lost and is being started again. Come back in a moment.",
    waits=True,
)

TABLE = tuple(kind for kind in list(globals().values()) if isinstance(kind, Kind))


def over_quota(refused: Refused) -> ApiError:
    """What a key's owner is told when a limit is in the way."""
    if refused.retry_after_s is None:
        return ApiError(MORE_THAN_A_MINUTE, limit=refused.limit)
    kinds = {
        "requests": TOO_MANY_REQUESTS,
        "tokens": TOO_MANY_TOKENS_A_MINUTE,
        "in_flight": TOO_MANY_AT_ONCE,
    }
    wait_s = refused.retry_after_s
    return ApiError(kinds[refused.which], retry_after_s=wait_s, limit=refused.limit, wait_s=wait_s)
