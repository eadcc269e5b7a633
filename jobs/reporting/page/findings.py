"""All that the report's page is made from, read by jobs/report.py."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from jobs.domain.brand import Guide
from jobs.domain.metrics import Metric, metrics
from jobs.domain.rows import (
    Answer,
    Brief,
    Comparison,
    Copy,
    Draft,
    Dropped,
    Failed,
    Negative,
    Pair,
    Probe,
    Rollout,
    Verdict,
)
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
    negatives: Sequence[Negative] = ()
    pairs: Sequence[Pair] = ()
    unpaired: Sequence[Dropped] = ()  # negatives that are in no pair
    rollouts: Sequence[Rollout] = ()


@dataclass(frozen=True)
class Policy:
    """What a policy wrote while it learned, and what was odd about it."""

    alarms: Mapping[int, Sequence[str]]  # step of the samples that raised them -> their texts
    rollouts: Sequence[Rollout]  # of the first step and of the last


@dataclass(frozen=True)
class Learned:
    """What trainings left beside their logs, each by its stage."""

    pairs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # pairs.json
    heldout: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # heldout.json
    policies: Mapping[str, Policy] = field(default_factory=dict)
    origins: Mapping[str, str] = field(default_factory=dict)  # stage -> the one it tuned or merged

    def path(self, stage: str) -> list[str]:
        """The trainings that led to a stage's weights, the first of them first.

        >>> Learned(origins={"merge": "grpo", "grpo": "sft"}).path("merge")
        ['sft', 'grpo']
        """
        before = self.origins.get(stage)
        return [] if before is None else [*self.path(before), before]


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
    learned: Learned = Learned()

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

    def stage(self, name: str) -> Record | None:
        """The finished stage of that name."""
        return next((entry for entry in self.records if entry["stage"] == name), None)


def known_metrics(language: str) -> dict[str, Metric]:
    """Every metric by its file's name under prompts/judge/."""
    return {metric.file: metric for metric in metrics(language)}


def answer_scores(verdicts: Sequence[Verdict], language: str) -> dict[tuple[str, str], Score]:
    """(brief_id, model) -> the answer's score, as the scoreboard counts it, where it has one."""
    counted = main_scores(verdicts, known_metrics(language)).scores
    return {(score.brief_id, score.model): score for score in counted}
