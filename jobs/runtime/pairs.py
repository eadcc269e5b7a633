"""Reading pairs for training: those that pair made, then the user's own of collect."""

from jobs.domain.errors import StageError
from jobs.domain.rows import Pair
from jobs.runtime.stage import Stage
from jobs.runtime.tables import read_rows

SPLITS = ("train", "dev")


def pairs(stage: Stage, split: str) -> list[Pair]:
    """All pairs of one split that the stages before this one have.

    First those of the pair stage, by their ids, then the user's own of the collect stage, by
    theirs; a pair that both have comes once. Either stage may be missing from the config: then
    there are none of its pairs. The job has to name both in its `reads`.

    Every pair's prompt is JSON of a list of messages; of the user's own it may be any chat, of the
    pair stage's it is the short chat of a brief (`render_brief`).

    Raises StageError for another split than train or dev, InputError where a stage has not run.
    """
    if split not in SPLITS:
        raise StageError(
            f"{stage.name} asked for pairs of {split!r}; there are pairs of {', '.join(SPLITS)}. "
            f"Validation is for answering, judging and evaluating."
        )
    stages = [job for job in ("pair", "collect") if stage.has_input(job)]
    every = [row for job in stages for row in read_rows(Pair, stage.input(job))]
    return list({row.pair_id: row for row in every if row.split == split}.values())
