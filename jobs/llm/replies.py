"""What comes back for a call, and what of it cannot be used."""

from dataclasses import dataclass

# finish_reason -> the name a Failed row carries.
PROBLEMS = {"length": "cut_off", "content_filter": "content_filter", "refusal": "refused"}


@dataclass(frozen=True)
class Usage:
    """Tokens of one call as the service counted them."""

    prompt_tokens: int = 0
    cached_tokens: int = 0  # of the prompt's: read from the service's cache, at a lower price
    completion_tokens: int = 0


@dataclass(frozen=True)
class Reply:
    """What came back for one call, and was paid for."""

    key: str  # its place in the journal
    text: str
    finish_reason: str  # stop, length, content_filter, refusal, ...
    usage: Usage

    @property
    def problem(self) -> str:
        """Why the text cannot be used; empty where it can.

        >>> Reply("k", "half a sen", "length", Usage()).problem
        'cut_off'
        >>> Reply("k", " ", "stop", Usage()).problem, Reply("k", "a", "stop", Usage()).problem
        ('empty_reply', '')
        """
        found = PROBLEMS.get(self.finish_reason, "")
        return found or ("" if self.text.strip() else "empty_reply")
