"""The report: right numbers, all escaped, nothing fetched, stand-ins and unfit judges named."""

import json
import re
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from jobs.domain.errors import InputError, StageError
from jobs.report import against, main
from jobs.reporting.page.charts import Axis
from tests.finished_run import (
    FULL,
    HOSTILE_REASON,
    SHORT,
    UNFIT_REASON,
    answers,
    config,
    fill,
    verdicts,
    whole_board,
    write_run,
)


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


def report(folder: Path, jobs: Sequence[str] = FULL, offline: bool = True) -> str:
    last = write_run(folder, jobs, offline)
    counts = main(last)
    assert counts.expected == counts.out == len(answers())
    return last.folder.read_bytes("index.html").decode()


def embedded(html: str) -> Any:
    """The data of the answers' browser."""
    found = re.search(r'<script type="application/json" id="answers-data">(.*?)</script>', html)
    assert found is not None
    return json.loads(found[1])


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
    assert page.row("cost", "total")[1:] == ["10 min 0 s", "$1.25 + 1 not known"]
    assert page.row("cost", "sft") == ["$0.00", "1 min 15 s"]


def test_how_far_scores_can_be_believed(tmp_path: Path) -> None:
    page = Page(report(tmp_path))
    # sft − base, by hand: (4-2) and (4.5-1) of ys-1, 2.5-3 of ys-2; two products give no interval.
    shown = page.row("differences", "sft − base")
    assert shown == ["+1.67", "–", "3", "2", "–", "sft and base do not clearly differ"]
    assert page.row("pairs", "sft")[1] == "70 %40 to 90 %3 / 1 / 165 % at equal length"
    assert page.row("judge", "order bias") == ["0.91", "at most 0.6", "8", "✗ no"]
    asked = [row[1] for row in page.tables["judge"] if row and row[0] == "order"]
    assert asked == ["✗ no", "✓ yes"], "a question that was missed stands first"
    assert page.row("judge", "rubric") == ["0.71", "2", "11", "for tentative conclusions"]
    assert page.row("measures", "facts named") == ["–", "0.500 n 4", "–"]


def test_an_interval_stands_in_its_cell_and_in_the_drawing(tmp_path: Path) -> None:
    last = write_run(tmp_path, SHORT)
    board = whole_board(offline=True, lift=0.0, full=False)
    board["overall"]["sft"] |= {"mean": 3.0, "low": 2.0, "high": 4.0}
    last.inputs()["evaluate"].folder.write_json("scoreboard.json", board)
    main(last)
    html = last.folder.read_bytes("index.html").decode()
    assert Page(html).row("scores", "overall")[1] == "3.00 2.00 to 4.00 n 4"
    drawn = re.search(r'aria-label="overall: .*?</svg>', html, re.DOTALL)
    assert drawn is not None
    line = drawn[0].split('class="whisker"')[1]
    ends = dict(re.findall(r'(x1|x2)="([\d.]+)%"', line)[:2])
    middle = Axis([1, 5]).at(3.0)
    assert float(ends["x1"]) + float(ends["x2"]) == pytest.approx(2 * middle)
    assert float(ends["x1"]) == Axis([1, 5]).at(2.0)


def test_best_model_is_bold_and_golden_never(tmp_path: Path) -> None:
    rows = re.findall(r"<tr.*?</tr>", report(tmp_path), re.DOTALL)
    hero = next(row for row in rows if "New hero" in row)
    assert re.findall(r"<strong>([\d.]+)</strong>", hero) == ["3.00"]


def test_everything_people_or_models_wrote_is_escaped(tmp_path: Path) -> None:
    html = report(tmp_path)
    tags = Page(html).tags
    assert [attrs.get("type") for tag, attrs in tags if tag == "script"] == [
        "application/json",
        None,
    ]
    assert not [tag for tag, attrs in tags if tag in ("img", "b") or "onclick" in attrs]
    assert html.count("&lt;script&gt;alert(") == 4, "two drafts and two questions"
    assert "it said &lt;nothing&gt;" in html
    assert UNFIT_REASON.replace("<", "&lt;").replace(">", "&gt;") in html
    assert html.count("</script>") == 2


def test_the_browser_has_every_answer_with_its_verdicts_failures_and_pairs(tmp_path: Path) -> None:
    data = embedded(report(tmp_path))
    shown = {entry["id"]: entry for card in data["briefs"] for entry in card["answers"]}
    assert {name: "".join(part for _, part in entry["text"]) for name, entry in shown.items()} == {
        answer.answer_id: answer.text for answer in answers()
    }
    said = {verdict.answer_id: verdict.score for verdict in verdicts()}
    assert {name: entry["score"] for name, entry in shown.items() if entry["verdicts"]} == said
    assert {entry["verdicts"][0][3] for entry in shown.values() if entry["verdicts"]} == {
        HOSTILE_REASON
    }
    assert shown["ys-2/paid_ad_bab@base"]["failures"][0][2] == "judge said <nothing>"
    cards = {card["id"]: card for card in data["briefs"]}
    assert [row[:3] for row in cards["ys-1/paid_ad_bab"]["pairs"]] == [
        ["base", "sft", "second"],
        ["sft", "base", "first"],
    ]
    assert cards["ys-2/paid_ad_bab"]["unpaired"][0][0] == "sft>base#pair"


