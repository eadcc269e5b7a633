"""What is asked of a judge under examination, and what a right answer is."""

import math
from dataclasses import dataclass

from jobs.domain.brand import Guide
from jobs.domain.rows import Brief

STEP = 0.5  # points: the smallest difference that rubrics from 1 to 5 speak of


@dataclass(frozen=True)
class Bound:
    """Where a right score lies: between two numbers, or so far from another case's score."""

    low: float = -math.inf
    high: float = math.inf
    against: str = ""  # the other case's id; empty: the numbers are scores themselves

    def holds(self, score: float, reference: float) -> bool:
        """Whether a score is right; `reference` is the other case's, 0.0 where there is none.

        >>> below_golden = Bound(high=-0.5, against="golden")
        >>> below_golden.holds(4.0, 4.5), below_golden.holds(4.1, 4.5)
        (True, False)
        """
        return self.low - 1e-9 <= score - reference <= self.high + 1e-9

    @property
    def in_words(self) -> str:
        """As a table shows it.

        >>> Bound(high=2.0).in_words, Bound(low=-0.5, high=0.5, against="golden/a").in_words
        ('at most 2', 'from -0.5 to +0.5 of golden/a')
        """
        if self.against:
            low, high, of = f"{self.low:+g}", f"{self.high:+g}", f" of {self.against}"
        else:
            low, high, of = f"{self.low:g}", f"{self.high:g}", ""
        if math.isinf(self.low):
            return f"at most {high}{of}"
        return f"at least {low}{of}" if math.isinf(self.high) else f"from {low} to {high}{of}"


@dataclass(frozen=True)
class Case:
    """One question to the judge: a text alone, or a pair of texts."""

    check: str  # what is examined
    kind: str  # which of the check's ways; empty where there is one
    brief: Brief
    text: str
    wanted: tuple[Bound, ...] = ()  # all must hold; of a pair none
    other: str = ""  # of a pair, the text shown second
    winners: tuple[str, ...] = ()  # of a pair, the right answers: first, second, tie
    seed: int = 0
    label: float = 0.0  # the score that a person gave; 0: none

    @property
    def case_id(self) -> str:
        """Names the case."""
        return "/".join(filter(None, (self.check, self.kind, self.brief.brief_id)))

    @property
    def is_pair(self) -> bool:
        """True where two texts are shown."""
        return bool(self.winners)

    @property
    def in_words(self) -> str:
        """The right answer in words."""
        if self.is_pair:
            return " or ".join(self.winners)
        return ", ".join(bound.in_words for bound in self.wanted)


@dataclass(frozen=True)
class Said:
    """What the judge said to a case; a failure has neither score nor winner."""

    case: Case
    score: float | None = None  # 1.0 worst .. 5.0 best; of a pair None
    winner: str = ""  # of a pair: first, second or tie
    reason: str = ""
    journal_key: str = ""
    error: str = ""  # the failure's name
    message: str = ""


@dataclass(frozen=True)
class Subject:
    """A brief whose texts the judge is shown."""

    brief: Brief
    guide: Guide
    golden: str  # its reference text; empty where the brand has none
    other: Brief | None  # another product's brief of the same content type
    other_golden: str
    turn: int  # its place among the subjects: what takes turns, does by it


def is_right(said: Said, scores: dict[str, float]) -> bool | None:
    """Whether the judge was right; None where what it is held against could not be had."""
    case = said.case
    if case.is_pair:
        return said.winner in case.winners
    if said.score is None:
        return None
    references = [scores.get(bound.against) if bound.against else 0.0 for bound in case.wanted]
    if None in references:
        return None
    return all(
        bound.holds(said.score, reference or 0.0)
        for bound, reference in zip(case.wanted, references, strict=True)
    )


def scores_by_case(replies: list[Said]) -> dict[str, float]:
    """The score of each case that has one."""
    return {said.case.case_id: said.score for said in replies if said.score is not None}
