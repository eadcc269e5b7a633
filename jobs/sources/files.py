"""Reading files: plain texts and pages into pieces, tables into rows, each with its place."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jobs.domain.errors import InputError
from jobs.domain.listing import decode, records
from jobs.sources.article import article_of

TEXTS = (".txt", ".md", ".html", ".htm")
TABLES = (".csv", ".json", ".jsonl", ".parquet")
NOT_COPY = re.compile(r"#{1,6}\s|<!--|---+$|===+$")  # how a Markdown block that is none begins


def text_pieces(path: Path, language: str, *, whole: bool) -> Iterator[tuple[int, str, str]]:
    """The texts of a .txt, .md or .html file: line (of a page: number), title, text.

    `whole` gives one text; else paragraphs, of which Markdown's headings and comments are none.
    Raises ArticleError for a page without text, InputError for an unknown encoding.
    """
    text = decode(path, language)
    if path.suffix in (".html", ".htm"):
        article = article_of(text)
        for number, part in paragraphs(article.text, whole=whole):
            yield number, article.title, part
        return
    for line, part in paragraphs(text, whole=whole):
        if path.suffix != ".md" or whole or not NOT_COPY.match(part):
            yield line, "", part


def paragraphs(text: str, *, whole: bool) -> Iterator[tuple[int, str]]:
    r"""What stands between blank lines, each with the line it begins on; `whole`: all at once.

    >>> list(paragraphs("one\none\n\n\ntwo\n", whole=False))
    [(1, 'one\none'), (5, 'two')]
    """
    if whole:
        yield 1, text.strip()
        return
    start, held = 1, list[str]()
    for number, line in enumerate([*text.splitlines(), ""], 1):
        if line.strip():
            start = start if held else number
            held.append(line.strip())
        elif held:
            yield start, "\n".join(held)
            held = []


def table_rows(path: Path, language: str) -> Iterator[tuple[int, Any]]:
    """The rows of a .csv, .json, .jsonl or .parquet file, each with its line (Parquet: number).

    In place of a line that cannot be read stands a RowError. Raises InputError.
    """
    if path.suffix == ".parquet":
        yield from parquet_rows(path)
    else:
        yield from records(path, language)


def parquet_rows(path: Path) -> Iterator[tuple[int, Any]]:
    """The rows of a Parquet file. Raises InputError where it is none."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            number = 0
            for batch in file.iter_batches():
                for record in batch.to_pylist():
                    number += 1
                    yield number, record
    except pa.ArrowInvalid as error:
        raise InputError(f"{path} is not a Parquet file: {error}. Write it again.") from error