def test_a_draft_is_followed_to_its_copy_or_to_the_reason_it_was_dropped(tmp_path: Path) -> None:
    html = report(tmp_path)
    shown = html[html.index('id="history"') : html.index('id="how"')]
    text = " ".join(re.sub(r"<[^>]+>", " ", shown).split())
    assert "2 drafts, 1 kept, stray tag" in text
    assert "✗ dropped: stray tag" in text
    assert "ys-9/paid_ad_bab#m#2: failed in generate, http_500" in text


def test_nothing_is_fetched(tmp_path: Path) -> None:
    html = report(tmp_path)
    loading = {"src", "href", "srcset", "action", "data", "poster", "xlink:href"}
    for tag, attrs in Page(html).tags:
        assert "style" not in attrs, "the page's own policy would not obey it"
        for name in loading & set(attrs):
            assert str(attrs[name]).startswith(("#", "data:")), (tag, name, attrs[name])
    assert not re.search(r"<style>.*(?:url\(|@import).*</style>", html, re.DOTALL)


def test_offline_is_said_before_any_figure_and_only_then(tmp_path: Path) -> None:
    html = report(tmp_path / "offline")
    assert html.index('role="note"') < html.index('class="verdict"')
    assert "rule-based stand-ins" in html
    assert 'role="note"' not in report(tmp_path / "paid", SHORT, offline=False)


def test_an_unfit_judge_is_named_before_any_figure(tmp_path: Path) -> None:
    html = report(tmp_path, offline=False)
    assert (
        html.index("is unfit") < html.index("prefers what stands") < html.index('class="verdict"')
    )
    assert "is unfit" not in report(tmp_path / "unexamined", SHORT)


def test_stages_that_the_run_lacks_are_left_out(tmp_path: Path) -> None:
    html = report(tmp_path, SHORT)
    page = Page(html)
    assert {"data", "training", "pairs", "history"}.isdisjoint(page.tables)
    assert "no examination of its judge" in html
    assert page.row("scores", "overall")[1] == "3.50 n 4"
    ids = {attrs["id"] for _, attrs in page.tags if "id" in attrs}
    links = {str(attrs["href"])[1:] for tag, attrs in page.tags if tag == "a"}
    assert links <= ids


def test_unfinished_evaluation_is_refused(tmp_path: Path) -> None:
    *before, _, last = config(tmp_path, SHORT)
    for stage in before:
        fill(stage)
    with pytest.raises(StageError, match="evaluate"):
        main(last)


def two_runs(folder: Path) -> tuple[str, str]:
    """A run and another whose sft was set otherwise and scored 1 higher."""
    for name, lift in (("now", 1.0), ("was", 0.0)):
        *before, _ = config(folder, ("sft", *SHORT), name)
        for stage in before:
            fill(stage, lift=lift, full=False)
    return str(folder / "now"), str(folder / "was")


def test_two_runs_are_told_apart(tmp_path: Path) -> None:
    written = against(two_runs(tmp_path))
    html = Path(written.address).read_text(encoding="utf-8")
    page = Page(html)
    assert page.row("scores", "overall")[2:4] == ["4.50 n 4", "3.50 n 4"]
    assert page.row("differences", "sft")[:2] == ["all", "+1.00"]
    assert page.row("differences", "base")[:2] == ["all", "+0.00"]
    assert page.row("settings", "sft") == ["sft.seed", "8", "7"]
    assert "Scored the same in both: golden, base" in html
    assert not [tag for tag, attrs in page.tags if tag in ("img", "b") or "onclick" in attrs]


def test_other_judges_make_two_runs_hard_to_compare(tmp_path: Path) -> None:
    now, was = two_runs(tmp_path)
    path = Path(was) / "evaluate" / "scoreboard.json"
    assert "judges differ" not in Path(against((now, was)).address).read_text(encoding="utf-8")
    board = json.loads(path.read_text(encoding="utf-8"))
    board["judge"]["hash"] = "another"
    path.write_text(json.dumps(board), encoding="utf-8")
    assert "judges differ" in Path(against((now, was)).address).read_text(encoding="utf-8")


def test_a_run_is_named_by_its_config_or_its_folder(tmp_path: Path) -> None:
    now, was = two_runs(tmp_path)
    by_folder = against((now, was))
    first = Path(by_folder.address).read_bytes()
    assert against((f"{now}.toml", f"{was}.toml")) == by_folder
    assert Path(by_folder.address).read_bytes() == first
    for places in ((now, str(tmp_path / "none")), (now, now)):
        with pytest.raises(InputError):
            against(places)
