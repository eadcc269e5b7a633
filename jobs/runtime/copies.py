"""Reading copies for preferences: those of clean and of collect, train and dev alone."""

from typing import TYPE_CHECKING

from jobs.domain.errors import InputError
from jobs.domain.rows import Copy
from jobs.runtime.stage import Stage
from jobs.runtime.storage import Folder
from jobs.runtime.tables import MANIFEST, read_dataset, table_files, union

if TYPE_CHECKING:
    from ray.data import Dataset

SPLITS = ("train", "dev")  # validation is for answering, judging and evaluating


def read_copies(stage: Stage) -> "Dataset":
    """Every copy of train and dev that the stages before this one have. InputError for none."""
    from ray.data.expressions import col

    folders = [stage.input(job) for job in ("clean", "collect") if stage.has_input(job)]
    filled = [one for one in folders if has_rows(one)]
    if not filled:
        raise InputError(
            f"stage {stage.name!r} needs copies, and no clean or collect stage before it has any. "
            f"Add one to [[stages]], or see in done.json what it dropped."
        )
    every = union([read_dataset(Copy, folder) for folder in filled])
    return every.filter(expr=col("split").is_in(list(SPLITS)))


def has_rows(folder: Folder) -> bool:
    """The stage's table Copy has a row. Raises InputError where there is no such table."""
    table_files(Copy, folder)
    return bool((folder / Copy.__name__).read_json(MANIFEST)["rows"])
