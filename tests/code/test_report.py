"""The report: right numbers, everything escaped, nothing fetched, stand-ins named."""

import json
import math
import re
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from statistics import fmean, pstdev
from typing import Any

import pytest

from jobs.domain.brand import Guide
from jobs.domain.errors import StageError
from jobs.domain.rows import Answer, Brief, Failed, Verdict
from jobs.report import main
from jobs.reporting.funnel import Losses, as_records, funnel
from jobs.reporting.headline import headline, interval
from jobs.reporting.marks import marked
from jobs.reporting.page import chart, ticks
from jobs.reporting.scores import scoreboard
from jobs.runtime.command import discover, load, stages_of
from jobs.runtime.stage import DONE, FORMAT, Stage
from jobs.runtime.tables import write_rows

FACTS = json.dumps(
    {
        "name": "烟酰胺净润精华液",
        "ingredients": [{"name": "烟酰胺", "role": "匀净肤色", "concentration": "5%"}],
        "price": "189元",
    },
    ensure_ascii=False,
)
SCORES = {  # brief -> model -> score; paid_ad_bab of ys-2 was not judged for base
    ("ys-1", "paid_ad_bab"): {"golden": 5.0, "sft": 4.0, "base": 2.0},
    ("ys-2", "paid_ad_bab"): {"golden": 4.0, "sft": 3.0},
    ("ys-1", "paid_ad_fab"): {"golden": 4.5, "sft": 4.5, "base": 1.0},
    ("ys-2", "paid_ad_fab"): {"golden": 4.5, "sft": 2.5, "base": 3.0},
}
MODELS = ["golden", "sft", "base"]
HOSTILE = '</p><script>alert("x")</script><img src="https://example.org/a.png">' + "字" * 60
HOSTILE_REASON = "</details><b onclick='x()'>理由</b>"


