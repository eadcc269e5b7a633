"""The offline judge: a rule-based stand-in for a paid LLM judge.

It reads the same chat that a paid judge reads and holds the answer against the guide and the facts
in it. It keeps no state and is told nothing of who wrote the answer.

It knows four questions: a family's rubric (`verdict`), one criterion alone (`alone`), the better of
two (`answer`), and DeepEval GEval's request about one criterion. Everything else is refused. It is
made of rules: what it says of creativity and naturalness is a crude stand-in, good for telling a
broken or flat text from a cared-for one.
"""

from pathlib import Path
from typing import Any

from jobs.domain.text import fingerprint
from jobs.llm.offline.judge.answer import answered
from jobs.llm.offline.judge.case import prompt_in, read_case
from jobs.llm.offline.judge.question import metric_named, read_question
from jobs.llm.offline.judge.verdict import as_json, judged

NOT_A_JUDGEMENT = "这里只评审文案：请给出评分标准、品牌指南、产品事实和待评文案。"


def reply(body: dict[str, Any]) -> str:
    """The assistant's text for an OpenAI chat-completions body."""
    prompt = prompt_in(body)
    if metric_named(prompt):
        question = read_question(prompt)
        return NOT_A_JUDGEMENT if question is None else answered(question)
    case = read_case(body)
    return NOT_A_JUDGEMENT if case is None else as_json(*judged(case))


def digest() -> str:
    """Names this judge: its sources and its word lists."""
    folder = Path(__file__).resolve().parent
    files = sorted([*folder.glob("*.py"), *folder.glob("data/*.toml")])
    parts = [part for path in files for part in (path.name, path.read_text(encoding="utf-8"))]
    return fingerprint(*parts)
