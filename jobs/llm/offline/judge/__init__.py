"""The offline judge: a rule-based stand-in for a paid LLM judge.

It reads the same chat that a paid judge reads and holds the answer against the guide and the facts
in it. It keeps no state and is told nothing of who wrote the answer.
"""

from pathlib import Path
from typing import Any

from jobs.domain.text import fingerprint
from jobs.llm.offline.judge.case import read_case
from jobs.llm.offline.judge.verdict import as_json, judged

NOT_A_JUDGEMENT = "这里只评审文案：请给出评分标准、品牌指南、产品事实和待评文案。"


def reply(body: dict[str, Any]) -> str:
    """The assistant's text for an OpenAI chat-completions body."""
    case = read_case(body)
    if case is None:
        return NOT_A_JUDGEMENT
    return as_json(*judged(case))


def digest() -> str:
    """Names this judge: its sources and its word lists."""
    folder = Path(__file__).resolve().parent
    files = sorted([*folder.glob("*.py"), *folder.glob("data/*.toml")])
    parts = [part for path in files for part in (path.name, path.read_text(encoding="utf-8"))]
    return fingerprint(*parts)
