"""The fields of /v1/chat/completions and /v1/completions, their types and their fixed bounds.

A body is flat, as OpenAI's are; in code its fields lie in three groups, of which both routes share
two. Types are strict: "1" is no number, and true no integer. A field's description is what a
client is told when it is wrong.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

STRICT = ConfigDict(strict=True, extra="forbid", frozen=True)
INT64 = 2**63 - 1
COMPLETION_TOKENS = 16  # of a completion that names no max_tokens: OpenAI's default, and vLLM's

Text = Annotated[str, Field(min_length=1)]


class TextPart(BaseModel):
    """A part of a message; pictures and sounds are not taken."""

    model_config = STRICT

    type: Literal["text"] = Field(description='"text": no other parts are taken')
    text: str = Field(description="a string")


class Message(BaseModel):
    """One message. Clients send an answer back as they got it, with its empty fields."""

    model_config = STRICT

    role: Literal["system", "developer", "user", "assistant"] = Field(
        description="one of system, developer, user, assistant"
    )
    content: str | list[TextPart] = Field(
        description='a string, or an array of parts such as {"type": "text", "text": ...}'
    )
    name: str | None = Field(default=None, max_length=64, description="at most 64 characters")
    refusal: None = Field(default=None, description="null")
    annotations: None = Field(default=None, description="null")
    audio: None = Field(default=None, description="null")
    function_call: None = Field(default=None, description="null: functions are not supported")
    tool_calls: None = Field(default=None, description="null: tools are not supported")
    reasoning: None = Field(default=None, description="null")

    @property
    def characters(self) -> int:
        """The length of its text."""
        if isinstance(self.content, str):
            return len(self.content)
        return sum(len(part.text) for part in self.content)


class JsonSchema(BaseModel):
    """The schema of a json_schema response format."""

    model_config = STRICT

    name: str = Field(
        pattern=r"^[A-Za-z0-9_-]{1,64}$", description="1 to 64 of a-z, A-Z, 0-9, _ and -"
    )
    schema_: dict[str, Any] = Field(alias="schema", description="a JSON schema: an object")
    description: str | None = Field(default=None, max_length=1024, description="a string")
    strict: bool | None = Field(default=None, description="true or false; always strict here")


class ResponseFormat(BaseModel):
    """What the answer has to be."""

    model_config = STRICT

    type: Literal["text", "json_object", "json_schema"] = Field(
        description="one of text, json_object, json_schema"
    )
    json_schema: JsonSchema | None = Field(
        default=None, description="an object with name and schema, with type json_schema alone"
    )


class StreamOptions(BaseModel):
    """What a stream has besides text."""

    model_config = STRICT

    include_usage: bool | None = Field(default=None, description="true or false")


class Sampling(BaseModel):
    """How tokens are drawn; names and meanings are vLLM's."""

    model_config = STRICT

    temperature: float | None = Field(default=None, ge=0, le=2, description="a number from 0 to 2")
    top_p: float | None = Field(
        default=None, gt=0, le=1, description="a number above 0 and at most 1"
    )
    top_k: int | None = Field(
        default=None, ge=-1, le=1_000_000, description="an integer, 0 or -1 for no limit"
    )
    min_p: float | None = Field(default=None, ge=0, le=1, description="a number from 0 to 1")
    frequency_penalty: float | None = Field(
        default=None, ge=-2, le=2, description="a number from -2 to 2"
    )
    presence_penalty: float | None = Field(
        default=None, ge=-2, le=2, description="a number from -2 to 2"
    )
    repetition_penalty: float | None = Field(
        default=None, ge=0.1, le=10, description="a number from 0.1 to 10; 1 is none"
    )
    seed: int | None = Field(
        default=None, ge=-INT64 - 1, le=INT64, description="an integer of 64 bits"
    )
    stop: Text | list[Text] | None = Field(
        default=None, description="a string, or an array of strings, none of them empty"
    )
    logit_bias: (
        dict[
            Annotated[str, Field(pattern="^[0-9]{1,9}$")], Annotated[float, Field(ge=-100, le=100)]
        ]
        | None
    ) = Field(
        default=None,
        max_length=300,
        description="at most 300 token ids, each with a number from -100 to 100",
    )
    min_tokens: int | None = Field(
        default=None, ge=0, description="an integer from 0 to max_tokens"
    )
    ignore_eos: bool | None = Field(default=None, description="true or false")