class Page(HTMLParser):
    """What a test reads off a page: tables by their section's id, tags with attributes, text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tables: dict[str, list[list[str]]] = {}
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.section = ""
        self.in_cell = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.append((tag, found))
        if tag == "h2":
            self.section = found.get("id") or ""
        if tag == "tr":
            self.tables.setdefault(self.section, []).append([])
        if tag in ("td", "th"):
            self.tables[self.section][-1].append("")
            self.in_cell = True

    def handle_endtag(self, tag: str) -> None:
        self.in_cell = self.in_cell and tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        if self.in_cell:
            self.tables[self.section][-1][-1] += data

    def row(self, section: str, first: str) -> list[str]:
        """The cells after the first, of the row whose first cell begins so."""
        return next(
            [" ".join(cell.split()) for cell in row[1:]]
            for row in self.tables[section]
            if row and row[0].strip().lower().startswith(first)
        )


def config(folder: Path, jobs: Sequence[str]) -> list[Stage]:
    folder.mkdir(exist_ok=True)
    path = folder / "small.toml"
    stages = "".join(f'[[stages]]\njob = "{job}"\n' for job in jobs)
    head = f'run = "small"\nbrand = "yuansu"\nstorage = "{folder}"\n'
    path.write_text(head + stages, encoding="utf-8")
    known = discover()
    return stages_of(load([str(path)], known), known)


def brief(product: str, kind: str) -> dict[str, Any]:
    return {
        "brief_id": f"{product}/{kind}", "product_id": product, "split": "val",
        "new_hero": product == "ys-2", "brand": "yuansu", "language": "zh",
        "content_type": kind, "facts": FACTS,
    }  # fmt: skip


def answers() -> list[Answer]:
    return [
        Answer(
            **brief(*key), answer_id=f"{'/'.join(key)}@{model}", model=model,
            text=HOSTILE if model == "base" else "字" * (60 if model == "golden" else 30),
            finish_reason="reference" if model == "golden" else "stop",
            prompt_tokens=1, completion_tokens=1,
        )
        for key in SCORES
        for model in MODELS
    ]  # fmt: skip


def verdicts() -> list[Verdict]:
    return [
        Verdict(
            answer_id=f"{product}/{kind}@{model}", brief_id=f"{product}/{kind}", product_id=product,
            new_hero=product == "ys-2", content_type=kind, model=model, metric="paid_ad",
            judge="judge", score=score, reason=HOSTILE_REASON, journal_key="k",
        )
        for (product, kind), scores in SCORES.items()
        for model, score in scores.items()
    ]  # fmt: skip


def finish(stage: Stage, **counts: Any) -> None:
    filled = {"expected": 1, "out": 1, "dropped": 0, "failed": 0, "usd": 0.0, "notes": {}} | counts
    identity = {"settings": {"brand": "yuansu", stage.name: {"seed": 7}}}
    record = {"format": FORMAT, "job": stage.job.name, "stage": stage.name, "identity": identity}
    stage.folder.write_json(DONE, record | {"counts": filled, "seconds": 60.0, "commit": "abc"})


def fill(stage: Stage, offline: bool = True) -> None:
    """What each stage would have left in its folder."""
    job = stage.job.name
    counts: dict[str, Any] = {}
    if job == "brief":
        write_rows([Brief(**brief(*key)) for key in SCORES], Brief, stage.folder)
    elif job == "generate":
        counts = {"expected": 20, "out": 19, "failed": 1, "usd": None}
    elif job == "clean":
        reasons = {"banned_word": 3, "near_duplicate": 1}
        counts = {"expected": 19, "out": 15, "dropped": 4, "usd": 1.25}
        steps = funnel(Losses(10, 20, 1, reasons, 0))
        cell = {"copies": 15, "chars": 88.4, "facts_named": 0.515, "encouraged": 1.25}
        cell |= {"distinct": 0.7, "self_bleu": 0.3, "sampled": 15}
        counts["notes"] = {
            "reasons": reasons,
            "funnel": as_records(steps),
            "figures": {"paid_ad_pas": cell},
            "warnings": ["<b>copies</b> are alike"],
        }
    elif job == "sft":
        stage.folder.write_json("curve.json", [{"loss": 3.0, "step": 5}, {"loss": 1.0, "step": 9}])
    elif job == "answer":
        write_rows(answers(), Answer, stage.folder)
    elif job == "judge":
        write_rows(verdicts(), Verdict, stage.folder)
        lost = Failed("ys-2/paid_ad_bab@base", "judge", "no_verdict", "judge said <nothing>")
        write_rows([lost], Failed, stage.folder)
    elif job == "evaluate":
        who = {"model": "m", "offline": offline, "hash": "0123456789abcdef"}
        judge = who | {"rubrics": {"paid_ad": 1}, "failed": 1}
        board = scoreboard(verdicts(), MODELS) | {"judge": judge, "teacher": who}
        stage.folder.write_json("scoreboard.json", board)
    finish(stage, **counts)


FULL = ("brief", "generate", "clean", "pretrain", "sft", "answer", "judge", "evaluate", "report")
SHORT = ("answer", "judge", "evaluate", "report")  # own answers judged, nothing trained


def report(folder: Path, jobs: Sequence[str] = FULL, offline: bool = True) -> str:
    *before, last = config(folder, jobs)
    for stage in before:
        fill(stage, offline)
    counts = main(last)
    assert counts.expected == counts.out == len(answers())
    return last.folder.read_bytes("index.html").decode()


def test_figures(tmp_path: Path) -> None:
    page = Page(report(tmp_path))
    # By hand: sft bab (4+3)/2, fab (4.5+2.5)/2; base bab 2 alone; overall sft 14/4, base 6/3.
    assert page.row("scores", "paid_ad_bab") == ["4.50 n 2", "3.50 n 2", "2.00 n 1"]
    assert page.row("scores", "paid_ad_fab") == ["4.50 n 2", "3.50 n 2", "2.00 n 2"]
    assert page.row("scores", "overall") == ["4.50 n 4", "3.50 n 4", "2.00 n 3"]
    assert page.row("scores", "new hero") == ["4.25 n 2", "2.75 n 2", "3.00 n 1"]
    assert page.row("scores", "times best") == ["3.5", "0.5", "0.0"]
    assert page.row("data", "generate") == ["20", "19 drafts", "0", "1"]
    assert page.row("data", "clean") == ["19", "15 copies", "4", "0"]
    assert page.row("data", "drafts asked for") == ["", "20"]
    assert page.row("data", "banned word") == ["3", "16"]
    assert page.row("data", "copies") == ["", "15"]
    assert page.row("data", "paid_ad_pas") == ["15", "88", "52 %", "1.2", "0.70", "0.30 of 15"]
    assert page.row("lengths", "paid_ad_bab")[:3] == ["50–120", "60 100 % inside", "30 0 % inside"]
    assert page.row("cost", "generate")[-1] == "price not known"
    assert page.row("cost", "total")[1:] == ["8 min 0 s", "$1.25 + 1 not known"]


def test_best_model_is_bold_and_golden_never(tmp_path: Path) -> None:
    rows = re.findall(r"<tr.*?</tr>", report(tmp_path), re.DOTALL)
    hero = next(row for row in rows if "New hero" in row)
    assert re.findall(r"<strong>([\d.]+)</strong>", hero) == ["3.00"]


def test_everything_people_or_models_wrote_is_escaped(tmp_path: Path) -> None:
    html = report(tmp_path)
    tags = Page(html).tags
    assert sum(tag == "script" for tag, _ in tags) == 1
    assert not [tag for tag, attrs in tags if tag in ("img", "b") or "onclick" in attrs]
    assert html.count("&lt;script&gt;alert(") == len(SCORES)
    assert "judge said &lt;nothing&gt;" in html


def test_nothing_is_fetched(tmp_path: Path) -> None:
    html = report(tmp_path)
    loading = {"src", "href", "srcset", "action", "data", "poster", "xlink:href"}
    for tag, attrs in Page(html).tags:
        for name in loading & set(attrs):
            assert str(attrs[name]).startswith(("#", "data:")), (tag, name, attrs[name])
    assert not re.search(r"<style>.*(?:url\(|@import).*</style>", html, re.DOTALL)


def test_offline_is_said_before_any_figure_and_only_then(tmp_path: Path) -> None:
    html = report(tmp_path / "offline")
    assert html.index('role="note"') < html.index('class="verdict"')
    assert "rule-based stand-ins" in html
    assert 'role="note"' not in report(tmp_path / "paid", offline=False)


def test_stages_that_the_run_lacks_are_left_out(tmp_path: Path) -> None:
    page = Page(report(tmp_path, SHORT))
    assert {"data", "training"}.isdisjoint(page.tables)
    assert page.row("scores", "overall")[1] == "3.50 n 4"


def test_unfinished_evaluation_is_refused(tmp_path: Path) -> None:
    *before, _, last = config(tmp_path, SHORT)
    for stage in before:
        fill(stage)
    with pytest.raises(StageError, match="evaluate"):
        main(last)


def judged(scores: dict[str, tuple[float, float]]) -> list[Verdict]:
    return [
        Verdict(
            "a", product, product, False, "paid_ad_bab", model, "paid_ad", "judge", score, "r", "k"
        )
        for product, pair in scores.items()
        for model, score in zip(("sft", "base"), pair, strict=True)
    ]


@pytest.mark.parametrize(
    ("pairs", "said"),
    [
        ([(4.0, 3.0)] * 6, "beat base (3.00) by 1.00"),
        ([(4.0, 3.0), (3.0, 4.0)] * 3, "did not clearly differ"),
        ([(4.0, 3.0)] * 2, "too few products"),
    ],
)
def test_headline_calls_a_win_only_what_is_one(pairs: list[tuple[float, float]], said: str) -> None:
    found = judged({f"p{number}": pair for number, pair in enumerate(pairs)})
    overall = scoreboard(found, ["sft", "base"])["overall"]
    assert said in headline(overall, set(), found)


def test_interval_is_near_the_normal_one() -> None:
    values = [math.sin(number) for number in range(60)]
    error = 1.96 * pstdev(values) / math.sqrt(60)
    span = interval({f"p{number}": [value] for number, value in enumerate(values)})
    assert span == pytest.approx((fmean(values) - error, fmean(values) + error), abs=0.03)


GUIDE = Guide("原素方程", "zh", "护肤", "", "", (), ("屏障",), ("神器", "yyds"))


@pytest.mark.parametrize(
    ("text", "marks"),
    [
        ("修护屏障", [("encouraged", "屏障")]),
        ("ＹＹ\u200bDS！护肤神器", [("banned", "ＹＹ\u200bDS"), ("banned", "神器")]),
        (
            "烟酰胺净润精华液含5%烟酰胺",
            [("fact", "烟酰胺净润精华液"), ("fact", "5%"), ("fact", "烟酰胺")],
        ),
        ("１８９元，原价299元", [("fact", "１８９元"), ("number", "299元")]),
        ("15%与5 %", [("number", "15%"), ("fact", "5 %")]),
        ("<b>屏障</b> & 28天", [("encouraged", "屏障"), ("number", "28")]),
    ],
)
def test_marks(text: str, marks: list[tuple[str, str]]) -> None:
    html = str(marked(text, GUIDE, FACTS))
    assert re.findall(r'<mark class="(\w+)">(.*?)</mark>', html) == marks
    plain = re.sub(r"</?mark[^>]*>", "", html)
    assert plain == text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def test_chart_places_points_on_its_axes() -> None:
    unknown = {"loss": float("nan"), "step": 60}
    drawn = chart([{"loss": 4.0, "step": 50}, unknown, {"eval_loss": 2.0, "step": 100}])
    assert drawn is not None
    plot = drawn["plot"]
    x, y = (plot["left"] + plot["right"]) / 2, (plot["top"] + plot["bottom"]) / 2
    assert drawn["lines"]["training loss"] == [(x, plot["top"])]
    assert drawn["lines"]["dev loss"] == [(plot["right"], y)]
    assert chart([{"train_runtime": 3.0, "step": 5}]) is None


@pytest.mark.parametrize("high", [0.0, 0.013, 1.0, 3.7, 96.0, 100.0, 12345.0])
def test_ticks_reach_the_highest_value(high: float) -> None:
    found = ticks(high)
    assert found[0] == 0
    assert found[-1] >= high
    assert found[-2] < (high or 1)
