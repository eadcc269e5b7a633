"""Own copies about products that the brand lists: what is validated there is never learned here."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace

from jobs.domain.brand import Product
from jobs.domain.duplicates import letters
from jobs.domain.rows import Copy

SPLITS = ("train", "dev", "val")  # the later, the more it is held out


def in_their_splits(
    copies: Sequence[Copy], listed: Iterable[tuple[Product, str]], brand: str
) -> list[Copy]:
    """The copies in their order; one about a listed product has its split, others keep theirs.

    A product is known by its id or by its name, with the brand's name before it or without. Where
    a copy has the id of one product and the name of another, it goes where more is held out. The
    list is read once and not held.
    """
    marks = [
        marks_of(copy.product_id, str(json.loads(copy.facts).get("name", "")), brand)
        for copy in copies
    ]
    wanted, splits = set[str]().union(*marks), dict[str, str]()
    for product, split in listed:
        for mark in wanted & marks_of(product.product_id, product.name, brand):
            splits[mark] = max(split, splits.get(mark, split), key=SPLITS.index)
    return [
        replace(
            copy,
            split=max(
                (splits[mark] for mark in own & splits.keys()),
                key=SPLITS.index,
                default=copy.split,
            ),
        )
        for copy, own in zip(copies, marks, strict=True)
    ]


def marks_of(product_id: str, name: str, brand: str) -> set[str]:
    """By what a product is known again.

    >>> sorted(marks_of("p1", "Kiln Blue Mug", "KILN"))
    ['id p1', 'name bluemug']
    """
    plain = letters(name)
    bare = plain.removeprefix(letters(brand)) or plain
    return {f"id {product_id}", *([f"name {bare}"] if bare else [])}
