"""A model's text for a brief, with what rewards and alarms ask of it."""

import json
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from jobs.domain.brand import Guide
from jobs.domain.lexicon import compact
from jobs.domain.prompts import ContentType, content_type
from jobs.domain.rows import Brief


@dataclass(frozen=True)
class Sample:
    """What a model wrote for a brief."""

    brief: Brief
    guide: Guide
    text: str
    finish_reason: str  # stop, or length where it was cut off

    @property
    def language(self) -> str:
        """The guide's."""
        return self.guide.language

    @property
    def facts(self) -> dict[str, Any]:
        """The product's facts."""
        return facts_of(self.brief.facts)

    @property
    def kind(self) -> ContentType:
        """The content type's front matter."""
        return content_type(self.brief.content_type, self.brief.language)

    @cached_property
    def letters(self) -> str:
        """The text's letters, digits and ideographs."""
        return compact(self.text)


@lru_cache(maxsize=4096)
def facts_of(facts: str) -> dict[str, Any]:
    """A brief's facts, parsed once for its many samples."""
    found: dict[str, Any] = json.loads(facts)
    return found
