"""One client per process: openai over aiohttp, retries with jitter, the journal before the wire."""

import asyncio
import json
import random
from dataclasses import dataclass
from typing import Any

from aiohttp import ClientConnectorError
from openai import APIConnectionError, APIStatusError, APITimeoutError, AsyncOpenAI
from openai.types.chat import ChatCompletion

from jobs.domain.prompts import Message
from jobs.llm.api import Api, api_key
from jobs.llm.journal import Journal, Reply, call_key
from jobs.runtime.storage import Folder

RETRIED = {408, 409, 429}  # and every 5xx
FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 30.0
COMMIT_EVERY = 32  # replies: at most these are paid again after a kill, besides those in flight


class CallError(Exception):
    """A reply that could not be had, with the error's name."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


class MalformedReply(Exception):
    """A reply that is no chat completion: a proxy's page, or JSON that was cut."""


Fault = APIConnectionError | APIStatusError | MalformedReply


@dataclass(frozen=True)
class Endpoint:
    """Where to call: the account's settings, the address they stand for now, and the journal."""

    api: Api
    url: str  # the address on the wire
    journal_name: str  # address in the journal's key: the offline stand-in has no fixed port
    journal: Folder


class Client:
    """Asks one endpoint; `in_flight` calls at once."""

    def __init__(self, endpoint: Endpoint, in_flight: int) -> None:
        # Imported here: at module level cloudpickle breaks the class (see openai's aiohttp extra).
        from openai import DefaultAioHttpClient

        self.endpoint = endpoint
        self.journal = Journal(endpoint.journal)
        self.slots = asyncio.Semaphore(in_flight)
        self.openai = AsyncOpenAI(
            api_key=api_key(endpoint.api),
            base_url=endpoint.url,
            max_retries=0,
            timeout=endpoint.api.timeout_s,
            http_client=DefaultAioHttpClient(),
        )

    async def ask(self, messages: list[Message], seed: int) -> tuple[Reply, bool]:
        """The reply, and whether it was paid for now. Raises CallError with the error's name."""
        api = self.endpoint.api
        parameters: dict[str, Any] = {
            "model": api.model,
            "messages": messages,
            "temperature": api.temperature,
            "max_tokens": api.max_tokens,
            "seed": seed,
        }
        key = call_key(self.endpoint.journal_name, parameters)
        known = self.journal.find(key)
        if known is not None:
            return known, False
        async with self.slots:
            reply = await self._attempts(key, parameters)
        self.journal.add(reply)
        if len(self.journal.pending) >= COMMIT_EVERY:
            self.journal.commit()
        return reply, True

    async def close(self) -> None:
        """End the connections."""
        await self.openai.close()

    async def _attempts(self, key: str, parameters: dict[str, Any]) -> Reply:
        attempts = self.endpoint.api.attempts
        for attempt in range(1, attempts + 1):
            try:
                return await self._once(key, parameters)
            except (APIConnectionError, APIStatusError, MalformedReply) as error:
                wait = retry_wait(error, attempt)
                if wait is None or attempt == attempts:
                    raise CallError(error_name(error), describe_error(error)) from error
            await asyncio.sleep(wait)
        raise AssertionError("unreachable: the last attempt returns or raises")

    async def _once(self, key: str, parameters: dict[str, Any]) -> Reply:
        try:
            answer = await self.openai.chat.completions.create(**parameters)
        except json.JSONDecodeError as error:
            raise MalformedReply from error
        if not isinstance(answer, ChatCompletion):
            raise MalformedReply
        choice = answer.choices[0] if answer.choices else None
        if choice is not None and not choice.message:
            raise MalformedReply
        text = choice.message.content if choice else None
        if choice is None or not text:
            raise CallError("empty_reply", "the reply has no text")
        usage = answer.usage
        return Reply(
            key=key,
            text=text,
            finish_reason=choice.finish_reason,
            prompt_tokens=usage.prompt_tokens if usage else 0,
            completion_tokens=usage.completion_tokens if usage else 0,
        )


def retry_wait(error: Fault, attempt: int) -> float | None:
    """Seconds before the next attempt, with full jitter; None where trying again cannot help."""
    status = error.status_code if isinstance(error, APIStatusError) else None
    if status is not None and status not in RETRIED and status < 500:
        return None
    if isinstance(error, APIStatusError):
        after = error.response.headers.get("retry-after", "")
        if after.replace(".", "", 1).isdigit():
            return float(after)
    return random.uniform(0, min(LONGEST_WAIT_S, FIRST_WAIT_S * 2**attempt))


def error_name(error: Fault) -> str:
    """The name a Failed row carries."""
    if isinstance(error, MalformedReply):
        return "malformed_reply"
    # openai's aiohttp transport calls a refused connection a timeout.
    refused = error.__cause__ and isinstance(error.__cause__.__cause__, ClientConnectorError)
    if isinstance(error, APITimeoutError) and not refused:
        return "timeout"
    return f"http_{error.status_code}" if isinstance(error, APIStatusError) else "connection"


def describe_error(error: Fault) -> str:
    """One line without the prompt or the key."""
    return type(error).__name__
