"""What can go wrong with one attempt at a call: its name, and whether trying again can help."""

import email.utils
import json
import math
import time
from collections.abc import Iterator, Mapping
from typing import Any

import aiohttp
import httpx2

from jobs.llm.replies import Reply, Usage

RETRIED = {408, 409, 429}  # and every 5xx


class Fault(Exception):
    """An attempt without a reply.

    `name` is what a Failed row carries, `wait_s` what the service asked us to wait. The message
    holds nothing that the service wrote: services repeat prompts and keys in their errors.
    """

    def __init__(
        self, name: str, message: str, *, again: bool = False, wait_s: float | None = None
    ) -> None:
        super().__init__(message)
        self.name, self.again, self.wait_s = name, again, wait_s


def fault_of_status(status: int, headers: Mapping[str, str]) -> Fault:
    """The fault that an answer of another status than success stands for."""
    again = status in RETRIED or status >= 500
    wait = asked_wait(headers) if again else None
    return Fault(f"http_{status}", f"the service answered {status}", again=again, wait_s=wait)


def fault_of(error: httpx2.HTTPError) -> Fault:
    """The fault that an exception of the transport stands for."""
    causes = list(chain(error))
    if any(isinstance(cause, httpx2.DecodingError) for cause in causes):
        return Fault("malformed_reply", "the reply's encoding is not what it says", again=True)
    # openai's aiohttp transport calls a connection that is refused or reset a timeout.
    lost = any(
        isinstance(cause, OSError | aiohttp.ClientError) and not is_timeout(cause)
        for cause in causes
    )
    if not lost and isinstance(error, httpx2.TimeoutException):
        return Fault("timeout", "no reply in time", again=True)
    return Fault("connection", f"no connection: {type(causes[-1]).__name__}", again=True)


def is_timeout(error: BaseException) -> bool:
    """Python's own time-out, an OSError too since 3.11, and aiohttp's."""
    return isinstance(error, TimeoutError | aiohttp.ServerTimeoutError)


def chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what caused it."""
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__


def asked_wait(headers: Mapping[str, str]) -> float | None:
    """Seconds that Retry-After asks for, given as seconds or as an HTTP date (RFC 9110, 10.2.3).

    >>> asked_wait({"retry-after": "2.5"}), asked_wait({"retry-after": "soon"}), asked_wait({})
    (2.5, None, None)
    >>> asked_wait({"retry-after": "Thu, 01 Jan 1970 00:00:00 GMT"})
    0.0
    """
    asked = headers.get("retry-after", "").strip()
    try:
        seconds = float(asked)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(asked).timestamp() - time.time()
        except ValueError:
            return None
    return max(0.0, seconds) if math.isfinite(seconds) else None


def read_completion(body: bytes, key: str) -> Reply:
    """The reply in a chat completion's body. Raises Fault for what is none.

    A reply that was paid for and cannot be used (cut off, filtered, refused, empty) is a reply:
    `Reply.problem` names what is wrong with it.

    >>> read_completion(b'<html>', "k")
    Traceback (most recent call last):
    jobs.llm.faults.Fault: the reply is no JSON in UTF-8
    """
    try:
        answer = json.loads(body.decode())
    except (ValueError, RecursionError) as error:  # RecursionError: nested without end
        raise Fault("malformed_reply", "the reply is no JSON in UTF-8", again=True) from error
    if not isinstance(answer, dict):
        raise Fault("malformed_reply", "the reply is no JSON object", again=True)
    if answer.get("error"):
        raise _error_in_reply(answer["error"])
    choices = answer.get("choices")
    if not isinstance(choices, list):
        raise Fault("malformed_reply", "the reply has no list of choices", again=True)
    if not choices:
        raise Fault("empty_choices", "the reply has no choice", again=True)
    choice = choices[0]
    message = choice.get("message") if isinstance(choice, dict) else None
    content = message.get("content") if isinstance(message, dict) else 0
    if not isinstance(message, dict) or not isinstance(content, str | None):
        raise Fault("malformed_reply", "the reply's choice is no message with a text", again=True)
    if content and not is_writable(content):
        raise Fault("malformed_reply", "the reply's text has half a character", again=True)
    finish = "refusal" if message.get("refusal") else choice.get("finish_reason")
    return Reply(key, content or "", str(finish or "stop"), _usage(answer.get("usage")))


def is_writable(text: str) -> bool:
    """False where a text has a lone surrogate, which JSON can hold and no file.

    >>> is_writable("屏障"), is_writable(chr(0xD800))
    (True, False)
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _error_in_reply(error: Any) -> Fault:
    code = error.get("code") if isinstance(error, dict) else None
    status = int(str(code)) if str(code).isdigit() else 0
    again = not 400 <= status < 500 or status in RETRIED
    found = f" with the code {status}" if status else ""
    return Fault("error_in_reply", f"the reply of status 200 is an error{found}", again=again)


def _usage(usage: Any) -> Usage:
    """Tokens as the service counted them; zeros where it did not."""
    if not isinstance(usage, dict):
        return Usage()
    details = usage.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else None
    # DeepSeek's name for the same figure.
    cached = cached if cached is not None else usage.get("prompt_cache_hit_tokens")
    found = (usage.get("prompt_tokens"), cached, usage.get("completion_tokens"))
    return Usage(*(int(count) if isinstance(count, int | float) else 0 for count in found))
