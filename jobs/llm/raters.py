"""The rater's account and prompts: never those of the judge that measures what was trained.

`[rater]` checks negatives and rates rollouts. A model that learns from its judge is judged by its
teacher: settings in which the two are one are refused before anything starts.
"""

from collections.abc import Iterable

from jobs.domain.errors import SettingsError
from jobs.domain.prompts import Prompt, prompt_files
from jobs.llm.accounts import accounts_in, check_account
from jobs.llm.api import Api
from jobs.runtime.stage import Stage


def check_rater(stage: Stage) -> None:
    """A job's check of `[rater]` before money is spent. Raises SettingsError."""
    refuse_judge_as_rater(stage)
    check_account(stage, stage.section("rater", Api))


def refuse_judge_as_rater(stage: Stage) -> None:
    """Raises SettingsError where [rater] is a judge's model, or is asked as a judge is.

    The stand-ins are different servers, and so allowed.
    """
    rater = stage.section("rater", Api)
    named = {f"judges.{name}": api for name, api in accounts_in(stage, "judges").items()}
    for name, judge in {"judge": stage.section("judge", Api), **named}.items():
        if not rater.is_offline and address(rater) == address(judge):
            raise SettingsError(
                f"[rater] is {rater.model!r} at {rater.base_url}, which is [{name}] too: a model "
                f"trained on its judge's marks would be measured by them. Give one another model."
            )
    language = stage.guide.language
    refuse_judges_prompts(prompt_files("reward", language), prompt_files("judge", language))


def address(api: Api) -> tuple[str, str]:
    """Who answers: the service and its model, however they are spelled.

    >>> address(Api(base_url="https://A.example/v1/", model="m")) == (
    ...     address(Api(base_url="https://a.example/v1", model="m")))
    True
    """
    return api.base_url.strip().rstrip("/").lower(), api.model.strip().lower()


def refuse_judges_prompts(rewards: Iterable[Prompt], judges: Iterable[Prompt]) -> None:
    """Raises SettingsError where a reward's prompt asks what a judge's metric asks.

    The bodies are compared: two files of one digest have one body, and another front matter makes
    no other question.
    """
    bodies = {" ".join(prompt.body.split()): prompt.path.name for prompt in judges}
    for prompt in rewards:
        same = bodies.get(" ".join(prompt.body.split()))
        if same:
            raise SettingsError(
                f"prompts/reward/{prompt.path.name} and prompts/judge/{same} ask the same: a "
                f"metric that is a reward measures nothing any more. Write another question."
            )
