"""How a run was made: its data, its cost, its settings, its candidates."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from jobs.reporting.funnel import MAKES, made
from jobs.reporting.page.findings import Findings, Record


def data(findings: Findings) -> dict[str, Any]:
    """The funnel with the share that each step left, and what stood in clean's notes."""
    jobs = {job: findings.record(job) for job in MAKES}
    found = made({job: record for job, record in jobs.items() if record})
    most = max((step["left"] for step in found["steps"]), default=0)
    bars = [
        {**step, "share": 100 * step["left"] / most, "gone": 100 * step["lost"] / most}
        for step in found["steps"]
        if most
    ]
    return {**found, "bars": bars}


def total_cost(records: Sequence[Record]) -> dict[str, Any]:
    """Seconds and money of all stages; `unpriced` counts the stages whose price is not known."""
    usd = [record["counts"]["usd"] for record in records]
    return {
        "seconds": math.fsum(record["seconds"] for record in records),
        "usd": math.fsum(part for part in usd if part is not None),
        "unpriced": usd.count(None),
    }


def stage_times(records: Sequence[Record]) -> dict[str, float]:
    """stage -> its share of the longest stage's time, in percent."""
    longest = max((record["seconds"] for record in records), default=0) or 1
    return {record["stage"]: 100 * record["seconds"] / longest for record in records}


def seeds(settings: Any, path: str = "") -> dict[str, int]:
    """Every setting called seed, by its dotted name.

    >>> seeds({"brand": "b", "sft": {"seed": 3, "epochs": 1}})
    {'sft.seed': 3}
    """
    if not isinstance(settings, Mapping):
        return {path: settings} if path.split(".")[-1] == "seed" else {}
    return {
        name: seed
        for key, value in settings.items()
        for name, seed in seeds(value, f"{path}.{key}".lstrip(".")).items()
    }


def candidates(findings: Findings) -> dict[str, str]:
    """model -> where it comes from, as the answer stage's settings say."""
    record = findings.record("answer")
    settings = record["identity"]["settings"] if record else {}
    base = (settings.get("base") or {}).get("model", "?")
    return {
        entry["name"]: _source(findings, entry, base)
        + (", with the brand's guide in its prompt" if entry["guided"] else "")
        for entry in (settings.get("answer") or {}).get("candidates", ())
    }


def _source(findings: Findings, entry: Mapping[str, Any], base: str) -> str:
    """A candidate's source: golden, base, api, or the name of the stage that wrote the model."""
    known = {
        "golden": "reference texts",
        "base": f"base model: {base}",
        "api": f"the API model of {entry.get('account', '')!r}",
    }
    if entry["source"] in known:
        return known[entry["source"]]
    path = findings.learned.path(entry["source"])
    through = f": {', then '.join(path)}" if len(path) > 1 else ""
    return f"the model trained in this run{through}"


def fact_lines(facts: str) -> list[tuple[str, str]]:
    """A product's facts as lines of name and text.

    >>> fact_lines('{"name": "Mug", "ingredients": [{"name": "clay", "role": "warm"}]}')
    [('name', 'Mug'), ('ingredients', 'clay, warm')]
    """
    return [(key.replace("_", " "), _told(value)) for key, value in json.loads(facts).items()]


def _told(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(map(_told, value.values()))
    if isinstance(value, list):
        between = "; " if any(isinstance(part, Mapping) for part in value) else ", "
        return between.join(map(_told, value))
    return str(value)
