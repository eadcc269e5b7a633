"""From the sources that a config names to what they hold, each piece with its place."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from jobs.domain.errors import InputError, RowError
from jobs.runtime.config import Section
from jobs.sources.addresses import FetchError
from jobs.sources.article import ArticleError, article_of
from jobs.sources.files import TABLES, TEXTS, paragraphs, table_rows, text_pieces
from jobs.sources.formats import Content, Sample, read_as, recognised
from jobs.sources.pages import Page, decoded


class Source(Section):
    """One file or page that is taken in."""

    at: str = Field(min_length=1, description="file in the brand's folder, path, or http address")
    licence: str = Field(min_length=1, description="under which it may be used, as you know it")
    format: Literal["", "texts", "copies", "trl", "sharegpt", "alpaca"] = Field(
        default="", description="of a table's rows; default: recognised by its columns"
    )
    language: Literal["", "zh", "ko", "en"] = Field(default="", description="default: the guide's")
    content_type: str = Field(default="", description="what texts are examples of; default: any")
    title: str = Field(default="", description="of texts that have none themselves")
    pieces: Literal["paragraphs", "whole"] = Field(
        default="paragraphs", description="what one text is in a text file or page"
    )

    @field_validator("at")
    @classmethod
    def holds_no_password(cls, at: str) -> str:
        """The address is written to tables, so that no secret may stand in it."""
        if "@" in at.partition("://")[2].partition("/")[0]:
            raise ValueError("an address with a user or password; name a page that needs none")
        return at

    @property
    def is_page(self) -> bool:
        """True where it lies on the web."""
        return "://" in self.at

    def path(self, folder: Path) -> Path:
        """Where the file lies; relative paths start at the brand's folder."""
        return folder / self.at


@dataclass(frozen=True)
class Found:
    """One piece of a source, or what is wrong with it."""

    place: str  # file:line, or the page's address
    source: Source
    content: Content | RowError


def check_file(source: Source, folder: Path) -> None:
    """Raise InputError for a file that is not there or has another ending."""
    path = source.path(folder)
    if not path.is_file():
        raise InputError(f"there is no {path}, which [collect] sources names. Correct its `at`.")
    if path.suffix not in (*TEXTS, *TABLES):
        raise InputError(f"{path} ends in {path.suffix!r}; wanted {', '.join((*TEXTS, *TABLES))}.")


def read_file(source: Source, folder: Path, language: str) -> Iterator[Found]:
    """What a file holds. Raises InputError where it cannot be read as a whole."""
    path = source.path(folder)
    if path.suffix in TABLES:
        yield from read_table_file(source, path, language)
        return
    try:
        for line, title, text in text_pieces(path, language, whole=source.pieces == "whole"):
            yield Found(f"{path.name}:{line}", source, Sample(text, title))
    except ArticleError as error:
        yield Found(f"{path.name}:1", source, RowError(str(error)))


def read_table_file(source: Source, path: Path, language: str) -> Iterator[Found]:
    """A table's rows in the source's format, or that of the first row that can be read."""
    name: str = source.format
    for line, record in table_rows(path, language):
        place, content = f"{path.name}:{line}", record
        if not isinstance(record, RowError):
            try:
                if not isinstance(record, dict):
                    raise RowError(f"a {type(record).__name__}; wanted an object")
                if None in record:
                    raise RowError("more cells than the table has columns")
                name = name or format_of(path, record)
                content = read_as(name, record)
            except RowError as error:
                content = error
        yield Found(place, source, content)


def format_of(path: Path, record: dict[str, object]) -> str:
    """The format by a row's columns. Raises InputError: without one no row can be read."""
    try:
        return recognised(record)
    except RowError as error:
        raise InputError(
            f"{path.name}: {error}. Rename its columns, or name the source's `format`."
        ) from error


def read_page(source: Source, page: Page, language: str) -> list[Found]:
    """The texts of a page. Raises FetchError where it has none."""
    text = decoded(page, language)
    title = ""
    if page.kind != "text/plain":
        try:
            article = article_of(text)
        except ArticleError as error:
            raise FetchError("no_text", str(error)) from error
        title, text = article.title, article.text
    whole = source.pieces == "whole"
    return [Found(page.url, source, Sample(p, title)) for _, p in paragraphs(text, whole=whole)]
