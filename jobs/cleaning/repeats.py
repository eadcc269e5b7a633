"""Near duplicates over all copies of a run, and copies that repeat a held-out text.

Workers sign their own rows. One task reads ids, signatures and the letters that decide a doubtful
pair; what it finds goes back to the workers. No text passes through the driver.
"""

import pyarrow as pa
import ray
from ray.data import Dataset

from jobs.domain.brand import brand_folder
from jobs.domain.duplicates import Sighting, find_repeats, letters, signatures
from jobs.domain.golden import GOLDEN, read_golden


def without_repeats(rows: Dataset, brand: str) -> Dataset:
    """Give sound rows that repeat another text the reason why; of those alike one stays sound.

    `rows` must be in memory: they are read twice.
    """
    sound = rows.filter(expr="reason == ''")
    signed = sound.map_batches(sighted, batch_format="pyarrow", zero_copy_batch=True).materialize()
    # to_arrow_refs leaves the blocks where the workers made them.
    found = repeated.remote(brand, *signed.to_arrow_refs())

    def mark(batch: pa.Table) -> pa.Table:
        reasons: dict[str, str] = ray.get(found)
        pairs = zip(batch["draft_id"].to_pylist(), batch["reason"].to_pylist(), strict=True)
        column = pa.array([reason or reasons.get(mine, "") for mine, reason in pairs], pa.string())
        return batch.set_column(batch.column_names.index("reason"), "reason", column)

    return rows.map_batches(mark, batch_format="pyarrow", zero_copy_batch=True)


def sighted(batch: pa.Table) -> pa.Table:
    """Rows as the search for repeats sees them. Only validation rows are held out."""
    plains = [letters(text) for text in batch["text"].to_pylist()]
    held_out = ["validation" if split == "val" else "" for split in batch["split"].to_pylist()]
    return pa.table(
        {
            "draft_id": batch["draft_id"],
            "brief_id": batch["brief_id"],
            "held_out": pa.array(held_out, pa.string()),
            "plain": pa.array(plains, pa.string()),
            "signature": pa.array(signatures(plains), pa.binary()),
        }
    )


@ray.remote(num_cpus=1)
def repeated(brand: str, *parts: pa.Table) -> dict[str, str]:
    """draft_id -> reason, over all parts and the brand's golden texts.

    Measured with 100,000 texts: see tests/bench/repeats.py.
    """
    # A block without rows has no columns either.
    mine = [Sighting(**row) for part in parts if part.num_rows for row in part.to_pylist()]
    return find_repeats([*golden_sightings(brand), *mine])


def golden_sightings(brand: str) -> list[Sighting]:
    """The brand's reference texts; none where it has no golden.jsonl."""
    if not (brand_folder(brand) / GOLDEN).is_file():
        return []
    texts = {f"{product}/{kind}": text for (product, kind), text in read_golden(brand).items()}
    plains = [letters(text) for text in texts.values()]
    return [
        Sighting(brief_id, brief_id, "golden", plain, signature)
        for brief_id, plain, signature in zip(texts, plains, signatures(plains), strict=True)
    ]
