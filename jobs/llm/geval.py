"""DeepEval's GEval with our client as its judge: rows in, rows with GEval's own result out.

Of deepeval (4.3) only `GEval.a_measure` is used, a fresh metric for each row, with the fixed
steps of `prompts/judge/geval_*.md`. It writes the prompt and makes the score; the call between
them is ours, with journal, limiter, budget and repair. So deepeval opens no client and no cache,
retries nothing and runs on the actor's own loop. What its source does, and what follows:

- A model that is none of its own is asked once, by `a_generate(prompt, schema=ReasonScore)`.
  GEval's weighting by token probabilities needs a raw response, which the journal does not keep:
  the score is the judge's own number.
- It would read a reply leniently: the first { to the last }, any type, any size. Here a reply is
  read strictly and handed over as ReasonScore; what is no verdict is a failed row.
- It asks for 0 to 10 and gives 0 to 1. A Verdict has 1.0 to 5.0: 1 + 4 x GEval's score.
- The text is shown in a fence of its own word, like every text that is judged.
"""

import json
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

from jobs.domain.errors import PromptError
from jobs.domain.prompts import Message, brief_block, load_prompt
from jobs.domain.rows import Brief
from jobs.domain.text import fingerprint
from jobs.domain.verdicts import parse_verdict
from jobs.llm.asking import Ask, Question, told
from jobs.llm.faults import Fault
from jobs.llm.shapes import Shape
from jobs.runtime.tables import brief_columns

if TYPE_CHECKING:
    from deepeval.models import DeepEvalBaseLLM

    from jobs.llm.client import Endpoint
    from jobs.llm.replies import Reply

METRIC = "metric"  # the column that names a row's file under prompts/judge/
SCALE = (0.0, 10.0)  # that GEval's own prompt asks for
# Set before deepeval is imported, which would read .env files and report its use to its makers.
QUIET = {
    "DEEPEVAL_TELEMETRY_OPT_OUT": "1",
    "DEEPEVAL_DISABLE_DOTENV": "1",
    "DEEPEVAL_DISABLE_LEGACY_KEYFILE": "1",
    "CONFIDENT_TRACING_ENABLED": "NO",
}
SCHEMA = {
    "type": "object",
    "properties": {"reason": {"type": "string"}, "score": {"type": "number"}},
    "required": ["reason", "score"],
    "additionalProperties": False,
}

# Has a prompt answered: the judge's score and reason.
Answering = Callable[[str], Awaitable[tuple[float, str]]]


@dataclass(frozen=True)
class Criterion:
    """One metric that GEval measures."""

    name: str  # file name under prompts/judge/
    steps: tuple[str, ...]  # the evaluation steps, never written by a model; the first names it
    sees_facts: bool


@cache
def criterion(name: str, language: str) -> Criterion:
    """The file `prompts/judge/<name>.<language>.md`: each line of it is a step.

    Raises PromptError where it is missing or is asked in another way.
    """
    prompt = load_prompt("judge", name, language)
    asks = prompt.front.get("asks", "alone")
    if asks != "geval":
        raise PromptError(
            f"{prompt.path.name} is asked as {asks!r}; GEval measures those whose front matter "
            f"says `asks: geval`. Name another metric in [geval] metrics."
        )
    steps = tuple(line.strip() for line in prompt.body.splitlines() if line.strip())
    return Criterion(name, steps, "facts" in prompt.front.get("sees", ()))


def on_verdict_scale(score: float) -> float:
    """GEval's score as a Verdict's.

    >>> on_verdict_scale(0.0), on_verdict_scale(0.7), on_verdict_scale(1.0)
    (1.0, 3.8, 5.0)
    """
    return round(1.0 + 4.0 * score, 6)


def verdict_of(result: str) -> tuple[float, str]:
    """Score, 1.0 to 5.0, and reason in what `Measure` left in the column `reply`."""
    score, reason = parse_verdict(result, (0.0, 1.0))
    return on_verdict_scale(score), reason


