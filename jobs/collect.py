"""Web pages, files and own data sets -> Exemplar, Copy, Example, Pair + Refused + Failed.

python -m jobs.collect configs/values.toml

Texts become examples for the teacher; own chats and preferences go straight to training, and own
copies too, but those about a dev or validation product of the brand's list keep to its split. Each
row keeps its place and licence. Pages are fetched politely; one that cannot be had is a Failed row.
"""

import asyncio
from collections.abc import Iterator

from pydantic import Field

from jobs.domain.brand import Product, brand_folder
from jobs.domain.catalog import read_products
from jobs.domain.errors import InputError
from jobs.domain.prompts import content_type
from jobs.domain.rows import Copy, Failed, Refused
from jobs.runtime.command import start
from jobs.runtime.config import Section
from jobs.runtime.products import Splits, product_list, split_of
from jobs.runtime.stage import Counts, Job, Stage
from jobs.runtime.tables import write_rows
from jobs.sources.addresses import FetchError
from jobs.sources.listed import in_their_splits
from jobs.sources.pages import Web, fetch_all
from jobs.sources.reading import Found, Source, check_file, read_file, read_page
from jobs.sources.sorting import Limits, Sorted, sorted_out

LISTED = 20  # bad rows that are printed; all are in the table Refused


class Collect(Section):
    """What is taken in."""

    sources: tuple[Source, ...] = Field(min_length=1)
    min_chars: int = Field(default=8, ge=1, description="of a text to imitate")
    max_chars: int = Field(default=2000, ge=1, description="of a text to imitate")
    dev_share: float = Field(default=0.05, ge=0, lt=1, description="of own data")
    web: Web = Web()


def main(run: Stage) -> Counts:
    """Read the files, fetch the pages, sort what they hold into tables."""
    settings, folder = run.settings(Collect), brand_folder(run.config.brand)
    pages, failed = from_web(run, settings)
    files = [source for source in settings.sources if not source.is_page]
    read = [f for one in files for f in read_file(one, folder, language_of(run, one))]
    limits = Limits(
        brand=run.config.brand,
        guide=run.guide,
        min_chars=settings.min_chars,
        max_chars=settings.max_chars,
        dev_share=settings.dev_share,
    )
    found = sorted_out([*read, *pages], limits)
    own = in_their_splits(found.rows[Copy], listed(run), run.guide.name)
    found.rows[Copy] = own
    list_bad_rows(found)
    if not found.taken:
        raise InputError(
            f"{run.name}: no source had anything to use: {found.reasons()}, and {len(failed)} "
            f"pages could not be had. Correct [collect] sources."
        )
    for table, rows in found.rows.items():
        write_rows(rows, table, run.folder)
    write_rows(found.refused, Refused, run.folder)
    write_rows(failed, Failed, run.folder)
    taken = {table.__name__: len(rows) for table, rows in found.rows.items() if rows}
    held_out = sum(copy.split == "val" for copy in own)
    taken |= {"of validation products": held_out} if held_out else {}
    return Counts(
        len(read) + len(pages) + len(failed),
        found.taken,
        dropped=len(found.refused),
        failed=len(failed),
        notes={**taken, "reasons": found.reasons()},
    )


def from_web(run: Stage, settings: Collect) -> tuple[list[Found], list[Failed]]:
    """The texts of all pages, and a row for each page that could not be had."""
    sources = [source for source in settings.sources if source.is_page]
    replies = asyncio.run(fetch_all([source.at for source in sources], settings.web))
    found: list[Found] = []
    failed: list[Failed] = []
    for source, reply in zip(sources, replies, strict=True):
        try:
            if isinstance(reply, FetchError):
                raise reply
            found += read_page(source, reply, language_of(run, source))
        except FetchError as error:
            failed.append(Failed(source.at, run.name, error.name, str(error)))
    return found, failed


def listed(run: Stage) -> Iterator[tuple[Product, str]]:
    """The products of the brand's list with their splits; none where a teacher proposes them."""
    path, settings = product_list(run), run.section("brief", Splits)
    if path.is_file() and not is_proposed(run):
        for product in read_products(path, run.guide.language):
            yield product, split_of(product, settings)


def is_proposed(run: Stage) -> bool:
    """True where the config's products are a teacher's, and the list is not read."""
    return any(spec.job == "propose" for spec in run.config.stages)


def language_of(run: Stage, source: Source) -> str:
    """The source's own, else the guide's."""
    return source.language or run.guide.language


def list_bad_rows(found: Sorted) -> None:
    """Print the first bad rows with file and line, so that they can be corrected."""
    bad = [f"{row.place}: {row.message}" for row in found.refused if row.reason == "bad_row"]
    for line in bad[:LISTED]:
        print(f"  {line}", flush=True)
    if len(bad) > LISTED:
        print(f"  and {len(bad) - LISTED} more, listed in the table Refused", flush=True)


def check(run: Stage) -> None:
    """Raise, before anything starts, for a file that is not there or an unknown content type."""
    for source in run.settings(Collect).sources:
        if not source.is_page:
            check_file(source, brand_folder(run.config.brand))
        if source.content_type:
            content_type(source.content_type, language_of(run, source))


JOB = Job(
    name="collect",
    main=main,
    sections={"collect": Collect, "brief": Splits},
    # A file elsewhere is not watched: after changing it, run the stage again with --redo.
    sources=("configs/brands/{brand}", "jobs/sources"),
    needs_ray=False,
    files=lambda run: [] if is_proposed(run) else [product_list(run)],
    check=check,
)

if __name__ == "__main__":
    start("collect")
