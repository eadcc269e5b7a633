"""The report of a run that learned from pairs and from its own samples; `jobs.trace` of it."""

import html as entities
import re
from pathlib import Path

import pytest

from jobs.report import main
from jobs.reporting.page.charts import Axis
from jobs.reporting.page.curves import drawn
from jobs.reporting.page.preferences import pair_figures, scorer
from jobs.reporting.page.samples import LISTED
from jobs.runtime.stage import Stage
from jobs.trace import history
from tests.code.test_report import Page
from tests.finished_learning import ALARM, REWARDED, SAMPLES, policy_log
from tests.finished_run import FULL, PREFERRED, SHORT, write_run

NEW = {"preferences", "rollouts"}


@pytest.fixture
def last(tmp_path: Path) -> Stage:
    """The report stage of a run that has everything."""
    return write_run(tmp_path, PREFERRED)


def page_of(last: Stage) -> str:
    main(last)
    return last.folder.read_bytes("index.html").decode()


def words(html: str) -> str:
    """What a reader sees, in one line."""
    return " ".join(entities.unescape(re.sub(r"<[^>]+>", " ", html.replace("<wbr>", ""))).split())


def section(html: str, name: str) -> str:
    """The section with that heading."""
    found = re.search(rf'<section aria-labelledby="{name}">.*?</section>', html, re.DOTALL)
    assert found is not None
    return found[0]


def test_pairs_and_why_negatives_are_in_none(last: Stage) -> None:
    html = page_of(last)
    page = Page(html)
    # By hand: four weak texts are 10 % longer than their copies, the false one 20 % shorter.
    assert page.row("preferences", "weak")[:5] == ["6", "4", "1", "+10.00 %", "10.0 %"]
    assert page.row("preferences", "false")[:5] == ["2", "1", "0", "−20.00 %", "20.0 %"]
    assert page.row("preferences", "exaggerated") == ["2", "0", "2", "–", "–", "–"]
    assert page.row("preferences", "all")[:5] == ["10", "5", "3", "+4.00 %", "12.0 %"]
    shown = words(section(html, "preferences"))
    assert "length surplus 2 (exaggerated 2) defect missing 1 (weak 1)" in shown
    assert page.row("data", "degrade") == ["10", "9 negatives", "0", "1"]
    assert page.row("data", "pair") == ["9", "5 pairs", "3", "1"]


def test_what_the_reward_model_says_of_pairs_it_has_not_seen(last: Stage) -> None:
    html = section(page_of(last), "preferences")
    shown = words(html)
    # By hand: margins 2, -1, 1, 3, the second and first weak; the better text is longer in two.
    assert (
        "better text in 75 % of 4 pairs that it had not seen; length alone would in 50 %" in shown
    )
    assert "ahead by 1.25 on average" in shown
    assert "weak 50 % of 2; length alone 50 %" in shown
    assert "false 100 % of 2; length alone 50 %" in shown
    assert "paid_ad_bab 75 % of 4" in shown
    bars = re.findall(r'<rect class="bar (\w*)".*?: (\d+)</title>', html[html.index("margins") :])
    assert sum(int(count) for _, count in bars) == 4
    assert sum(int(count) for side, count in bars if side == "lost") == 1
    points = re.findall(r"<tr><th scope=\"row\">(\d+) %</th><td>(\d+) %</td><td>(\d)</td>", html)
    # Logistic of 1, 2, 3: 0.731, 0.881, 0.953; at 0.731 it was right once of twice.
    assert points == [("73", "50", "2"), ("88", "100", "1"), ("95", "100", "1")]


def test_of_a_policys_log_what_matters_is_drawn(last: Stage) -> None:
    html = section(page_of(last), "training")
    policy = html[html.index("<h3>grpo</h3>") :]
    titles = [
        words(title).removesuffix(" by optimizer step")
        for title in re.findall(r"<figcaption>(.*?)</figcaption>", policy)
    ]
    assert titles == [
        "reward, the weighted sum (axis without 0)",
        "KL to the reference",
        "entropy of a token",
        "mean completion length, in tokens",
        "loss",
        *(name.replace("_", " ") for name in REWARDED),
        "distance from the learner after a sync, in nats",
        "seconds of a step",
    ]
    hidden = len(policy_log(1)) - 10 - len({"step", "epoch"})  # ten series stand in nine drawings
    assert f"{hidden} more series" in policy
    assert "whole step" in policy
    assert "<h3>sft</h3>" in html
    scored = html[html.index("<h3>reward</h3>") : html.index("<h3>dpo</h3>")]
    assert "min reward" not in scored
    assert "dev loss" in scored


def test_alarms_are_told_with_their_step_and_drawn_there(last: Stage) -> None:
    html = section(page_of(last), "training")
    assert "Alarms were raised at 1 of 3 steps" in words(html)
    assert f"Step 2: {ALARM}" in words(html)
    assert "<b>" not in html
    places = set(re.findall(r'class="alarmed" x1="([\d.]+)%"', html))
    assert {float(place) for place in places} == {Axis([0, 3]).at(2)}
    assert "the one after step 2 was kept" in words(html)
    assert "would keep 75 %" in words(html)


