"""The report in a real Chromium: nothing fetched, all drawn, filters, keyboard, themes, paper."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright

from jobs.report import against, main
from jobs.reporting.page.render import render_page
from jobs.runtime.stage import Stage
from tests.finished_run import HOSTILE, PREFERRED, SHORT, config, fill, write_run
from tests.large_run import large_findings

CHARTS = {
    *("scores", "differences", "strengths", "funnel", "reasons", "curve", "lengths", "time"),
    *("unpaired", "accuracy", "margins", "calibration"),
}
MOST_BYTES = 5_000_000
PHONE, DESKTOP = (360, 740), (1280, 900)
Opened = Callable[..., Page]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium. A machine without one fails here: nothing is skipped."""
    found = shutil.which("chromium") or shutil.which("google-chrome")
    assert found, "no Chromium: apt-get install chromium (make browser does)"
    with sync_playwright() as driver:
        options = ["--no-sandbox", "--disable-background-networking"]
        browser = driver.chromium.launch(executable_path=found, args=options)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a small run that has everything, its texts hostile."""
    last: Stage = write_run(tmp_path_factory.mktemp("small"), PREFERRED)
    main(last)
    return last.folder.local_path() / "index.html"


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of 171 briefs, five models, three metrics, every pair in both orders, GRPO."""
    path = tmp_path_factory.mktemp("large") / "index.html"
    path.write_text(render_page(large_findings()), encoding="utf-8")
    return path


@pytest.fixture
def opened(chromium: Browser) -> Iterator[Opened]:
    """Opens a page; fails afterwards where it complained, asked the network or ran a text."""
    complaints: list[str] = []
    asked: list[str] = []
    asked_for: list[str] = []
    pages: list[Page] = []

    def open_page(path: Path, size: tuple[int, int] = DESKTOP, **options: object) -> Page:
        width, height = size
        page = chromium.new_page(viewport={"width": width, "height": height}, **options)  # type: ignore[arg-type]
        page.on("console", lambda message: complaints.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
        page.on("dialog", lambda dialog: complaints.append(f"dialog: {dialog.message}"))
        page.on("request", lambda request: asked.append(request.url))
        asked_for.append(path.as_uri())
        page.goto(path.as_uri())
        pages.append(page)
        return page

    yield open_page
    for page in pages:
        page.close()
    assert complaints == []
    assert not [url for url in asked if not url.startswith((*asked_for, "data:"))]


def shown(page: Page) -> list[str]:
    """The ids of the briefs in the list."""
    return page.locator(".brief").evaluate_all("all => all.map(one => one.dataset.brief)")


@pytest.mark.parametrize("size", [PHONE, DESKTOP])
def test_every_chart_is_drawn_inside_the_page(
    opened: Opened, small: Path, size: tuple[int, int]
) -> None:
    page = opened(small, size)
    charts = page.locator("[data-chart]")
    assert set(charts.evaluate_all("all => all.map(one => one.dataset.chart)")) == CHARTS
    for chart in charts.all():
        drawn = chart.locator("circle, rect, polyline, use, .whisker")
        widths = drawn.evaluate_all("all => all.map(one => one.getBoundingClientRect().width)")
        assert max(widths) > 3, chart.get_attribute("data-chart")
        box = chart.bounding_box()
        assert box is not None
        assert box["width"] > 200
        assert box["x"] + box["width"] <= size[0]
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]


def test_marks_of_models_have_their_colours(opened: Opened, small: Path) -> None:
    page = opened(small)
    marks = page.locator(".legend").first.locator("li")
    colours = marks.evaluate_all("all => all.map(one => getComputedStyle(one).color)")
    assert len(set(colours)) == marks.count() == 3


def test_what_models_wrote_is_shown_as_text(opened: Opened, small: Path) -> None:
    page = opened(small)
    page.get_by_role("combobox", name="Content type").select_option("paid_ad_fab")
    page.locator(".brief summary").first.click()
    text = page.locator(".brief .answer[data-model=base] .copy").first.text_content()
    assert text == HOSTILE
    assert page.locator(".brief img, .brief b, .brief script").count() == 0


def test_filters(opened: Opened, small: Path) -> None:
    page = opened(small)
    assert len(shown(page)) == 4
    page.get_by_role("combobox", name="Content type").select_option("paid_ad_bab")
    assert shown(page) == ["ys-1/paid_ad_bab", "ys-2/paid_ad_bab"]
    page.get_by_label("only products with a new hero").check()
    assert shown(page) == ["ys-2/paid_ad_bab"]
    page.get_by_role("button", name="Reset").click()
    expect(page.locator(".brief")).to_have_count(4)
    page.get_by_label("only briefs with a failed").check()
    assert shown(page) == ["ys-2/paid_ad_bab"]
    page.get_by_label("only briefs with a failed").uncheck()
    page.get_by_role("spinbutton", name="Highest score").fill("1.5")
    assert shown(page) == ["ys-1/paid_ad_fab"]
    page.locator("#models").get_by_label("base").uncheck()
    assert shown(page) == []
    assert page.locator("#shown").text_content() == "No brief fits these filters."
    page.get_by_role("spinbutton", name="Highest score").fill("5")
    assert page.locator(".brief [data-model=base]").count() == 0
    assert page.locator(".brief [data-model=sft]").count() > 0
    page.get_by_label("Search").fill("ALERT(")
    assert shown(page) == [], "only the hidden model wrote it"
    page.locator("#models").get_by_label("base").check()
    assert len(shown(page)) == 4


