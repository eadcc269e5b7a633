"""Rows of files as people have them: CSV, JSON or JSONL, with a BOM, in GB18030 or EUC-KR."""

import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from jobs.domain.errors import InputError, RowError

ENCODINGS = {"zh": ("utf-8-sig", "gb18030"), "ko": ("utf-8-sig", "cp949"), "en": ("utf-8-sig",)}
BETWEEN = re.compile(r"[ \t\r\n,]*")  # the entries of a JSON array
PART = 2**16  # characters
LONGEST_CELL = 16 * 2**20  # characters; Python's csv stops at 131,072, which a long chat exceeds


def encoding_of(path: Path, language: str) -> str:
    """The first encoding in which the whole file can be read. Raises InputError naming those tried.

    The file is read in parts: a list may be larger than what a driver should hold.
    """
    tried = ENCODINGS.get(language, ("utf-8-sig",))
    for encoding in tried:
        try:
            with path.open(encoding=encoding, newline="") as stream:
                while stream.read(PART):
                    pass
        except UnicodeDecodeError:
            continue
        return encoding
    raise InputError(f"{path} is none of {', '.join(tried)}. Save it as UTF-8.")


def decode(path: Path, language: str) -> str:
    """The file's text. Raises InputError as `encoding_of` does."""
    return path.read_bytes().decode(encoding_of(path, language))


def records(path: Path, language: str) -> Iterator[tuple[int, Any]]:
    """Each row with its line number; in place of a JSON line that cannot be read, a RowError.

    A row of a CSV is a dict of cells; cells after the last column stand under None. Raises
    InputError for another ending or encoding, and for a JSON file that is not an array.
    """
    if path.suffix not in READERS:
        raise InputError(f"{path} ends in {path.suffix!r}; wanted .csv, .json or .jsonl.")
    # Lines end in "\n" alone: a JSON string may hold U+2028 and others that Python would take too.
    newline = "" if path.suffix == ".csv" else "\n"
    with path.open(encoding=encoding_of(path, language), newline=newline) as stream:
        yield from READERS[path.suffix](path, stream)


def _from_csv(path: Path, stream: TextIO) -> Iterator[tuple[int, Any]]:
    csv.field_size_limit(LONGEST_CELL)
    reader = csv.DictReader(stream)
    for record in reader:
        yield reader.line_num, record


def _from_jsonl(path: Path, stream: TextIO) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(stream, 1):
        if line.strip():
            yield number, _parsed(line)


def _parsed(line: str) -> Any:
    try:
        return json.loads(line)
    except json.JSONDecodeError as error:
        return RowError(f"not JSON ({error.msg})")


def _from_json(path: Path, stream: TextIO) -> Iterator[tuple[int, Any]]:
    """The objects of a JSON array, each with the line it begins on."""
    text = stream.read()
    try:
        entries = json.loads(text)
    except json.JSONDecodeError as error:
        place = f"{path.name}:{error.lineno}"
        raise InputError(f"{place}: not JSON ({error.msg}). Correct that line.") from error
    if not isinstance(entries, list):
        raise InputError(f"{path} holds a {type(entries).__name__}; wanted an array of objects.")
    decoder, line, position = json.JSONDecoder(), 1, 0
    start = text.index("[") + 1
    for _ in entries:
        start = BETWEEN.match(text, start).end()  # type: ignore[union-attr]
        line += text.count("\n", position, start)
        position = start
        record, start = decoder.raw_decode(text, start)
        yield line, record


READERS = {".csv": _from_csv, ".json": _from_json, ".jsonl": _from_jsonl}
