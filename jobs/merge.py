"""An adapter and its base -> one model.   python -m jobs.merge configs/demo.toml"""

from typing import Literal

import ray

from jobs.domain.errors import StageError
from jobs.engines.models import MODEL, BaseModelSettings, check_base, model_path
from jobs.runtime.command import start
from jobs.runtime.config import Section
from jobs.runtime.stage import Counts, Job, Stage
from jobs.training.merge import merge_adapter


class Merge(Section):
    """How the merged model is stored."""

    precision: Literal["float32", "bfloat16", "float16"] = "bfloat16"


def main(run: Stage) -> Counts:
    """Merge in float32; fail where the adapter changed nothing."""
    base, adapter = model_path(run, "base"), run.input("sft") / "adapter"
    target = run.folder / MODEL
    change = ray.get(merge_adapter.remote(base, adapter, target, run.settings(Merge).precision))
    if change == 0:
        raise StageError(f"{run.name}: the adapter in {adapter.address} changes no weight at all.")
    return Counts(1, 1, notes={"largest_change": round(change, 4)})


JOB = Job(
    name="merge",
    main=main,
    sections={"merge": Merge, "base": BaseModelSettings},
    reads=("sft", "pretrain"),
    check=check_base,
)

if __name__ == "__main__":
    start("merge")
