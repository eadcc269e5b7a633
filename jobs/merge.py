"""An adapter and its base -> one model.   python -m jobs.merge configs/demo.toml

The adapter is that of the last sft, dpo or grpo before it, or of the one named in its inputs.
"""

from typing import Literal

import ray

from jobs.domain.errors import StageError
from jobs.engines.models import (
    ADAPTER,
    MODEL,
    TUNING,
    BaseModelSettings,
    check_base,
    model_path,
    tuned,
)
from jobs.runtime.command import start
from jobs.runtime.config import Section
from jobs.runtime.stage import Counts, Job, Stage
from jobs.training.merge import merge_adapter


class Merge(Section):
    """How the merged model is stored."""

    precision: Literal["float32", "bfloat16", "float16"] = "bfloat16"


def main(run: Stage) -> Counts:
    """Merge in float32; fail where the adapter changed nothing."""
    source = tuned(run)
    if source is None:
        raise StageError(f"{run.name}: there is no {', '.join(TUNING)} stage before it to merge.")
    base, adapter = model_path(run, "base"), source.folder / ADAPTER
    target = run.folder / MODEL
    change = ray.get(merge_adapter.remote(base, adapter, target, run.settings(Merge).precision))
    if change == 0:
        raise StageError(f"{run.name}: the adapter in {adapter.address} changes no weight at all.")
    return Counts(1, 1, notes={"largest_change": round(change, 4)})


JOB = Job(
    name="merge",
    main=main,
    sections={"merge": Merge, "base": BaseModelSettings},
    reads=(*TUNING, "pretrain"),
    check=check_base,
)

if __name__ == "__main__":
    start("merge")
