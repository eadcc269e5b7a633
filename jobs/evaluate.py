"""Verdict, Comparison -> scoreboard.json: the table that says how good it is, and how sure that is.

python -m jobs.evaluate configs/demo.toml
"""

from typing import Any

from pydantic import Field

from jobs.domain.errors import SettingsError, StageError
from jobs.domain.metrics import metrics
from jobs.domain.prompts import PROMPTS, load_prompt
from jobs.domain.rows import Answer, Comparison, Failed, Verdict
from jobs.domain.text import char_count, fingerprint
from jobs.llm.accounts import Accounts, models_of
from jobs.llm.api import Api
from jobs.llm.judges import Judging, judge_accounts
from jobs.llm.reach import source_digest
from jobs.llm.teachers import accounts
from jobs.reporting.measures import rules
from jobs.reporting.preference import Resampling, preferences
from jobs.reporting.scores import scoreboard
from jobs.reporting.terminal import as_text
from jobs.runtime.command import start
from jobs.runtime.config import Section
from jobs.runtime.stage import Counts, Job, Stage
from jobs.runtime.tables import read_rows

SCOREBOARD = "scoreboard.json"
EXAMINATION = "examination.json"  # judge -> fit, reasons, checks
SCORING = ("judge", "geval")  # jobs whose verdicts are averaged


class Evaluate(Section):
    """How far the scores have to be trustworthy, and how intervals are drawn."""

    require_fit_judge: bool = Field(
        default=False, description="fail where a judge did not pass its examination"
    )
    seed: int = Field(default=0, description="of the resamples")
    resamples: int = Field(default=2000, ge=100, description="of products, for strengths")


def main(run: Stage) -> Counts:
    """Average the verdicts, compare the models, say who judged and if that can be believed."""
    examined = examination(run)
    verdicts = [row for job in SCORING if run.has_input(job) for row in rows_of(run, job, Verdict)]
    failed = len(rows_of(run, "judge", Failed))
    if not verdicts:
        raise StageError(f"{run.name}: all {failed} judgements failed; there is no score.")
    answers = read_rows(Answer, run.inputs()["judge"].input("answer"))
    models = model_order(answers)
    known = {metric.file: metric for metric in metrics(run.guide.language)}
    board = scoreboard(verdicts, models, known)
    if not board["overall"]:
        raise StageError(f"{run.name}: no answer has all its judgements; there is no score.")
    compared = compare(run, answers)
    board |= compared | {"agreement": board["agreement"] | compared["agreement"]}
    board["rules"] = rules(answers, run.guide, models)
    board |= {"costs": costs_of(run), "examination": examined}
    files = {row.metric for row in [*verdicts, *rows_of(run, "compare", Comparison)]}
    board["judge"] = judge_of(run, files) | {"failed": failed}
    board["teacher"] = {
        "model": models_of(accounts(run)),
        "offline": is_offline(run, "teacher"),
    }
    run.folder.write_json(SCOREBOARD, board)
    print(as_text(board), flush=True)
    offline = [role for role in ("teacher", "judge") if is_offline(run, role)]
    if offline:
        print(f"({' and '.join(offline)} offline: rule-based stand-ins, not paid models)")
    return Counts(len(verdicts), len(verdicts), notes={"scoreboard": SCOREBOARD})


def rows_of(run: Stage, job: str, row_type: type[Any]) -> list[Any]:
    """A table of a stage; empty where the config has no such stage."""
    return read_rows(row_type, run.input(job)) if run.has_input(job) else []


def model_order(answers: list[Answer]) -> list[str]:
    """The models that answered: those with names of ours first."""
    known = {answer.model for answer in answers}
    order = ["golden", "sft", "grpo", "dpo", "base_guide", "base"]
    ranked = [model for model in order if model in known]
    return [*ranked, *sorted(known - set(ranked))]


def compare(run: Stage, answers: list[Answer]) -> dict[str, Any]:
    """What the comparisons tell; empty without a compare stage."""
    settings = run.settings(Evaluate)
    lengths = {(answer.brief_id, answer.model): char_count(answer.text) for answer in answers}
    rows = rows_of(run, "compare", Comparison)
    return preferences(rows, lengths, Resampling(settings.seed, settings.resamples))


def costs_of(run: Stage) -> dict[str, Any]:
    """model -> what a thousand of its answers cost, as the answer stage found."""
    answering = run.inputs()["judge"].inputs().get("answer")
    record = answering.done() if answering else None
    found: dict[str, Any] = record["counts"]["notes"].get("costs", {}) if record else {}
    return found


def examination(run: Stage) -> dict[str, Any] | None:
    """How the judges did in their examination; None without one.

    Raises StageError where a judge has to be fit and one is not.
    """
    if not run.has_input("examine"):
        return None
    found: dict[str, Any] = run.input("examine").read_json(EXAMINATION)
    for name in judge_accounts(run):
        unknown = {"fit": False, "reasons": ["it was not examined"], "checks": []}
        found.setdefault(name, unknown)
    unfit = {name: told["reasons"] for name, told in found.items() if not told["fit"]}
    if unfit and run.settings(Evaluate).require_fit_judge:
        told = "; ".join(f"{name} ({', '.join(reasons)})" for name, reasons in unfit.items())
        raise StageError(
            f"{run.name}: [evaluate] require_fit_judge is set, and unfit to judge: {told}. Choose "
            f"another judge, or take the setting out to see its scores with a warning."
        )
    return found


def judge_of(run: Stage, files: set[str]) -> dict[str, Any]:
    """Who judged: models, metrics and their versions, and a hash of all that shapes a score."""
    language, judges = run.guide.language, judge_accounts(run)
    prompts = {file: load_prompt("judge", file, language) for file in sorted(files)}
    partials = sorted((PROMPTS / "partials").glob(f"judging*.{language}.md"))
    sources = [
        part
        for api in judges.values()
        for part in (api.model, source_digest("judge") if api.is_offline else api.base_url)
    ]
    digests = [prompt.digest for prompt in prompts.values()]
    return {
        "model": models_of(judges.values()),
        "judges": {name: api.model for name, api in judges.items()},
        "offline": is_offline(run, "judge"),
        "hash": fingerprint(
            *sources, *(path.read_text(encoding="utf-8") for path in partials), *digests
        ),
        "rubrics": {file: prompt.front["version"] for file, prompt in prompts.items()},
    }


def is_offline(run: Stage, role: str) -> bool:
    """True where the embedded stand-in was used, if only as one of several."""
    used = accounts(run) if role == "teacher" else judge_accounts(run).values()
    return any(api.is_offline for api in used)


def check(run: Stage) -> None:
    """Raises SettingsError where a judge has to be fit and none is examined."""
    if run.settings(Evaluate).require_fit_judge and not run.has_input("examine"):
        raise SettingsError(
            f"[evaluate] require_fit_judge is set, but no stage before {run.name!r} examines the "
            f'judge. Add [[stages]] job = "examine".'
        )


JOB = Job(
    name="evaluate",
    main=main,
    sections={
        "evaluate": Evaluate,
        "judge": Api,
        "judges": Accounts,
        "judging": Judging,
        "teacher": Api,
        "teachers": Accounts,
    },
    reads=("judge", "geval", "examine", "compare"),
    needs_ray=False,
    check=check,
)

if __name__ == "__main__":
    start("evaluate")
