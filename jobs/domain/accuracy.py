"""Which of the figures that a text states of its product are the facts'."""

import re
from typing import Any

from jobs.domain.figures import (
    PRICE,
    SIZE,
    concentration,
    is_about_product,
    is_price_of,
    is_price_of_several,
    is_size_of,
    measure,
    owned_percents,
    ownerless_percents,
    plain_numbers,
    value,
)
from jobs.domain.lexicon import folded, sentences

NUMERAL = re.compile(r"[\d零一二两三四五六七八九十百千]")  # most sentences have none


def figures_right(text: str, facts: dict[str, Any], language: str) -> list[bool]:
    """For each concentration, size and price said of the product: is it the product's?

    A concentration has to be that very ingredient's. Figures of studies, of use and of other
    products are left out.

    >>> facts = {"name": "泛醇乳", "size": "80ml", "price": "129元",
    ...          "ingredients": [{"name": "泛醇", "concentration": "5%"}, {"name": "角鲨烷"}]}
    >>> figures_right("含5%泛醇与5%角鲨烷，80ml售价199元。", facts, "zh")
    [True, False, True, False]
    """
    parts = [plain_numbers(one) for one in sentences(text, language) if NUMERAL.search(one)]
    return [
        right
        for part in parts
        for check in (percents_right, sizes_right, prices_right)
        for right in check(part, facts, language)
    ]


def percents_right(part: str, facts: dict[str, Any], language: str) -> list[bool]:
    """For each percentage said of this product: is it that ingredient's?"""
    stated = [concentration(entry) for entry in facts.get("ingredients", [])]
    owned = [
        (stated[owner] == percent, clause)
        for owner, percent, clause in owned_percents(part, facts, language)
    ]
    loose = [
        (percent in stated, clause) for percent, clause in ownerless_percents(part, facts, language)
    ]
    return [
        right
        for right, clause in owned + loose
        if right or is_about_product(clause, part, language, stated_before=False)
    ]


def sizes_right(part: str, facts: dict[str, Any], language: str) -> list[bool]:
    """For each size said of this product: is it its size?"""
    told = SIZE.search(plain_numbers(folded(str(facts.get("size", "")))))
    if told is None:
        return []
    return [
        measure(match) == measure(told)
        for match in SIZE.finditer(part)
        if is_size_of(match, facts, language)
    ]


def prices_right(part: str, facts: dict[str, Any], language: str) -> list[bool]:
    """For each price said of this product: is it its price?"""
    told = PRICE.search(plain_numbers(folded(str(facts.get("price", "")))))
    if told is None:
        return []
    wanted = value(told[1] or told[2])
    return [
        is_price_of_several(match, wanted, language)
        for match in PRICE.finditer(part)
        if is_price_of(match, facts, language)
    ]
