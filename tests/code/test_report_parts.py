"""Parts of the report by themselves: marks in a text, curves, axes, how much is embedded."""

import json
import re

import pytest

from jobs.domain.brand import Guide
from jobs.reporting.marks import marked, segments
from jobs.reporting.page.answers import brief_cards, browser
from jobs.reporting.page.charts import Axis, panels, spread
from jobs.reporting.page.findings import Findings, Judged
from tests.finished_run import FACTS, SCORES, answers, verdicts, whole_board

GUIDE = Guide("原素方程", "zh", "护肤", "", "", (), ("屏障",), ("神器", "yyds"))


def test_what_does_not_fit_the_page_is_counted() -> None:
    judged = Judged(whole_board(True, 0.0, full=False), answers(), verdicts())
    found = Findings("small", GUIDE, judged)
    size = max(len(json.dumps(card, ensure_ascii=False).encode()) for card in brief_cards(found))
    cut = browser(found, most_bytes=2 * size)
    assert 1 <= len(cut["briefs"]) < len(SCORES)
    assert cut["left_out"] == len(SCORES) - len(cut["briefs"])
    assert browser(found)["left_out"] == 0


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


def test_segments_are_the_text_in_parts() -> None:
    text = "<b>屏障</b> 与👩‍🔬 神器"
    parts = segments(text, GUIDE, FACTS)
    assert "".join(part for _, part in parts) == text
    assert [part for part in parts if part[0]] == [("encouraged", "屏障"), ("banned", "神器")]


def test_curves_stand_on_their_axes() -> None:
    unknown = {"loss": float("nan"), "step": 60}
    log = [{"loss": 4.0, "step": 50}, unknown, {"eval_loss": 2.0, "step": 100, "reward": -0.5}]
    drawn = {panel["title"]: panel for panel in panels(log)}
    assert list(drawn) == ["loss", "reward"]
    left, right = Axis([0, 1]).at(0), Axis([0, 1]).at(1)
    assert drawn["loss"]["lines"]["training loss"] == [((left + right) / 2, 100 - right)]
    assert drawn["loss"]["lines"]["dev loss"] == [(right, 50.0)]
    assert drawn["reward"]["y_ticks"][0][0].startswith("−"), "a reward may lie below zero"
    assert panels([{"train_runtime": 3.0, "step": 5}]) == []


@pytest.mark.parametrize(
    ("low", "high"),
    [
        (0.0, 0.0),
        (0.0, 0.013),
        (0.0, 3.7),
        (-0.31, 0.52),
        (0.0, 96.0),
        (5.0, 12345.0),
        (-2.0, -2.0),
    ],
)
def test_an_axis_holds_its_values_in_few_round_steps(low: float, high: float) -> None:
    ticks = spread(low, high).ticks
    assert ticks[0] <= low
    assert ticks[-1] >= high
    assert 2 <= len(ticks) <= 9
    if high > low:
        step = ticks[1] - ticks[0]
        assert ticks[0] > low - step - 1e-9
        assert ticks[-1] < high + step + 1e-9
