"""What is counted in the answers without a judge, by measure and model."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from math import inf

from jobs.domain.brand import Guide
from jobs.domain.measures import measure
from jobs.domain.rows import Answer
from jobs.reporting.differences import Score
from jobs.reporting.scores import Cell, by_model

LIMITS = (0.0, inf)  # no measure is below zero


def rules(
    answers: Iterable[Answer], guide: Guide, models: Sequence[str]
) -> dict[str, dict[str, Cell]]:
    """measure -> model -> cell."""
    found: dict[str, list[Score]] = defaultdict(list)
    for answer in answers:
        named = (answer.brief_id, answer.product_id, answer.new_hero)
        for name, value in measure(answer.text, answer, guide).items():
            found[name].append(Score(*named, answer.content_type, answer.model, value))
    return {name: by_model(scores, models, LIMITS) for name, scores in found.items()}