@cache
def judge_class() -> Callable[[Answering], "DeepEvalBaseLLM"]:
    """The judge as GEval sees it: a model of deepeval's kind whose calls are made for it.

    Made once in a process, at its first use: importing deepeval takes 4 s of CPU.
    """
    os.environ.update(QUIET)
    from deepeval.metrics.g_eval.schema import ReasonScore
    from deepeval.models import DeepEvalBaseLLM

    class OurJudge(DeepEvalBaseLLM):  # type: ignore[no-untyped-call]
        def __init__(self, answering: Answering) -> None:
            super().__init__("judge")
            self.answering = answering

        def load_model(self) -> Any:
            return self

        def get_model_name(self) -> str:
            return "judge"

        def generate(self, prompt: str, schema: Any = None) -> Any:
            raise NotImplementedError("GEval is awaited: only a_generate is used")

        async def a_generate(self, prompt: str, schema: Any = None) -> Any:
            score, reason = await self.answering(prompt)
            return ReasonScore(score=score, reason=reason)

    return OurJudge


async def measure(row: dict[str, Any], answering: Answering) -> tuple[float, str]:
    """GEval's score, 0 to 1, and reason for a row; `answering` has its prompt answered."""
    judge = judge_class()(answering)
    from deepeval.metrics import GEval
    from deepeval.test_case import LLMTestCase, SingleTurnParams

    asked = criterion(row[METRIC], row["language"])
    shown = [SingleTurnParams.INPUT] if asked.sees_facts else []
    metric = GEval(
        name=asked.name,
        evaluation_params=[*shown, SingleTurnParams.ACTUAL_OUTPUT],
        evaluation_steps=list(asked.steps),
        model=judge,
    )
    fence = fingerprint("fence", row["text"])
    case = LLMTestCase(
        input=brief_block(Brief(**brief_columns(row))),
        actual_output=f"<answer {fence}>\n{row['text']}\n</answer {fence}>",
    )
    case.multimodal = False  # a text that looks like deepeval's mark of an image is a text
    score = await metric.a_measure(case, _show_indicator=False)
    return score, str(metric.reason)


class Measure(Ask):
    """A Ray Data actor in which GEval measures each row; its judge is the actor's client."""

    def __init__(self, endpoint: "Endpoint", question: Question, in_flight: int) -> None:
        judge_class()
        super().__init__(endpoint, replace(question, build=_nothing), in_flight)

    async def _reply(self, row: dict[str, Any], messages: list[Message]) -> "tuple[Reply, bool]":
        """The client's reply, with GEval's result as its text. Raises Fault."""
        ask, had = super()._reply, []

        async def answering(prompt: str) -> tuple[float, str]:
            reply, paid = await ask(row, chat_of(prompt))
            if reply.problem:
                raise Fault(reply.problem, told(reply))
            had.append((reply, paid))
            return parse_verdict(reply.text, SCALE)

        score, reason = await measure(row, answering)
        reply, paid = had[0]
        result = json.dumps({"score": score, "reason": reason}, ensure_ascii=False)
        return replace(reply, text=result), paid


def _nothing(row: dict[str, Any]) -> list[Message]:
    """GEval writes the prompt."""
    return []


def chat_of(prompt: str) -> list[Message]:
    """GEval's prompt as the one message of a chat."""
    return [{"role": "user", "content": prompt}]


class _Asked(Exception):
    """Carries GEval's prompt out of it."""


def prompt_of(row: dict[str, Any]) -> list[Message]:
    """The chat that GEval's call about a row will have; nothing is called."""

    async def hand_out(prompt: str) -> tuple[float, str]:
        raise _Asked(prompt)

    try:
        measure(row, hand_out).send(None)
    except _Asked as asked:
        return chat_of(str(asked))
    raise AssertionError("unreachable: GEval asks before it waits for anything")


def geval_shape(language: str) -> Shape:
    """What a judge's reply to GEval looks like."""

    def check(row: dict[str, Any], reply: str) -> tuple[float, str]:
        return parse_verdict(reply, SCALE)

    return Shape("geval", SCHEMA, check, language)
