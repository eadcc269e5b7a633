"""The report's page: one file that loads nothing, in which what people or models wrote is escaped.

Its style and its script stand in it and are named by their hashes in its Content-Security-Policy:
no other style and no other script would be obeyed.
"""

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from jobs.reporting.headline import sentence
from jobs.reporting.page import curves, histories, judging, lengths, making, samples, scores
from jobs.reporting.page.against import Pairing, compared
from jobs.reporting.page.answers import browser, embedded
from jobs.reporting.page.findings import Findings
from jobs.reporting.page.preferences import preferences

TEMPLATES = Path(__file__).parent / "templates"


def render_page(findings: Findings) -> str:
    """A run's whole page as HTML."""
    watched = samples.watched(findings)
    return (
        environment()
        .get_template("page.html")
        .render(
            it=findings,
            judge=findings.board["judge"],
            teacher=findings.board["teacher"],
            unfit=judging.unfit(findings.board),
            headline=sentence(
                findings.board["overall"], findings.references, findings.board["differences"]
            ),
            scores=scores.score_rows(findings),
            scale=scores.SCALE,
            differences=scores.difference_rows(findings),
            pairs=scores.head_to_head(findings),
            measures=scores.measures(findings),
            examination=judging.examination(findings),
            agreement=judging.agreement(findings),
            made=making.data(findings),
            trained={
                stage: curves.drawn(curve, watched.get(stage, {}).get("marks", ()))
                for stage, curve in findings.curves.items()
            },
            watched=watched,
            preferences=preferences(findings),
            policies=samples.policies(findings),
            lengths=lengths.length_rows(findings),
            length_panels=lengths.length_panels(findings),
            cut_off=lengths.cut_off(findings),
            total=making.total_cost(findings.records),
            times=making.stage_times(findings.records),
            seeds={e["stage"]: making.seeds(e["identity"]["settings"]) for e in findings.records},
            candidates=making.candidates(findings),
            histories=histories.train_histories(findings),
            shown=browser(findings),
        )
    )


def render_against(pairing: Pairing) -> str:
    """Two runs side by side as HTML."""
    return environment().get_template("against.html").render(it=pairing, **compared(pairing))


def environment() -> Environment:
    """The templates with their filters; an unknown name in them is an error."""
    found = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= {entry.__name__: entry for entry in FILTERS}
    found.globals |= {"style": part("style.css"), "script": part("script.js")}
    return found


def part(name: str) -> Markup:
    """A file of ours that stands in the page as it is."""
    return Markup((TEMPLATES / name).read_text(encoding="utf-8"))


def csp_hash(content: str) -> str:
    """A style's or script's source expression in a Content-Security-Policy."""
    return "sha256-" + base64.b64encode(hashlib.sha256(str(content).encode()).digest()).decode()


def pretty(value: Any) -> str:
    """The value as indented JSON."""
    return json.dumps(value, ensure_ascii=False, indent=1)


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


def signed(value: float) -> str:
    """
    >>> signed(0.1), signed(-0.25)
    ('+0.10', '\u22120.25')
    """
    return f"{value:+.2f}".replace("-", "\u2212")


def chance(p: float | None) -> str:
    """
    >>> chance(0.0312), chance(0.00002), chance(None)
    ('0.031', 'below 0.001', '\u2013')
    """
    if p is None:
        return "\u2013"
    return "below 0.001" if p < 0.001 else f"{p:.3f}"


def plain(value: Any) -> str:
    """A figure of unknown kind for a person.

    >>> plain(0.12345), plain(True), plain([1, "a"]), plain(None)
    ('0.123', 'yes', '1, a', '\u2013')
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.3g}"
    if isinstance(value, list | tuple):
        return ", ".join(map(plain, value))
    return "\u2013" if value is None else str(value)


FILTERS = (  # as the templates call them
    *(chance, csp_hash, duration, embedded, judging.excerpt, making.fact_lines, money, plain),
    *(pretty, signed, wrappable),
)