def test_that_there_was_no_alarm_is_told_too(last: Stage) -> None:
    (last.inputs()["grpo"].folder / "alarms").delete()
    html = section(page_of(last), "training")
    assert "No alarm was raised in 3 steps" in words(html)
    assert "alarmed" not in html


def test_alarms_at_many_steps_are_counted_and_some_are_listed(last: Stage) -> None:
    folder = last.inputs()["grpo"].folder / "alarms"
    for step in range(1, 2 * LISTED + 1):
        folder.write_json(f"{step:08d}.json", ["copying: 0.1; wanted 0", "copying: 0.2; wanted 0"])
    shown = words(section(page_of(last), "training"))
    assert f"copying, {2 * LISTED} steps (1 to {2 * LISTED}); at step {2 * LISTED}: 0.2" in shown
    assert f"{LISTED} more steps in grpo/alarms/" in shown


def test_samples_of_the_first_step_and_of_the_last_stand_best_first(last: Stage) -> None:
    html = section(page_of(last), "rollouts")
    texts = re.findall(r'<p class="copy" lang="zh">(.*?)</p>', html, re.DOTALL)
    ends = [re.search(r"第.*?(\d).*?步.*?(\d)\s*$", words(text)) for text in texts]
    seen = [(int(end[1]), int(end[2])) for end in ends if end is not None]
    everything = list(reversed(range(SAMPLES)))
    assert seen == 2 * [(1, SAMPLES - 1), (1, 0)] + 2 * [(3, number) for number in everything]
    shown = words(html)
    assert "Advantage +0.75 Step 1, 33 tokens" in shown
    assert "Step 1, 33 tokens, written" not in shown
    assert "names product 0.75, reward model not had" in shown
    assert "Step 3, 32 tokens, cut off by the limit, written by the policy of 1 steps" in shown
    assert "<script>" not in html


def test_a_briefs_history_goes_on_to_negatives_and_samples(last: Stage) -> None:
    shown = words(section(page_of(last), "history"))
    assert "Weak, by m of draft 0: ✓ in a pair" in shown
    assert "Exaggerated, by m of draft 0: ✗ in no pair: length surplus" in shown
    assert "False, by m of draft 0: ✗ failed: no_verdict, rater said <that>" in shown
    assert "ys-9/paid_ad_bab#m#3!weak: failed in degrade, http_500" in shown
    assert "of 12 samples the best and the worst of 3 steps" in shown
    assert shown.count("Advantage") == 2 * 3, "best and worst of three steps"


def test_a_run_without_these_stages_has_nothing_of_them(tmp_path: Path) -> None:
    for name, jobs in (("full", FULL), ("short", SHORT)):
        html = page_of(write_run(tmp_path / name, jobs))
        ids = set(re.findall(r'<h2 id="(\w+)"', html))
        assert NEW.isdisjoint(ids)
        assert not NEW & set(re.findall(r'href="#(\w+)"', html))
        assert "data" not in ids or "From briefs to training copies<" in html
        assert "Made worse on purpose" not in html
        assert "more series" not in html


def test_a_candidate_is_told_by_the_trainings_that_led_to_it(last: Stage) -> None:
    shown = words(section(page_of(last), "scores"))
    assert "sft : the model trained in this run: sft, then dpo, then grpo" in shown
    assert "golden : reference texts" in shown
    assert "base : base model" in shown


def test_one_briefs_rows_of_every_stage(last: Stage) -> None:
    stages = [stage for stage in last.inputs().values() if stage.job.name != "brief"]
    found = [(stage, kind) for stage, kind, _ in history(stages, "ys-9/paid_ad_bab")]
    counted = {entry: found.count(entry) for entry in found}
    assert counted == {
        ("generate", "Draft"): 2, ("generate", "Failed"): 1, ("clean", "Copy"): 1,
        ("clean", "Dropped"): 1, ("degrade", "Negative"): 3, ("degrade", "Failed"): 1,
        ("pair", "Pair"): 1, ("pair", "Dropped"): 1, ("pair", "Failed"): 1,
        ("grpo", "Rollout"): 12,
    }  # fmt: skip


def test_a_log_that_no_layout_knows_is_drawn_whole() -> None:
    told = drawn([{"loss": 1.0, "grad_norm": 2.0, "entropy": 3.0, "step": 1}])
    assert [panel["title"] for panel in told["groups"][""]] == ["loss", "entropy", "grad norm"]
    assert told["left_out"] == 0


def test_what_was_not_measured_is_no_error() -> None:
    assert scorer({"pairs": 0}) == {"pairs": 0}
    told = pair_figures({"kinds": {}, "reasons": {}, "lengths": {}}, None)
    assert [row["pairs"] for row in told["rows"]] == [0]
    assert told["reasons"] == []
    log = [{**policy_log(step), "reward": None, "kl": float("nan")} for step in (1, 2)]
    titles = [one["title"] for one in drawn(log)["groups"]["Reward and policy"]]
    assert titles == ["entropy of a token", "mean completion length, in tokens", "loss"]
