"""The formats that people's own data comes in: which one a row has, and what it says.

TRL: `prompt` and `completion`, `messages`, or `chosen` and `rejected`, each a text or a list of
messages (TRL's documentation, dataset formats). ShareGPT: `conversations` of `from` and `value`.
Alpaca: `instruction`, `input`, `output`; in both, `chosen` and `rejected` in place of an output, as
LLaMA-Factory has them. Two are our own: `text` alone, and `text` with the `facts` it was written
for.
"""

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from jobs.domain.errors import RowError
from jobs.domain.prompts import Message

Record = Mapping[str, Any]

SPEAKERS = {
    "system": "system",
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "assistant": "assistant",
    "chatgpt": "assistant",
    "bing": "assistant",
    "bard": "assistant",
}
ROLES = ("system", "user", "assistant")


@dataclass(frozen=True)
class Sample:
    """A text as one would like more of."""

    text: str
    title: str = ""


@dataclass(frozen=True)
class House:
    """A text of the house, with the product facts it was written for."""

    text: str
    product_id: str
    content_type: str
    facts: dict[str, Any]


@dataclass(frozen=True)
class Chat:
    """A chat with the completion it ends in."""

    prompt: list[Message]
    completion: str


@dataclass(frozen=True)
class Preference:
    """A chat with a better and a worse completion."""

    prompt: list[Message]
    chosen: str
    rejected: str
    kind: str = ""


Content = Sample | House | Chat | Preference


def recognised(columns: Collection[str]) -> str:
    """The format that has these columns. Raises RowError naming all formats.

    >>> recognised({"instruction", "input", "output"}), recognised({"messages", "id"})
    ('alpaca', 'trl')
    """
    for name, alternatives in COLUMNS.items():
        if any(set(wanted) <= set(columns) for wanted in alternatives):
            return name
    known = "; ".join(
        f"{name}: {' or '.join('+'.join(wanted) for wanted in alternatives)}"
        for name, alternatives in COLUMNS.items()
    )
    raise RowError(
        f"columns {', '.join(sorted(columns)) or 'none'} fit no format; known are {known}"
    )


def read_as(name: str, record: Record) -> Content:
    """What a row of the format `name` says. Raises RowError where it does not have that format."""
    present = {key: value for key, value in record.items() if not is_empty(value)}
    return READERS[name]({key: unpacked(value) for key, value in present.items()})


def is_empty(value: Any) -> bool:
    """Nothing, as JSON, a blank CSV cell or Parquet state it."""
    return value is None or value == [] or (isinstance(value, str) and not value.strip())


def unpacked(value: Any) -> Any:
    """A list or object that stands in a cell as JSON; anything else as it is.

    >>> unpacked('[{"role": "user"}]'), unpacked("[sic] a text")
    ([{'role': 'user'}], '[sic] a text')
    """
    if isinstance(value, str) and value.lstrip().startswith(('[{"', '{"')):
        try:
            return json.loads(value)
        except json.JSONDecodeError:
            return value
    return value


def trl(record: Record) -> Content:
    """Prompt and completion, messages, or chosen and rejected."""
    if "chosen" in record or "rejected" in record:
        return trl_preference(record)
    if "messages" in record:
        return ended(turns_of(record["messages"], "messages"))
    prompt = turns_of(needed(record, "prompt"), "prompt", role="user")
    completion = turns_of(needed(record, "completion"), "completion", role="assistant")
    return ended([*prompt, *completion])


def trl_preference(record: Record) -> Preference:
    """With a prompt, or with one that chosen and rejected both begin with."""
    chosen = turns_of(needed(record, "chosen"), "chosen", role="assistant")
    rejected = turns_of(needed(record, "rejected"), "rejected", role="assistant")
    prompt = turns_of(record["prompt"], "prompt", role="user") if "prompt" in record else []
    better, worse = ended([*prompt, *chosen]), ended([*prompt, *rejected])
    if better.prompt != worse.prompt:
        raise RowError("chosen and rejected answer different prompts; wanted one prompt")
    return preference(better.prompt, better.completion, worse.completion, record)


def sharegpt(record: Record) -> Content:
    """A conversation that ends with the assistant, or one to which two answers are given."""
    turns = [spoken(turn) for turn in listed(needed(record, "conversations"), "conversations")]
    if "system" in record and turns[0]["role"] != "system":
        turns.insert(0, said("system", record["system"], "system"))
    if "chosen" not in record and "rejected" not in record:
        return ended(turns)
    texts = [spoken(needed(record, name))["content"] for name in ("chosen", "rejected")]
    return preference(turns, texts[0], texts[1], record)


def spoken(turn: Any) -> Message:
    """One turn of ShareGPT: from and value."""
    found = turn.get("from") if isinstance(turn, dict) else turn
    if not isinstance(turn, dict) or not isinstance(found, str) or found not in SPEAKERS:
        raise RowError(f"a turn from {found!r}; wanted one of {', '.join(SPEAKERS)}")
    return said(SPEAKERS[turn["from"]], turn.get("value"), "value")