def test_sorting_and_showing_more(opened: Opened, large: Path) -> None:
    page = opened(large)
    assert len(shown(page)) == 50
    page.get_by_label("Sort by").select_option("gap")
    gaps = page.locator(".brief .chips").evaluate_all(
        """all => all.map(one => {
          const said = [...one.children].map(chip => chip.textContent.split(" ").pop());
          const scores = said.map(parseFloat);
          return Math.max(...scores) - Math.min(...scores);
        })"""
    )
    assert gaps == sorted(gaps, reverse=True)
    assert gaps[0] > gaps[-1]
    first = shown(page)
    page.get_by_role("button", name="Show 50 more of 121").click()
    assert shown(page)[:50] == first
    assert len(shown(page)) == 100
    focused = page.evaluate("document.activeElement.closest('.brief').dataset.brief")
    assert focused == shown(page)[50]


def test_a_report_of_171_briefs_and_five_models_is_small(opened: Opened, large: Path) -> None:
    assert large.stat().st_size < MOST_BYTES
    page = opened(large)
    assert page.locator("#shown").text_content() == "171 of 171 briefs"


def test_verdicts_pairs_and_history_of_a_brief(opened: Opened, small: Path) -> None:
    page = opened(small)
    card = page.locator('.brief[data-brief="ys-1/paid_ad_bab"]')
    assert card.locator(".answer").count() == 3
    assert "4.0 paid_ad, judge" in (card.locator(".answer[data-model=sft]").inner_text())
    card.get_by_text("Compared in pairs: 2 judgements").click()
    assert card.get_by_role("row", name="sft, then base sft pair").is_visible()
    card.get_by_text("History, from brief to verdicts").click()
    assert card.get_by_text("Answer ys-1/paid_ad_bab@sft: 1 tokens read").is_visible()


def test_keyboard_alone_reaches_and_opens_a_brief(opened: Opened, small: Path) -> None:
    page = opened(small)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the answers"
    page.keyboard.press("Enter")
    page.wait_for_url("**#answers")
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.closest('.brief') !== null"):
            break
    focused = "document.activeElement.parentElement.open"
    assert page.evaluate(focused) is True, "the first brief is open"
    page.keyboard.press("Enter")
    assert page.evaluate(focused) is False
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid", "focus can be seen"


def test_the_switch_of_colours_is_kept(opened: Opened, small: Path) -> None:
    background = "getComputedStyle(document.body).backgroundColor"
    page = opened(small, color_scheme="light")
    light = page.evaluate(background)
    page.get_by_role("radio", name="System").focus()
    page.keyboard.press("ArrowLeft")  # round to the last: dark
    dark = page.evaluate(background)
    assert dark != light
    page.reload()
    assert page.evaluate(background) == dark
    assert page.get_by_role("radio", name="Dark").is_checked()
    page.get_by_role("radio", name="System").check(force=True)
    assert page.evaluate(background) == light
    assert opened(small, color_scheme="dark").evaluate(background) == dark


def test_on_paper_it_is_light_and_without_controls(opened: Opened, small: Path) -> None:
    page = opened(small, color_scheme="dark")
    page.emulate_media(media="print")
    ink = page.evaluate("getComputedStyle(document.body).color.match(/[\\d.]+/)[0]")
    assert float(ink) < 60, "dark letters, though the screen's were light"
    for hidden in ("#filters", "nav", "#theme"):
        assert not page.locator(hidden).is_visible()
    assert page.locator("[data-chart=scores]").is_visible()
    assert len(page.pdf(format="A4")) > 10_000


def test_without_scripts_tables_and_charts_stand(opened: Opened, small: Path) -> None:
    page = opened(small, java_script_enabled=False)
    assert page.get_by_text("The answers are shown by a script").is_visible()
    assert page.locator("[data-chart=scores] use").first.is_visible()
    assert page.get_by_role("table").first.is_visible()
    for hidden in ("#filters", "#theme"):
        assert not page.locator(hidden).is_visible()


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of two runs."""
    folder = tmp_path_factory.mktemp("two")
    for name, lift in (("now", 1.0), ("was", 0.0)):
        *before, _ = config(folder, ("sft", *SHORT), name)
        for stage in before:
            fill(stage, lift=lift, full=False)
    return Path(against((str(folder / "now"), str(folder / "was"))).address)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESKTOP])
@pytest.mark.parametrize("which", ["small", "two"])
def test_axe_finds_nothing_serious(
    opened: Opened, request: pytest.FixtureRequest, which: str, size: tuple[int, int], scheme: str
) -> None:
    page = opened(request.getfixturevalue(which), size, color_scheme=scheme)
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    found = Axe().run(page).response["violations"]
    grave = [
        (entry["id"], [node["target"] for node in entry["nodes"]][:3])
        for entry in found
        if entry["impact"] in ("serious", "critical")
    ]
    assert grave == []
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
