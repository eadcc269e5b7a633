"""The report's page: figures from rows and done.json files, set in page.html.

Everything stands in one file that loads nothing; what people or models wrote is escaped.
"""

import base64
import hashlib
import json
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from jobs.domain.brand import Guide
from jobs.domain.prompts import content_type
from jobs.domain.rows import Answer, Failed, Verdict
from jobs.domain.text import char_count
from jobs.reporting.funnel import made
from jobs.reporting.headline import headline
from jobs.reporting.marks import marked

Record = Mapping[str, Any]  # a stage's done.json
PLOT = {"left": 62, "right": 590, "top": 14, "bottom": 244}  # the chart's frame, in a 600 x 300 box


@dataclass(frozen=True)
class Findings:
    """All that the page is made from."""

    run: str
    guide: Guide
    board: dict[str, Any]  # scoreboard.json
    answers: Sequence[Answer]
    verdicts: Sequence[Verdict]
    failures: Sequence[Failed]  # of judging
    splits: Mapping[str, int]  # split -> briefs; empty where there is no brief stage
    records: Sequence[Record]  # of each finished stage, in the order of the config
    curve: Sequence[Mapping[str, float]]  # the trainer's log history; empty without sft

    @property
    def models(self) -> list[str]:
        """Every model that answered, the scored ones in the scoreboard's order."""
        scored = list(self.board["overall"])
        return [*scored, *sorted({answer.model for answer in self.answers} - set(scored))]

    @property
    def references(self) -> set[str]:
        """Candidates that are texts of people, not models."""
        return {answer.model for answer in self.answers if answer.finish_reason == "reference"}

    def record(self, job: str) -> Record | None:
        """The last finished stage of a job."""
        return next((entry for entry in reversed(self.records) if entry["job"] == job), None)


def render_page(findings: Findings) -> str:
    """The whole page as HTML."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {entry.__name__: entry for entry in FILTERS}
    return environment.get_template("page.html").render(
        it=findings,
        judge=findings.board["judge"],
        teacher=findings.board["teacher"],
        headline=headline(findings.board["overall"], findings.references, findings.verdicts),
        scores=score_rows(findings),
        made=made(findings.record("generate"), findings.record("clean")),
        chart=chart(findings.curve),
        lengths=length_rows(findings),
        cut_off=cut_off(findings),
        total=total_cost(findings.records),
        seeds={entry["stage"]: seeds(entry["identity"]["settings"]) for entry in findings.records},
        candidates=candidates(findings),
        briefs=brief_cards(findings),
    )


def pretty(value: Any) -> str:
    """The value as indented JSON."""
    return json.dumps(value, ensure_ascii=False, indent=1)


def csp_hash(script: str) -> str:
    """The script's source expression in a Content-Security-Policy: no other script may run."""
    return "sha256-" + base64.b64encode(hashlib.sha256(str(script).encode()).digest()).decode()


def wrappable(name: str) -> Markup:
    """The name, escaped, with places to break a line after its underscores.

    >>> str(wrappable("a_<b"))
    'a_<wbr>&lt;b'
    """
    return Markup("_<wbr>").join(map(escape, name.split("_")))


def duration(seconds: float) -> str:
    """
    >>> duration(8.25), duration(75), duration(7322)
    ('8.2 s', '1 min 15 s', '2 h 2 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def money(usd: float | None) -> str:
    """
    >>> money(1.5), money(None)
    ('$1.50', 'price not known')
    """
    return "price not known" if usd is None else f"${usd:.2f}"


FILTERS = (csp_hash, duration, money, pretty, wrappable)  # as page.html calls them


def score_rows(findings: Findings) -> list[dict[str, Any]]:
    """The scoreboard's rows: name, label, cells by model, and the best that are no references."""
    board, language = findings.board, findings.guide.language
    rows = [
        {"name": kind, "label": content_type(kind, language).label, "cells": cells}
        for kind, cells in board["content_types"].items()
    ]
    rows.append({"name": "overall", "label": "", "cells": board["overall"]})
    if board["new_hero"]:
        rows.append({"name": "new hero ingredients", "label": "", "cells": board["new_hero"]})
    for row in rows:
        means = {m: c["mean"] for m, c in row["cells"].items() if m not in findings.references}
        row["best"] = {model for model, mean in means.items() if mean == max(means.values())}
    return rows


