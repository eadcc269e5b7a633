"""A brand's golden texts: references for the validation products, never trained on."""

import json

from jobs.domain.brand import brand_folder
from jobs.domain.errors import InputError

GOLDEN = "golden.jsonl"  # in the brand's folder


def read_golden(brand: str) -> dict[tuple[str, str], str]:
    """(product_id, content type) -> text, from golden.jsonl. Raises InputError naming the line."""
    path = brand_folder(brand) / GOLDEN
    if not path.is_file():
        raise InputError(
            f"configs/brands/{brand} has no golden.jsonl. Write one reference text a validation "
            f"brief, or take golden out of [answer] candidates."
        )
    texts: dict[tuple[str, str], str] = {}
    # Not splitlines: a JSON string may hold U+2028 and other marks that it takes for line ends.
    for number, line in enumerate(path.read_text(encoding="utf-8-sig").split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            key = (row["product_id"], row["content_type"])
            text = row["text"]
        except (json.JSONDecodeError, KeyError, TypeError) as error:
            raise InputError(
                f"{path.name}:{number}: wanted an object with product_id, content_type and text "
                f"({type(error).__name__}: {error}). Correct that line."
            ) from error
        if key in texts:
            raise InputError(f"{path.name}:{number}: a second text for {key}. Remove one.")
        texts[key] = text
    return texts


def golden_by_brief(brand: str) -> dict[str, str]:
    """brief_id -> text; empty where the brand has no golden.jsonl. Raises InputError."""
    if not (brand_folder(brand) / GOLDEN).is_file():
        return {}
    return {f"{product}/{kind}": text for (product, kind), text in read_golden(brand).items()}
