"""Product list, or Proposal -> Brief.   python -m jobs.brief configs/demo.toml

A brief is a product in one content type. Products are those of the brand's list or, where the
config has a propose stage before this one, those that a teacher proposed. They are split into
train, dev and val as the list says, else by a hash, so that adding products never moves one.
"""

from collections import Counter
from collections.abc import Iterable, Iterator

from pydantic import Field

from jobs.domain.brand import BRANDS, Product, facts_json
from jobs.domain.catalog import read_products
from jobs.domain.errors import SettingsError
from jobs.domain.prompts import content_type
from jobs.domain.rows import Brief, Proposal
from jobs.runtime.command import start
from jobs.runtime.products import Splits, product_list, split_of
from jobs.runtime.stage import Counts, Job, Stage
from jobs.runtime.tables import read_rows, write_rows

SPLITS = ("train", "dev", "val")


class BriefSettings(Splits):
    """What is to be written up."""

    content_types: tuple[str, ...] = Field(min_length=1, description="names under prompts/write/")
    train_products: int = Field(default=0, ge=0, description="at most so many; 0: all")
    dev_products: int = Field(default=0, ge=0, description="likewise")
    val_products: int = Field(default=0, ge=0, description="likewise")


def main(run: Stage) -> Counts:
    """Read the products, split them, write a brief for each content type."""
    settings = run.settings(BriefSettings)
    products = products_of(run)
    chosen = Counter(split for _, split in choose(products, settings))
    known = {
        name
        for product, split in choose(products, settings)
        if split != "val"
        for name in ingredients(product)
    }
    kinds = [content_type(name, run.guide.language) for name in settings.content_types]
    briefs = (
        Brief(
            brief_id=f"{product.product_id}/{kind.name}",
            product_id=product.product_id,
            split=split,
            new_hero=split == "val" and has_new_hero(product, known),
            brand=run.config.brand,
            language=run.guide.language,
            content_type=kind.name,
            facts=facts_json(product, run.guide.name),
        )
        for product, split in choose(products, settings)
        for kind in kinds
    )
    notes = {f"{split}_products": chosen[split] for split in SPLITS}
    written = write_rows(briefs, Brief, run.folder)
    return Counts(chosen.total() * len(kinds), written, notes=notes)


def products_of(run: Stage) -> Iterable[Product]:
    """The proposed products where there is a propose stage, else those of the brand's list.

    They are read more than once, and never all held: a list may be long.
    """
    if not run.has_input("propose"):
        return read_products(product_list(run), run.guide.language)
    return [
        Product(row.proposal_id, row.product, row.category, value=row.value)
        for row in read_rows(Proposal, run.input("propose"))
    ]


def ingredients(product: Product) -> list[str]:
    """The names of what a product is made of."""
    return [ingredient.name for ingredient in product.ingredients]


def has_new_hero(product: Product, known: set[str]) -> bool:
    """Its first ingredient is not known; a product without ingredients has no hero."""
    heroes = ingredients(product)[:1]
    return bool(heroes) and heroes[0] not in known


def choose(products: Iterable[Product], settings: BriefSettings) -> Iterator[tuple[Product, str]]:
    """The first so many of each split. Raises SettingsError where a split has no product."""
    found: Counter[str] = Counter()
    for product in products:
        split = split_of(product, settings)
        found[split] += 1
        limit: int = getattr(settings, f"{split}_products")
        if not limit or found[split] <= limit:
            yield product, split
    for split in SPLITS:
        if not found[split]:
            raise SettingsError(
                f"no product is in split {split!r}. Give the list a split column, or raise "
                f"[brief] dev_share and val_share. Brands lie in {BRANDS.name}/."
            )


JOB = Job(
    name="brief",
    main=main,
    sections={"brief": BriefSettings},
    reads=("propose",),
    sources=("configs/brands/{brand}", "prompts/write"),
    files=lambda run: [] if run.has_input("propose") else [product_list(run)],
    needs_ray=False,
)

if __name__ == "__main__":
    start("brief")
