"""Rows in tables: the only code that knows where a table lies and what its columns are.

A table is a folder of Parquet files and a manifest, `table.json`, that names them and is written
last; readers trust the manifest alone, so a table is there whole or not at all, on a disk as in an
object store.
"""

import io
import itertools
import posixpath
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from jobs.domain.errors import InputError
from jobs.domain.rows import Brief
from jobs.runtime.storage import Folder

if TYPE_CHECKING:
    from ray.data import Dataset

ARROW_TYPES: dict[Any, pa.DataType] = {
    str: pa.string(),
    int: pa.int64(),
    float: pa.float64(),
    bool: pa.bool_(),
}
MANIFEST = "table.json"
ROWS_IN_A_BLOCK = 1000  # text rows are small: Ray's own guess would make a task of each handful
ROWS_IN_A_FILE = 5000  # of those that a driver writes: it holds no more of them at once

Row = TypeVar("Row")


def schema_of(row_type: type) -> pa.Schema:
    """The Arrow schema of a row type: its fields in order, none nullable."""
    return pa.schema(
        [
            pa.field(entry.name, ARROW_TYPES[entry.type], nullable=False)
            for entry in fields(row_type)
        ]
    )


def conform(table: pa.Table, row_type: type) -> pa.Table:
    """`table` with exactly the row type's columns, cast. Raises InputError for a missing one."""
    schema = schema_of(row_type)
    missing = [name for name in schema.names if name not in table.column_names]
    if missing:
        raise InputError(
            f"rows for {row_type.__name__} lack {', '.join(missing)}; they have "
            f"{', '.join(table.column_names)}. A column is declared in jobs/domain/rows.py."
        )
    return table.select(schema.names).cast(schema)


def write_dataset(dataset: "Dataset", row_type: type, stage: Folder) -> int:
    """Write a Ray Data dataset as the stage's table of `row_type`, from its workers. Returns rows.

    Columns that the row type does not have are left out.
    """
    folder = stage / row_type.__name__
    folder.delete()
    filesystem, path = folder.resolve()
    filesystem.create_dir(path)
    shaped = dataset.map_batches(_conformer(row_type), batch_format="pyarrow", zero_copy_batch=True)
    shaped.write_parquet(path, filesystem=filesystem)
    names = [name for name in folder.names() if name.endswith(".parquet")]
    return _publish(folder, row_type, names)


def _conformer(row_type: type) -> Callable[[pa.Table], pa.Table]:
    def shape(batch: pa.Table) -> pa.Table:
        return conform(batch, row_type) if batch.num_rows else schema_of(row_type).empty_table()

    return shape


def write_rows(rows: Iterable[Any], row_type: type, stage: Folder) -> int:
    """Write rows as the stage's table of `row_type`, some thousand at a time. Returns how many."""
    folder, source, names = stage / row_type.__name__, iter(rows), []
    folder.delete()
    while part := [asdict(row) for row in itertools.islice(source, ROWS_IN_A_FILE)]:
        names.append(f"{uuid.uuid4().hex}.parquet")
        folder.write_bytes(names[-1], _parquet(pa.Table.from_pylist(part, schema_of(row_type))))
    return _publish(folder, row_type, names)


def _parquet(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


def _publish(folder: Folder, row_type: type, names: list[str]) -> int:
    """Write the manifest; an empty table gets one file, so that its schema can be read."""
    filesystem, path = folder.resolve()
    if not names:
        names = [f"{uuid.uuid4().hex}.parquet"]
        folder.write_bytes(names[0], _parquet(schema_of(row_type).empty_table()))
    rows = 0
    for name in names:
        with filesystem.open_input_file(posixpath.join(path, name)) as stream:
            rows += pq.ParquetFile(stream).metadata.num_rows
    folder.write_json(MANIFEST, {"rows": rows, "files": names})
    return rows


def table_files(row_type: type, stage: Folder) -> list[str]:
    """Paths of a published table's files. Raises InputError where there is none."""
    folder = stage / row_type.__name__
    if not (folder / MANIFEST).exists():
        raise InputError(
            f"there is no table {row_type.__name__} in {stage.address}. "
            f"Run the stage {posixpath.basename(stage.address)!r} first."
        )
    _, path = folder.resolve()
    return [posixpath.join(path, name) for name in folder.read_json(MANIFEST)["files"]]


def read_table(row_type: type, stage: Folder) -> pa.Table:
    """A whole table in memory, its rows in the order of their first column."""
    filesystem, _ = stage.resolve()
    parts = [
        pq.read_table(path, filesystem=filesystem, schema=schema_of(row_type))
        for path in table_files(row_type, stage)
    ]
    table = pa.concat_tables(parts)
    return table.sort_by(table.column_names[0])


def read_rows(row_type: type[Row], stage: Folder) -> list[Row]:
    """A whole table as rows: for tables that fit a driver (products, briefs, verdicts)."""
    return [row_type(**record) for record in read_table(row_type, stage).to_pylist()]


def read_dataset(row_type: type, stage: Folder) -> "Dataset":
    """A table as a Ray Data dataset. Raises InputError where it is missing or has no row."""
    import ray.data

    filesystem, _ = stage.resolve()
    paths = table_files(row_type, stage)
    rows = (stage / row_type.__name__).read_json(MANIFEST)["rows"]
    if not rows:
        raise InputError(
            f"the table {row_type.__name__} in {stage.address} is empty: nothing to work on. "
            f"Its stage's done.json tells what was dropped or failed."
        )
    blocks = max(len(paths), rows // ROWS_IN_A_BLOCK + 1)
    return ray.data.read_parquet(
        paths, filesystem=filesystem, schema=schema_of(row_type), override_num_blocks=blocks
    )


def union(parts: Sequence["Dataset"]) -> "Dataset":
    """All rows of some datasets; Ray Data refuses the union of one."""
    return parts[0].union(*parts[1:]) if len(parts) > 1 else parts[0]


def brief_columns(row: dict[str, Any]) -> dict[str, Any]:
    """The columns of a row that make up its brief."""
    return {entry.name: row[entry.name] for entry in fields(Brief)}
