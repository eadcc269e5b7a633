"""Rows about a few briefs, out of tables that may be large: read in parts, kept where wanted."""

from collections.abc import Collection
from dataclasses import fields
from typing import TypeVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from jobs.domain.text import fingerprint
from jobs.runtime.storage import Folder
from jobs.runtime.tables import MANIFEST, schema_of, table_files

Row = TypeVar("Row")


def has_table(row_type: type, stage: Folder) -> bool:
    """The stage has published a table of that row type."""
    return (stage / row_type.__name__ / MANIFEST).exists()


def rows_about(row_type: type[Row], stage: Folder, brief_ids: Collection[str]) -> list[Row]:
    """The rows that stem from these briefs; none where there is no such table.

    A row without a brief's id is known by its own, which begins with it: brief_id#..., brief_id@...
    """
    if not has_table(row_type, stage):
        return []
    names = [entry.name for entry in fields(row_type)]  # type: ignore[arg-type]
    key = "brief_id" if "brief_id" in names else names[0]
    wanted = pa.array(sorted(brief_ids), pa.string())
    filesystem, _ = stage.resolve()
    found = []
    for path in table_files(row_type, stage):
        table = pq.read_table(path, filesystem=filesystem, schema=schema_of(row_type))
        owners = table[key]
        if key != "brief_id":
            owners = pc.replace_substring_regex(owners, pattern="[#@].*", replacement="")
        kept = table.filter(pc.is_in(owners, value_set=wanted))
        found += [row_type(**record) for record in kept.to_pylist()]
    return sorted(found, key=lambda row: str(getattr(row, names[0])))


def some_briefs(row_type: type, stage: Folder, most: int) -> list[str]:
    """Ids of at most `most` briefs that a table has rows of, the same ones every time."""
    if not has_table(row_type, stage):
        return []
    filesystem, _ = stage.resolve()
    found: set[str] = set()
    for path in table_files(row_type, stage):
        found |= set(
            pq.read_table(path, columns=["brief_id"], filesystem=filesystem)[0].to_pylist()
        )
    return sorted(found, key=fingerprint)[:most]
