"""Product lists: what each row must be, and what is wrong with one that is not."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from jobs.domain.brand import Ingredient, Product, product_of
from jobs.domain.errors import InputError, RowError
from jobs.domain.listing import records

SPLITS = ("", "train", "dev", "val")
MOST_PROBLEMS = 20  # lines listed in one message
LISTS = ("effects", "suited_for")
SEPARATOR = re.compile(r"[;；]")


@dataclass(frozen=True)
class ProductList:
    """The products of a file that was checked, in its order; read anew each time, never held."""

    path: Path
    language: str

    def __iter__(self) -> Iterator[Product]:
        for _, record in _rows(self.path, self.language):
            yield product_of(record)


def read_products(path: Path, language: str) -> ProductList:
    """The products of a file, in its order.

    A product has ingredients, or a value that its copy is to express, or both. A CSV has the
    columns of `Product`; lists are separated by `;` and an ingredient is written
    `name|role|concentration`. Raises InputError listing each bad row with its line.
    """
    if not path.is_file():
        raise InputError(f"there is no product list {path}. Set [brief] products to a file.")
    problems: list[str] = []
    first_lines: dict[str, int] = {}
    for line, record in _rows(path, language):
        problem = _problem(record)
        if not problem:
            product_id = record["product_id"]
            if product_id in first_lines:
                problem = f"product_id {product_id!r} is on line {first_lines[product_id]} already"
            else:
                first_lines[product_id] = line
        if problem:
            problems.append(f"{path.name}:{line}: {problem}")
    if problems:
        shown = "\n  ".join(problems[:MOST_PROBLEMS])
        more = len(problems) - MOST_PROBLEMS
        rest = f"\n  and {more} more" if more > 0 else ""
        raise InputError(f"{len(problems)} bad product rows; correct them:\n  {shown}{rest}")
    if not first_lines:
        raise InputError(f"{path} has no product. Wanted at least one row.")
    return ProductList(path, language)


def _rows(path: Path, language: str) -> Iterator[tuple[int, Any]]:
    """Each row in the shape of a JSON row, with its line."""
    for line, found in records(path, language):
        yield line, _from_csv(found) if path.suffix == ".csv" else found


def _from_csv(record: dict[str, Any]) -> dict[str, Any]:
    """A CSV row in the shape of a JSON row."""
    extra = [cell for cell in record.pop(None, ()) if cell.strip()]  # type: ignore[call-overload]
    row: dict[str, Any] = {key: (value or "").strip() for key, value in record.items() if key}
    if extra:
        row[f"after the last ({extra[0]})"] = extra
    for name in LISTS:
        if name in row:
            row[name] = [part.strip() for part in SEPARATOR.split(row[name]) if part.strip()]
    if "ingredients" in row:
        parts = [part.split("|") for part in SEPARATOR.split(row["ingredients"]) if part.strip()]
        keys = [entry.name for entry in fields(Ingredient)]
        row["ingredients"] = [
            dict(zip(keys, (cell.strip() for cell in part), strict=False)) for part in parts
        ]
    return row


def _problem(record: Any) -> str:
    """What is wrong with a row, empty if nothing."""
    if isinstance(record, RowError):
        return str(record)
    if not isinstance(record, dict):
        return f"a {type(record).__name__}; wanted an object"
    known = {entry.name for entry in fields(Product)}
    unknown = sorted(set(record) - known)
    if unknown:
        return f"unknown column {unknown[0]!r}; known are {', '.join(sorted(known))}"
    for name in ("product_id", "name", "category"):
        if not isinstance(record.get(name), str) or not record[name].strip():
            return f"no {name}"
    if record.get("split", "") not in SPLITS:
        return f"split {record['split']!r}; wanted train, dev, val or nothing"
    return _shape_problem(record) or _ingredient_problem(record)


def _shape_problem(record: dict[str, Any]) -> str:
    for name in ("texture", "size", "price", "value"):
        if not isinstance(record.get(name, ""), str):
            return f"{name} is {record[name]!r}; wanted text with its unit"
    for name in ("ingredients", *LISTS):
        if not isinstance(record.get(name, []), list):
            return f"{name} is a {type(record[name]).__name__}; wanted a list"
    for name in LISTS:
        wrong = [entry for entry in record.get(name, []) if not isinstance(entry, str)]
        if wrong:
            return f"{name} holds {wrong[0]!r}; wanted text"
    return ""


def _ingredient_problem(record: dict[str, Any]) -> str:
    ingredients = record.get("ingredients") or ()
    if not ingredients and not record.get("value", "").strip():
        return "no ingredients, and no value to express instead"
    known = {entry.name for entry in fields(Ingredient)}
    for entry in ingredients:
        if not isinstance(entry, dict) or not entry.get("name") or not entry.get("role"):
            return f"an ingredient without name or role: {entry!r}"[:120]
        unknown = sorted(set(entry) - known)
        if unknown:
            return f"an ingredient with {unknown[0]!r}; known are {', '.join(sorted(known))}"
        if not all(isinstance(value, str) for value in entry.values()):
            return f"an ingredient whose values are not all text: {entry!r}"[:120]
    return ""
