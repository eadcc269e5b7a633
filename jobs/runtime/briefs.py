"""Reading briefs by split: validation is for answering, judges and evaluating alone."""

from typing import TYPE_CHECKING

from jobs.domain.errors import StageError
from jobs.domain.rows import Brief
from jobs.runtime.stage import Stage
from jobs.runtime.tables import read_dataset

if TYPE_CHECKING:
    from ray.data import Dataset

VALIDATION_JOBS = ("answer", "examine", "judge", "evaluate")


def read_briefs(stage: Stage, *splits: str) -> "Dataset":
    """The briefs of some splits. Raises StageError where a job may not see validation."""
    from ray.data.expressions import col

    if "val" in splits and stage.job.name not in VALIDATION_JOBS:
        raise StageError(
            f"{stage.job.name} asked for validation briefs; only {', '.join(VALIDATION_JOBS)} may "
            f"read them. Choices are made on dev."
        )
    return read_dataset(Brief, stage.input("brief")).filter(expr=col("split").is_in(list(splits)))
