"""Verdict -> scoreboard.json: the table that says how good it is.

python -m jobs.evaluate configs/demo.toml
"""

from typing import Any

from jobs.domain.errors import StageError
from jobs.domain.prompts import PROMPTS, load_prompt
from jobs.domain.rows import Answer, Failed, Verdict
from jobs.domain.text import fingerprint
from jobs.llm.api import Api
from jobs.llm.reach import source_digest
from jobs.llm.teachers import Teachers, accounts
from jobs.reporting.scores import as_text, scoreboard
from jobs.runtime.command import start
from jobs.runtime.stage import Counts, Job, Stage
from jobs.runtime.tables import read_rows

SCOREBOARD = "scoreboard.json"


def main(run: Stage) -> Counts:
    """Average the verdicts; name the judge by its rubrics and, if offline, by its own source."""
    verdicts = read_rows(Verdict, run.input("judge"))
    failed = read_rows(Failed, run.input("judge"))
    if not verdicts:
        raise StageError(f"{run.name}: all {len(failed)} judgements failed; there is no score.")
    models = [candidate for candidate in model_order(run)]
    board = scoreboard(verdicts, models)
    board["judge"] = judge_of(run, verdicts) | {"failed": len(failed)}
    board["teacher"] = {
        "model": ", ".join(dict.fromkeys(api.model for api in accounts(run))),
        "offline": is_offline(run, "teacher"),
    }
    run.folder.write_json(SCOREBOARD, board)
    print(as_text(board), flush=True)
    offline = [role for role in ("teacher", "judge") if is_offline(run, role)]
    if offline:
        print(f"({' and '.join(offline)} offline: rule-based stand-ins, not paid models)")
    return Counts(len(verdicts), len(verdicts), notes={"scoreboard": SCOREBOARD})


def model_order(run: Stage) -> list[str]:
    """The models in the order in which they first answered."""
    answers = read_rows(Answer, run.inputs()["judge"].input("answer"))
    known = [answer.model for answer in answers]
    order = ["golden", "sft", "grpo", "dpo", "base_guide", "base"]
    ranked = [model for model in order if model in known]
    return [*ranked, *sorted(set(known) - set(ranked))]


def judge_of(run: Stage, verdicts: list[Verdict]) -> dict[str, Any]:
    """Who judged: model, rubrics and their versions, and a hash of all that shapes a score."""
    api = run.section("judge", Api)
    rubrics = {
        metric: load_prompt("judge", metric, run.guide.language)
        for metric in sorted({verdict.metric for verdict in verdicts})
    }
    source = source_digest("judge") if api.is_offline else api.base_url
    partial = load_partial(run.guide.language)
    digests = [prompt.digest for prompt in rubrics.values()]
    return {
        "model": api.model,
        "offline": api.is_offline,
        "hash": fingerprint(api.model, source, partial, *digests),
        "rubrics": {metric: prompt.front["version"] for metric, prompt in rubrics.items()},
    }


def load_partial(language: str) -> str:
    """The part that all rubrics share."""
    return (PROMPTS / "partials" / f"judging.{language}.md").read_text(encoding="utf-8")


def is_offline(run: Stage, role: str) -> bool:
    """True where the embedded stand-in was used, if only as one of several teachers."""
    used = accounts(run) if role == "teacher" else [run.section(role, Api)]
    return any(api.is_offline for api in used)


JOB = Job(
    name="evaluate",
    main=main,
    sections={"judge": Api, "teacher": Api, "teachers": Teachers},
    reads=("judge",),
    needs_ray=False,
)

if __name__ == "__main__":
    start("evaluate")
