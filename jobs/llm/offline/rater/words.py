"""The rater's word lists: `words.<language>.toml` beside this file."""

import re
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

LANGUAGES = ("zh", "ko", "en")
NEVER = re.compile(r"(?!)")


@cache
def words(language: str) -> dict[str, Any]:
    """The parsed file."""
    path = Path(__file__).parent / f"words.{language}.toml"
    return tomllib.loads(path.read_text(encoding="utf-8"))


def entry(language: str, key: str) -> Any:
    """What stands under a dotted key; None where the language lacks it."""
    found: Any = words(language)
    for part in key.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


@cache
def pattern(language: str, key: str) -> re.Pattern[str]:
    """A list, or one expression, as one expression."""
    found = entry(language, key)
    if not found:
        return NEVER
    return re.compile(
        "|".join(f"(?:{part})" for part in ([found] if isinstance(found, str) else found))
    )
