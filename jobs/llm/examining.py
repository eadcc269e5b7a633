"""Putting an examination's cases to every judge of the panel, the way jobs.judge asks."""

import functools
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import ray.data

from jobs.domain.brand import Guide
from jobs.domain.errors import StageError
from jobs.domain.examination.cases import Case, Said
from jobs.domain.metrics import fitting, metric_in
from jobs.domain.prompts import Message, content_type, render_judgement, render_pair
from jobs.domain.rows import Brief
from jobs.domain.verdicts import parse_verdict, parse_winner
from jobs.llm.asking import Question
from jobs.llm.judges import ask_panel, pair_shape, reply_shape
from jobs.runtime.stage import Stage
from jobs.runtime.tables import brief_columns

RUBRIC, PAIR = "rubric", "pair"  # the metrics asked for: the family's rubric, and the pair prompt


def ask(run: Stage, cases: Sequence[Case]) -> tuple[dict[str, list[Said]], list[dict[str, Any]]]:
    """Every judge's answer to every case, by judge, and the bills."""
    language, build = run.guide.language, functools.partial(chat_of, guide=run.guide)
    shapes = {
        RUBRIC: reply_shape("score", {"type": "number"}, score_of, language),
        PAIR: pair_shape(language),
    }
    rows = [row_of(place, case) for place, case in enumerate(cases)]
    said: dict[str, list[Said]] = defaultdict(list)
    bills: list[dict[str, Any]] = []
    for asks, shape in shapes.items():
        wanted = [row for row in rows if row["asks"] == asks]
        if wanted:
            question = Question(build, case_id, run.name, seed=seed_of, shape=shape)
            replied, bills = ask_panel(run, ray.data.from_items(wanted), question)
            for row in replied.iter_rows():
                said[row["judge"]].append(heard(cases[row["place"]], row))
    return dict(said), bills  # the last bills: each is of all that the stage has had so far


def chat_of(row: dict[str, Any], guide: Guide) -> list[Message]:
    """What the judge reads of a case."""
    brief = Brief(**brief_columns(row))
    if row["asks"] == PAIR:
        return render_pair(row["metric"], brief, guide, row["text"], row["other"])
    return render_judgement(row["metric"], brief, guide, row["text"])


def row_of(place: int, case: Case) -> dict[str, Any]:
    """A case as a row to ask about, with the file of its metric."""
    asks = PAIR if case.is_pair else RUBRIC
    family = content_type(case.brief.content_type, case.brief.language).family
    metric = fitting(asks, family, case.brief.language)
    if metric is None:
        raise StageError(
            f"prompts/judge/ has no {asks} for the family {family!r} in {case.brief.language!r}. "
            f"Add one, or take the examine stage out."
        )
    asked = {"place": place, "case_id": case.case_id, "asks": asks, "metric": metric.file}
    return {**vars(case.brief), **asked, "text": case.text, "other": case.other, "seed": case.seed}


def case_id(row: dict[str, Any]) -> str:
    """What an answer that cannot be had is called."""
    return str(row["case_id"])


def seed_of(row: dict[str, Any]) -> int:
    """Another one where the same is asked again."""
    return int(row["seed"])


def score_of(row: dict[str, Any], reply: str) -> tuple[float, str]:
    """The score, brought to 1.0 to 5.0, and the reason. Raises VerdictError."""
    low, high = metric_in(row["metric"], row["language"]).scale
    score, reason = parse_verdict(reply, (low, high))
    return 1.0 + 4.0 * (score - low) / (high - low), reason


def heard(case: Case, row: dict[str, Any]) -> Said:
    """A reply as what the judge said."""
    if row["error"]:
        return Said(case, error=row["error"], message=row["message"])
    key = row["reply_key"]
    if case.is_pair:
        winner, reason = parse_winner(row["reply"])
        return Said(case, winner=winner, reason=reason, journal_key=key)
    score, reason = score_of(row, row["reply"])
    return Said(case, score, reason=reason, journal_key=key)