class Form(BaseModel):
    """How many answers, and in which form."""

    model_config = STRICT

    n: int | None = Field(default=None, ge=1, description="an integer, 1 or more")
    stream: bool | None = Field(default=None, description="true or false")
    stream_options: StreamOptions | None = Field(
        default=None, description='an object such as {"include_usage": true}'
    )
    response_format: ResponseFormat | None = Field(
        default=None, description='an object such as {"type": "json_object"}'
    )
    user: str | None = Field(
        default=None, max_length=512, description="a string of at most 512 characters"
    )


TOKENS = Field(default=None, ge=1, description="an integer, 1 or more")
MODEL = Field(
    min_length=1, max_length=200, description="the name of a model that GET /v1/models lists"
)


class ChatRequest(BaseModel):
    """The body of /v1/chat/completions."""

    model_config = STRICT

    model: str = MODEL
    messages: list[Message] = Field(
        min_length=1, description="an array of messages, each with role and content"
    )
    max_tokens: int | None = TOKENS
    max_completion_tokens: int | None = TOKENS  # OpenAI's newer name for the same
    logprobs: bool | None = Field(default=None, description="true or false")
    top_logprobs: int | None = Field(default=None, ge=0, description="an integer, 0 or more")
    sampling: Sampling
    form: Form

    @property
    def prompt_characters(self) -> int:
        """The length of all messages."""
        return sum(message.characters for message in self.messages)

    @property
    def answers(self) -> int:
        """How many answers are wanted."""
        return self.form.n or 1

    @property
    def answer_tokens(self) -> int | None:
        """The most that one answer may have, if it was said."""
        return self.max_completion_tokens or self.max_tokens

    def to_engine(self) -> dict[str, Any]:
        """The arguments of vLLM's ChatCompletionRequest.

        A developer's message is the system's under OpenAI's newer name; chat templates of open
        models know no such role.
        """
        messages = [plain(message) for message in self.messages]
        for message in messages:
            if message["role"] == "developer":
                message["role"] = "system"
        rest = plain(self) | {"messages": messages}
        tokens = rest.pop("max_tokens", None)
        return rest if tokens is None else {"max_completion_tokens": tokens, **rest}


class CompletionRequest(BaseModel):
    """The body of /v1/completions."""

    model_config = STRICT

    model: str = MODEL
    prompt: Text | Annotated[list[Text], Field(min_length=1)] = Field(
        description="a string, or an array of strings, none of them empty; token ids are not taken"
    )
    max_tokens: int | None = TOKENS
    logprobs: int | None = Field(default=None, ge=0, description="an integer, 0 or more")
    sampling: Sampling
    form: Form

    @property
    def prompts(self) -> list[str]:
        """The prompts, one or more."""
        return [self.prompt] if isinstance(self.prompt, str) else self.prompt

    @property
    def prompt_characters(self) -> int:
        """The length of all prompts."""
        return sum(map(len, self.prompts))

    @property
    def answers(self) -> int:
        """How many answers are wanted, to all prompts together."""
        return len(self.prompts) * (self.form.n or 1)

    @property
    def answer_tokens(self) -> int | None:
        """The most that one answer may have."""
        return self.max_tokens or COMPLETION_TOKENS

    def to_engine(self) -> dict[str, Any]:
        """The arguments of vLLM's CompletionRequest."""
        return plain(self)


def plain(part: BaseModel) -> dict[str, Any]:
    """What was given, flat, under the names that clients use.

    `user` stays here: the engine has no use for it. So do nulls, except inside a client's own
    schema, where they mean something; pydantic's exclude_none would take those too.
    """
    found: dict[str, Any] = {}
    for name, field in type(part).model_fields.items():
        value = getattr(part, name)
        if isinstance(value, Sampling | Form):
            found |= plain(value)
        elif value is not None and name != "user":
            found[field.alias or name] = plain_value(value)
    return found


def plain_value(value: Any) -> Any:
    """A field's value as JSON has it."""
    if isinstance(value, BaseModel):
        return plain(value)
    return [plain_value(each) for each in value] if isinstance(value, list) else value
