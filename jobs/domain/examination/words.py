"""The examination's own words: `words.<language>.toml`, one file for each language."""

import tomllib
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path

from jobs.domain.errors import InputError

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Words:
    """What is said in one language. Words in braces are filled in."""

    one_token: str
    refusal: str
    praise: str  # of itself
    injections: tuple[str, ...]  # instructions to the judge; one tries to close the fence
    banned_in_use: str
    off_brand_opening: str
    off_brand_closing: str
    exclamation: str  # the language's own mark
    certificate: str  # that no product of ours has
    concentration_in_name: str
    concentration_said: str
    this_product: str  # in the place of its name
    terse: str
    terse_value: str  # where the facts name no ingredient
    padding: tuple[str, ...]  # sentences true of everything


@cache
def words_of(language: str) -> Words:
    """The parsed file. Raises InputError where there is none, or it lacks a key."""
    path = FOLDER / f"words.{language}.toml"
    if not path.is_file():
        known = sorted(entry.name.split(".")[1] for entry in FOLDER.glob("words.*.toml"))
        raise InputError(
            f"there is no jobs/domain/examination/words.{language}.toml; languages here: "
            f"{', '.join(known)}. Add the file, or take the examine stage out."
        )
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    wanted = {entry.name for entry in fields(Words)}
    if set(table) != wanted:
        raise InputError(f"{path.name} has keys {sorted(table)}; wanted exactly {sorted(wanted)}.")
    lists = {key: tuple(value) for key, value in table.items() if isinstance(value, list)}
    return Words(**{**table, **lists})