def chart(curve: Sequence[Mapping[str, float]]) -> dict[str, Any] | None:
    """Loss over step as SVG coordinates; None where nothing finite was logged."""
    series = {
        name: [
            (entry["step"], entry[key])
            for entry in curve
            if math.isfinite(entry.get(key, math.nan))
        ]
        for name, key in (("training loss", "loss"), ("dev loss", "eval_loss"))
    }
    points = [point for line in series.values() for point in line]
    if not points:
        return None
    across = ticks(max(step for step, _ in points))
    up = ticks(max(loss for _, loss in points))

    def place(step: float, loss: float) -> tuple[float, float]:
        x = PLOT["left"] + (PLOT["right"] - PLOT["left"]) * step / across[-1]
        y = PLOT["bottom"] - (PLOT["bottom"] - PLOT["top"]) * loss / up[-1]
        return round(x, 1), round(y, 1)

    return {
        "plot": PLOT,
        "x_ticks": [(f"{step:g}", place(step, 0)[0]) for step in across],
        "y_ticks": [(f"{loss:g}", place(0, loss)[1]) for loss in up],
        "lines": {name: [place(*point) for point in line] for name, line in series.items() if line},
        "values": series,
    }


def ticks(high: float) -> list[float]:
    """Round numbers from 0 to the first at or above `high`, at most seven; to 1 where `high` is 0.

    >>> ticks(3.7)
    [0, 1, 2, 3, 4]
    """
    top = high if high > 0 else 1.0
    power: float = 10 ** math.floor(math.log10(top / 5))
    step = next(size * power for size in (1, 2, 5, 10) if size * power >= top / 5)
    step = int(step) if step >= 1 else step
    return [round(step * count, 10) for count in range(math.ceil(top / step) + 1)]


def length_rows(findings: Findings) -> list[dict[str, Any]]:
    """Per content type: its window, and each model's mean characters and share inside it."""
    found: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for answer in findings.answers:
        found[answer.content_type][answer.model].append(char_count(answer.text))
    rows = []
    for name in sorted(found):
        kind = content_type(name, findings.guide.language)
        cells = {
            model: {
                "mean": fmean(sizes),
                "inside": fmean(kind.min_chars <= size <= kind.max_chars for size in sizes),
            }
            for model, sizes in found[name].items()
        }
        rows.append({"kind": kind, "cells": cells})
    return rows


def cut_off(findings: Findings) -> dict[str, int]:
    """model -> answers that ran into the limit of tokens."""
    return {
        model: sum(a.model == model and a.finish_reason == "length" for a in findings.answers)
        for model in findings.models
    }


def total_cost(records: Sequence[Record]) -> dict[str, Any]:
    """Seconds and money of all stages; `unpriced` counts the stages whose price is not known."""
    usd = [record["counts"]["usd"] for record in records]
    return {
        "seconds": math.fsum(record["seconds"] for record in records),
        "usd": math.fsum(part for part in usd if part is not None),
        "unpriced": usd.count(None),
    }


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
    sources = {"golden": "reference texts", "merge": "the model trained in this run"}
    sources["base"] = f"base model: {settings.get('base', {}).get('model', '?')}"
    return {
        entry["name"]: sources.get(entry["source"], entry["source"])
        + (", with the brand's guide in its prompt" if entry["guided"] else "")
        for entry in settings.get("answer", {}).get("candidates", ())
    }


def brief_cards(findings: Findings) -> list[dict[str, Any]]:
    """Each brief with the answers of all models, their verdicts, and their marked texts."""
    said: dict[str, list[Verdict]] = defaultdict(list)
    for verdict in findings.verdicts:
        said[verdict.answer_id].append(verdict)
    failed = {failure.row_id: failure for failure in findings.failures}
    cards: dict[str, dict[str, Any]] = {}
    order = {model: place for place, model in enumerate(findings.models)}
    for answer in sorted(findings.answers, key=lambda a: (a.brief_id, order[a.model])):
        facts = json.loads(answer.facts)
        kind = content_type(answer.content_type, answer.language)
        fresh = {"brief": answer, "facts": facts, "kind": kind, "entries": []}
        cards.setdefault(answer.brief_id, fresh)["entries"].append(
            {
                "answer": answer,
                "verdicts": said[answer.answer_id],
                "failure": failed.get(answer.answer_id),
                "text": marked(answer.text, findings.guide, answer.facts),
                "chars": char_count(answer.text),
            }
        )
    return list(cards.values())
