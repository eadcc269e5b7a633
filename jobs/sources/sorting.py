"""From what was found to rows: each piece becomes one row, or is refused with a reason."""

import json
from collections import Counter
from dataclasses import dataclass, field

from jobs.domain.brand import Guide
from jobs.domain.damage import in_other_language, is_garbled
from jobs.domain.duplicates import letters, repeats
from jobs.domain.errors import RowError
from jobs.domain.prompts import prompt_files
from jobs.domain.rows import Copy, Example, Exemplar, Pair, Refused
from jobs.domain.text import char_count, fingerprint
from jobs.sources.formats import Chat, House, Preference, Sample
from jobs.sources.reading import Found

SHOWN = 200  # characters of a refused text that are kept


@dataclass(frozen=True)
class Limits:
    """What is taken, and for whom."""

    brand: str  # folder name
    guide: Guide
    min_chars: int  # of a text to imitate
    max_chars: int
    dev_share: float  # of own data


Row = Exemplar | Copy | Example | Pair
TABLES: tuple[type[Row], ...] = (Exemplar, Copy, Example, Pair)


@dataclass
class Sorted:
    """All that was taken, by the table it goes to, and what was not."""

    rows: dict[type, list[Row]] = field(default_factory=lambda: {table: [] for table in TABLES})
    refused: list[Refused] = field(default_factory=list)

    @property
    def taken(self) -> int:
        """How many rows are of use."""
        return sum(len(rows) for rows in self.rows.values())

    def reasons(self) -> dict[str, int]:
        """How many pieces each reason took."""
        return dict(Counter(row.reason for row in self.refused))


def sorted_out(found: list[Found], limits: Limits) -> Sorted:
    """Every piece as a row of its table; what says the same as an earlier one is refused."""
    result, seen = Sorted(), set[str]()
    for piece in found:
        try:
            row = row_of(piece, limits)
        except RowError as error:
            refuse(result, piece, "bad_row", str(error))
            continue
        key = fingerprint(type(row).__name__, *said_by(row))
        reason = flaw(row, limits) or ("repeated" if key in seen else "")
        if reason:
            refuse(result, piece, reason)
            continue
        seen.add(key)
        result.rows[type(row)].append(row)
    refuse_near_repeats(result)
    return result


def row_of(piece: Found, limits: Limits) -> Row:
    """The piece as a row. Raises RowError where it has no sense here."""
    content, source = piece.content, piece.source
    language = source.language or limits.guide.language
    if isinstance(content, RowError):
        raise content
    if isinstance(content, Sample):
        return Exemplar(
            exemplar_id=fingerprint("exemplar", content.text),
            text=content.text,
            language=language,
            content_type=source.content_type,
            title=content.title or source.title,
            source=piece.place,
            licence=source.licence,
        )
    if isinstance(content, House):
        return house_copy(content, language, limits)
    prompt = json.dumps(content.prompt, ensure_ascii=False)
    if isinstance(content, Chat):
        return Example(
            example_id=fingerprint("example", prompt, content.completion),
            split=split_of(prompt, limits),
            language=language,
            task="",
            prompt=prompt,
            completion=content.completion,
            source=piece.place,
            licence=source.licence,
        )
    return own_pair(content, piece, language, split_of(prompt, limits))


def own_pair(content: Preference, piece: Found, language: str, split: str) -> Pair:
    """A preference of the user's own."""
    prompt = json.dumps(content.prompt, ensure_ascii=False)
    return Pair(
        pair_id=fingerprint("pair", prompt, content.chosen, content.rejected),
        brief_id="",
        split=split,
        language=language,
        prompt=prompt,
        chosen=content.chosen,
        rejected=content.rejected,
        kind=content.kind or "own",
        source=piece.place,
        licence=piece.source.licence,
    )


def house_copy(content: House, language: str, limits: Limits) -> Copy:
    """A text of the house, as if it had been written for a brief. Raises RowError."""
    known = [prompt.name for prompt in prompt_files("write", language)]
    if content.content_type not in known:
        raise RowError(f"content_type {content.content_type!r}; known are {', '.join(known)}")
    facts = {"brand": limits.guide.name, **content.facts}
    return Copy(
        brief_id=f"{content.product_id}/{content.content_type}",
        product_id=content.product_id,
        split=split_of(content.product_id, limits),
        new_hero=False,
        brand=limits.brand,
        language=language,
        content_type=content.content_type,
        facts=json.dumps(facts, ensure_ascii=False, separators=(",", ":")),
        draft_id=f"own/{fingerprint('own', content.product_id, content.text)}",
        text=content.text,
        passes="",
        journal_key="",
    )


def split_of(key: str, limits: Limits) -> str:
    """Train or dev, by a hash: adding rows never moves one."""
    place = int(fingerprint("own split", key), 16) / 16**16
    return "dev" if place < limits.dev_share else "train"


def flaw(row: Row, limits: Limits) -> str:
    """Why a text is not to be imitated; empty for a sound one, and for rows of other tables."""
    if not isinstance(row, Exemplar):
        return ""
    length = char_count(row.text)
    reasons = {
        "too_short": length < limits.min_chars,
        "too_long": length > limits.max_chars,
        "garbled": is_garbled(row.text),
        "other_language": in_other_language(row.text, row.language),
    }
    return next((name for name, holds in reasons.items() if holds), "")


def said_by(row: Row) -> tuple[str, ...]:
    """What makes two rows of a table the same."""
    if isinstance(row, Exemplar):
        return (letters(row.text),)
    if isinstance(row, Copy):
        return row.brief_id, letters(row.text)
    if isinstance(row, Example):
        return row.prompt, row.completion
    return row.prompt, row.chosen, row.rejected


def refuse_near_repeats(result: Sorted) -> None:
    """Take out the texts to imitate that say the same as another in nearly the same words.

    Each is held against each: 2,000 texts of 50 characters took 11 s on one core.
    """
    texts = [row for row in result.rows[Exemplar] if isinstance(row, Exemplar)]
    marked = list(zip(texts, repeats([row.text for row in texts]), strict=True))
    result.rows[Exemplar] = [row for row, is_repeat in marked if not is_repeat]
    result.refused += [
        Refused(row.source, "near_duplicate", "", row.text[:SHOWN])
        for row, is_repeat in marked
        if is_repeat
    ]


def refuse(result: Sorted, piece: Found, reason: str, message: str = "") -> None:
    """List a piece among those that are not used."""
    text = getattr(piece.content, "text", "")
    result.refused.append(Refused(piece.place, reason, message, text[:SHOWN]))
