"""What a rule finds in a text."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from jobs.llm.offline.rater.reading import Asked

WEAK, EXAGGERATED, FALSE = "weak", "exaggerated", "false"
BEST = 10.0


@dataclass(frozen=True)
class Finding:
    """One fault: what it costs, and of which defect it is a sign."""

    name: str  # key of its sentence under [reasons]
    defect: str
    loss: float  # points of 10
    quote: str = ""
    most: float = BEST  # what a text with it is worth at most


Rule = Callable[[Asked], Iterator[Finding]]


def steps(count: int, first: float, more: float, most: float) -> float:
    """The loss for so many faults of one kind.

    >>> [steps(count, 2.0, 1.0, 3.5) for count in (0, 1, 2, 5)]
    [0.0, 2.0, 3.0, 3.5]
    """
    return min(most, first + more * (count - 1)) if count else 0.0
