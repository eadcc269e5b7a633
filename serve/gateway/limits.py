"""How much one request may ask for. What a key may ask for in a minute is in serve.quotas."""

from pydantic import BaseModel, ConfigDict, Field


class Limits(BaseModel):
    """Bounds of one request; what is above them is refused before it reaches an engine."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    body_bytes: int = Field(default=512 * 1024, ge=1024)
    depth: int = Field(default=32, ge=8, le=200)  # arrays and objects within each other
    values: int = Field(default=5000, ge=100)  # in all arrays and objects; a wrong one takes 20 us
    prompt_characters: int = Field(default=60_000, ge=1)  # of all messages or prompts together
    messages: int = Field(default=200, ge=1)
    answers: int = Field(default=16, ge=1)  # n, times the prompts of a completion
    max_tokens: int = Field(default=4096, ge=1)  # of one answer
    stop_sequences: int = Field(default=4, ge=1)
    stop_characters: int = Field(default=100, ge=1)  # a stream is held back by as many
    top_logprobs: int = Field(default=20, ge=0)  # vLLM's own limit, unless max_logprobs is set
    schema_characters: int = Field(default=20_000, ge=2)  # of a JSON schema for the answer
    # The grammar compiler unrolls counts in a pattern: a{1000} takes it 0.5 s, and a{10000} minutes
    # in which the engine answers nobody (xgrammar 0.2.8). So their product is bounded.
    schema_pattern_counts: int = Field(default=1000, ge=1)
