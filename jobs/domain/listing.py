"""Rows of files as people have them: CSV, JSON or JSONL, with a BOM, in GB18030 or EUC-KR."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jobs.domain.errors import InputError, RowError

ENCODINGS = {"zh": ("utf-8-sig", "gb18030"), "ko": ("utf-8-sig", "cp949"), "en": ("utf-8-sig",)}
LONGEST_CELL = 16 * 2**20  # characters; Python's csv stops at 131,072, which a long chat exceeds


def decode(path: Path, language: str) -> str:
    """The file's text in the first encoding that fits. Raises InputError naming those tried."""
    content = path.read_bytes()
    tried = ENCODINGS.get(language, ("utf-8-sig",))
    for encoding in tried:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise InputError(f"{path} is none of {', '.join(tried)}. Save it as UTF-8.")


def records(path: Path, text: str) -> Iterator[tuple[int, Any]]:
    """Each row with its line number; in place of a JSON line that cannot be read, a RowError.

    A row of a CSV is a dict of cells; cells after the last column stand under None. Raises
    InputError for another ending, and for a JSON file that is not an array.
    """
    if path.suffix == ".csv":
        csv.field_size_limit(LONGEST_CELL)
        reader = csv.DictReader(io.StringIO(text, newline=""))
        for record in reader:
            yield reader.line_num, record
    elif path.suffix == ".jsonl":
        # Not splitlines: a JSON string may hold U+2028 and other marks that it takes for line ends.
        for number, line in enumerate(text.split("\n"), 1):
            if line.strip():
                yield number, _parsed(line)
    elif path.suffix == ".json":
        yield from _from_json(path, text)
    else:
        raise InputError(f"{path} ends in {path.suffix!r}; wanted .csv, .json or .jsonl.")


def _parsed(line: str) -> Any:
    try:
        return json.loads(line)
    except json.JSONDecodeError as error:
        return RowError(f"not JSON ({error.msg})")


def _from_json(path: Path, text: str) -> Iterator[tuple[int, Any]]:
    """The objects of a JSON array, each with the line it begins on."""
    try:
        entries = json.loads(text)
    except json.JSONDecodeError as error:
        place = f"{path.name}:{error.lineno}"
        raise InputError(f"{place}: not JSON ({error.msg}). Correct that line.") from error
    if not isinstance(entries, list):
        raise InputError(f"{path} holds a {type(entries).__name__}; wanted an array of objects.")
    decoder, position = json.JSONDecoder(), text.index("[") + 1
    for _ in entries:
        position += len(text[position:]) - len(text[position:].lstrip(" \t\r\n,"))
        record, end = decoder.raw_decode(text, position)
        yield text.count("\n", 0, position) + 1, record
        position = end