def alpaca(record: Record) -> Content:
    """An instruction with its input, and an output or two to choose from."""
    needed(record, "instruction")
    parts = [name for name in ("instruction", "input") if name in record]
    asked = "\n".join(text_of(record[name], name) for name in parts)
    prompt = [said("system", record["system"], "system")] if "system" in record else []
    for turn in listed(record["history"], "history") if "history" in record else ():
        if not isinstance(turn, list | tuple) or len(turn) != 2:
            raise RowError(f"a history entry {str(turn)[:60]!r}; wanted [question, answer]")
        prompt += [said("user", turn[0], "history"), said("assistant", turn[1], "history")]
    prompt.append(said("user", asked, "instruction"))
    if "chosen" in record or "rejected" in record:
        texts = [needed(record, name) for name in ("chosen", "rejected")]
        return preference(prompt, texts[0], texts[1], record)
    return ended([*prompt, said("assistant", needed(record, "output"), "output")])


def texts(record: Record) -> Content:
    """A text, with a title if it has one."""
    return Sample(text_of(needed(record, "text"), "text"), str(record.get("title", "")))


def copies(record: Record) -> Content:
    """A text with product_id, content_type and facts."""
    facts = needed(record, "facts")
    if not isinstance(facts, dict) or not facts.get("name"):
        raise RowError(f"facts {str(facts)[:60]!r}; wanted a JSON object with at least a name")
    return House(
        text=text_of(needed(record, "text"), "text"),
        product_id=str(needed(record, "product_id")),
        content_type=str(needed(record, "content_type")),
        facts=facts,
    )


def preference(prompt: list[Message], chosen: Any, rejected: Any, record: Record) -> Preference:
    """The pair. Raises RowError where there is nothing to prefer, or no question."""
    better, worse = text_of(chosen, "chosen"), text_of(rejected, "rejected")
    if better.strip() == worse.strip():
        raise RowError("chosen and rejected are the same text")
    answerable(prompt)
    return Preference(prompt, better, worse, str(record.get("kind", "")))


def ended(turns: list[Message]) -> Chat:
    """The turns as prompt and completion. Raises RowError where the last is no answer."""
    if not turns or turns[-1]["role"] != "assistant":
        found = turns[-1]["role"] if turns else "nothing"
        raise RowError(f"the chat ends with {found}; wanted an answer of the assistant")
    answerable(turns[:-1])
    return Chat(turns[:-1], turns[-1]["content"])


def answerable(prompt: list[Message]) -> None:
    """Raise RowError for a prompt that does not end with the user's turn."""
    if not prompt or prompt[-1]["role"] != "user":
        found = prompt[-1]["role"] if prompt else "nothing"
        raise RowError(f"before the answer comes {found}; wanted a turn of the user")
    if any(turn["role"] == "system" for turn in prompt[1:]):
        raise RowError("a system message after the first turn; wanted it at the beginning")


def turns_of(value: Any, name: str, role: str = "") -> list[Message]:
    """A list of messages; a text is one message of `role`, where that is given."""
    if isinstance(value, str) and role:
        return [said(role, value, name)]
    turns = []
    for turn in [value] if isinstance(value, dict) else listed(value, name):
        if not isinstance(turn, dict) or turn.get("role") not in ROLES:
            found = turn.get("role") if isinstance(turn, dict) else turn
            raise RowError(f"{name} has a turn of {found!r}; wanted one of {', '.join(ROLES)}")
        turns.append(said(turn["role"], turn.get("content"), name))
    return turns


def listed(value: Any, name: str) -> list[Any]:
    """The value as a list that is not empty. Raises RowError."""
    if not isinstance(value, list) or not value:
        raise RowError(f"{name} is {str(value)[:60]!r}; wanted a list of turns")
    return value


def said(role: str, content: Any, name: str) -> Message:
    """One message."""
    return {"role": role, "content": text_of(content, name)}


def text_of(value: Any, name: str) -> str:
    """The value as a text. Raises RowError for anything else, and for an empty one."""
    if isinstance(value, list) and all(isinstance(p, dict) and "text" in p for p in value):
        value = "\n".join(str(part["text"]) for part in value)
    if not isinstance(value, str) or not value.strip():
        raise RowError(f"{name} is {str(value)[:60]!r}; wanted text")
    return value


def needed(record: Record, name: str) -> Any:
    """A column's value. Raises RowError where it is not there or empty."""
    if name not in record:
        raise RowError(f"no {name}")
    return record[name]


# In the order in which they are tried: a row of one may have columns of those after it.
COLUMNS: dict[str, tuple[tuple[str, ...], ...]] = {
    "sharegpt": (("conversations",),),
    "alpaca": (("instruction", "output"), ("instruction", "chosen", "rejected")),
    "trl": (("messages",), ("prompt", "completion"), ("chosen", "rejected")),
    "copies": (("text", "facts"),),
    "texts": (("text",),),
}
READERS: dict[str, Callable[[Record], Content]] = {
    "sharegpt": sharegpt,
    "alpaca": alpaca,
    "trl": trl,
    "copies": copies,
    "texts": texts,
}
