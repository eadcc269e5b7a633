"""Which products a brand lists, and the split of each: the same for briefs and for own copies."""

from pathlib import Path

from pydantic import Field

from jobs.domain.brand import Product, brand_folder
from jobs.domain.duplicates import letters
from jobs.domain.text import fingerprint
from jobs.runtime.config import Section
from jobs.runtime.stage import Stage


class Splits(Section):
    """The list, and which products are held out where it does not say."""

    products: str = Field(default="products.jsonl", description="file in the brand's folder")
    dev_share: float = Field(default=0.1, ge=0, lt=1, description="where the list has no split")
    val_share: float = Field(default=0.2, ge=0, lt=1, description="where the list has no split")


def product_list(run: Stage) -> Path:
    """The file that the settings name."""
    return brand_folder(run.config.brand) / run.section("brief", Splits).products


def split_of(product: Product, settings: Splits) -> str:
    """The product's own split, else by its id; by its name where it comes with several values."""
    if product.split:
        return product.split
    key = letters(product.name) if product.value else product.product_id
    place = int(fingerprint("split", key), 16) / 16**16
    if place < settings.val_share:
        return "val"
    return "dev" if place < settings.val_share + settings.dev_share else "train"
