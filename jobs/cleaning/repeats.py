"""Near duplicates over all copies of a run, and copies that repeat a held-out text.

Workers sign their own rows. One task reads ids, signatures and the letters that decide a doubtful
pair; what it finds goes back to the workers. No text passes through the driver.
"""

from collections.abc import Mapping

import pyarrow as pa
import ray
from ray.data import Dataset
from ray.data.expressions import col

from jobs.domain.duplicates import Sighting, find_repeats, letters, signatures


def without_repeats(rows: Dataset, golden: Mapping[str, str]) -> Dataset:
    """Give sound rows that repeat another text the reason why; of those alike one stays sound.

    No row may repeat a text of `golden` (brief_id -> text) or of a validation row. `rows` must be
    in memory: they are read twice.
    """
    sound = rows.filter(expr=col("reason") == "")
    signed = sound.map_batches(sighted, batch_format="pyarrow", zero_copy_batch=True).materialize()
    # to_arrow_refs leaves the blocks where the workers made them.
    found = repeated.remote(golden, *signed.to_arrow_refs())

    def mark(batch: pa.Table) -> pa.Table:
        reasons: dict[str, str] = ray.get(found)
        pairs = zip(batch["draft_id"].to_pylist(), batch["reason"].to_pylist(), strict=True)
        column = pa.array([reason or reasons.get(mine, "") for mine, reason in pairs], pa.string())
        return batch.set_column(batch.column_names.index("reason"), "reason", column)

    return rows.map_batches(mark, batch_format="pyarrow", zero_copy_batch=True)


def sighted(batch: pa.Table) -> pa.Table:
    """Rows as the search for repeats sees them. Only validation rows are held out."""
    plains = [letters(text) for text in batch["text"].to_pylist()]
    kept_back = ["validation" if split == "val" else "" for split in batch["split"].to_pylist()]
    return pa.table(
        {
            "draft_id": batch["draft_id"],
            "brief_id": batch["brief_id"],
            "held_out": pa.array(kept_back, pa.string()),
            "plain": pa.array(plains, pa.string()),
            "signature": pa.array(signatures(plains), pa.binary()),
        }
    )


@ray.remote(num_cpus=1)
def repeated(golden: Mapping[str, str], *parts: pa.Table) -> dict[str, str]:
    """draft_id -> reason, over all parts and the golden texts.

    Measured with 100,000 texts: see tests/bench/repeats.py.
    """
    # A block without rows has no columns either.
    mine = [Sighting(**row) for part in parts if part.num_rows for row in part.to_pylist()]
    return find_repeats([*held_out(golden), *mine])


def held_out(golden: Mapping[str, str]) -> list[Sighting]:
    """Reference texts, by brief_id, as the search sees them."""
    plains = [letters(text) for text in golden.values()]
    return [
        Sighting(brief_id, brief_id, "golden", plain, signature)
        for brief_id, plain, signature in zip(golden, plains, signatures(plains), strict=True)
    ]
