"""All that the report's page is made from, read by jobs/report.py."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from jobs.domain.brand import Guide
from jobs.domain.metrics import Metric, metrics
from jobs.domain.rows import Answer, Brief, Comparison, Copy, Draft, Dropped, Failed, Probe, Verdict
from jobs.reporting.differences import Score
from jobs.reporting.scores import main_scores

Record = Mapping[str, Any]  # a stage's done.json
Curve = Sequence[Mapping[str, float]]  # a trainer's log history


@dataclass(frozen=True)
class Judged:
    """What the judges left."""

    board: dict[str, Any]  # scoreboard.json
    answers: Sequence[Answer]
    verdicts: Sequence[Verdict]
    failures: Sequence[Failed] = ()  # of judging and comparing
    comparisons: Sequence[Comparison] = ()
    probes: Sequence[Probe] = ()

    @property
    def models(self) -> list[str]:
        """Every model that answered, the scored ones in the scoreboard's order."""
        scored = list(self.board["overall"])
        return [*scored, *sorted({answer.model for answer in self.answers} - set(scored))]

    @property
    def references(self) -> set[str]:
        """Candidates that are texts of people, not models."""
        return {answer.model for answer in self.answers if answer.finish_reason == "reference"}


@dataclass(frozen=True)
class Written:
    """What became of some train briefs."""

    briefs: Sequence[Brief] = ()  # those that are shown
    drafts: Sequence[Draft] = ()
    copies: Sequence[Copy] = ()
    dropped: Sequence[Dropped] = ()
    failures: Sequence[Failed] = ()


@dataclass(frozen=True)
class Findings:
    """All that the page is made from; what a run does not have is empty."""

    run: str
    guide: Guide
    judged: Judged
    config: str = "CONFIG"  # the config's path, for the commands that the page names
    splits: Mapping[str, int] = field(default_factory=dict)  # split -> briefs
    records: Sequence[Record] = ()  # of each finished stage, in the order of the config
    curves: Mapping[str, Curve] = field(default_factory=dict)  # stage -> its curve
    written: Written = Written()

    @cached_property
    def models(self) -> list[str]:
        """As in Judged."""
        return self.judged.models

    @cached_property
    def references(self) -> set[str]:
        """As in Judged."""
        return self.judged.references

    @property
    def board(self) -> dict[str, Any]:
        """The scoreboard."""
        return self.judged.board

    def record(self, job: str) -> Record | None:
        """The last finished stage of a job."""
        return next((entry for entry in reversed(self.records) if entry["job"] == job), None)


def known_metrics(language: str) -> dict[str, Metric]:
    """Every metric by its file's name under prompts/judge/."""
    return {metric.file: metric for metric in metrics(language)}


def answer_scores(verdicts: Sequence[Verdict], language: str) -> dict[tuple[str, str], Score]:
    """(brief_id, model) -> the answer's score, as the scoreboard counts it, where it has one."""
    counted = main_scores(verdicts, known_metrics(language)).scores
    return {(score.brief_id, score.model): score for score in counted}
