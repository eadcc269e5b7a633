"""What is judged: the front matter of the files in prompts/judge/.

Several files may share a metric's name, each for one family of content types: so the rubric. A
Verdict names the file; `[judging] metrics` names the metric.
"""

from dataclasses import dataclass
from functools import cache

from jobs.domain.errors import PromptError
from jobs.domain.prompts import Prompt, prompt_files

ASKS = ("alone", "pair", "geval")


@dataclass(frozen=True)
class Metric:
    """One file of prompts/judge/ in one language."""

    file: str  # its name without language and ending
    name: str  # what settings call it; the file's name where the file does not say
    family: str  # of content types that it is for; empty: all
    asks: str  # alone: a score for one answer; pair: the better of two; geval: DeepEval's way
    scale: tuple[float, float]  # worst, best
    weight: float  # in the average over metrics; 0.0: shown beside it
    version: int


@cache
def metrics(language: str) -> tuple[Metric, ...]:
    """Every metric there is in a language. Raises PromptError for a file that cannot be used."""
    return tuple(metric_of(prompt) for prompt in prompt_files("judge", language))


def metric_of(prompt: Prompt) -> Metric:
    """The front matter as a metric. Raises PromptError naming the file and the key."""
    front = prompt.front
    asks = front.get("asks", "alone")
    if asks not in ASKS:
        raise PromptError(f"{prompt.path.name} asks {asks!r}; wanted one of {', '.join(ASKS)}.")
    try:
        low, high = map(float, front.get("scale", (1.0, 5.0)))
        weight, version = float(front.get("weight", 1.0)), int(front["version"])
    except (KeyError, TypeError, ValueError) as error:
        raise PromptError(
            f"{prompt.path.name}: wanted `scale: [1.0, 5.0]`, `weight: 1.0` and `version: 1` in "
            f"its front matter, with numbers of its own; found {error}."
        ) from error
    if low >= high or weight < 0:
        raise PromptError(
            f"{prompt.path.name} has scale {low} to {high} and weight {weight}; wanted worst "
            f"before best, and a weight of 0 or more."
        )
    name, family = front.get("metric", prompt.name), front.get("family", "")
    return Metric(prompt.name, str(name), str(family), asks, (low, high), weight, version)


@cache
def metric_in(file: str, language: str) -> Metric:
    """The metric of one file. Raises PromptError where there is none."""
    for metric in metrics(language):
        if metric.file == file:
            return metric
    raise PromptError(f"there is no prompts/judge/{file}.{language}.md. Add it.")


def named(name: str, language: str, asks: str) -> list[Metric]:
    """The files of one metric. Raises PromptError where there is none, or it is asked otherwise."""
    known = metrics(language)
    found = [metric for metric in known if metric.name == name]
    fits = sorted({metric.name for metric in known if metric.asks == asks})
    if not found:
        raise PromptError(
            f"no file in prompts/judge/ is the metric {name!r} in {language!r}; there are "
            f"{', '.join(fits) or 'none'}. Add prompts/judge/{name}.{language}.md, or correct "
            f"the config."
        )
    for metric in found:
        if metric.asks != asks:
            raise PromptError(
                f"the metric {name!r} ({metric.file}.{language}.md) asks {metric.asks!r}; wanted "
                f"one that asks {asks!r}: {', '.join(fits) or 'there is none'}."
            )
    return found


@cache
def fitting(name: str, family: str, language: str) -> Metric | None:
    """The file of a metric for a family: its own, else the one for all; None: it has none.

    Raises PromptError where two files would fit alike.
    """
    for wanted in (family, ""):
        found = [one for one in metrics(language) if (one.name, one.family) == (name, wanted)]
        if len(found) > 1:
            files = ", ".join(f"{metric.file}.{language}.md" for metric in found)
            raise PromptError(
                f"{files} are all the metric {name!r} for "
                f"{wanted or 'every family'}. Give one of them another `metric:`."
            )
        if found:
            return found[0]
    return None
