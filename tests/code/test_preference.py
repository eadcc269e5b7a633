"""Comparisons: what both orders must agree on, strengths, equal length, the order's sway."""

import math
from collections.abc import Sequence

import numpy as np
import pytest

from jobs.domain.rows import Comparison
from jobs.reporting.preference import Resampling, duels, order, preferences, settle, win_rates
from jobs.reporting.strength import Settled, bradley_terry, length_controlled, logistic

ASKED = Resampling(seed=0, count=200)
NO_LENGTHS: dict[tuple[str, str], int] = {}


def asked(brief: int, first: str, second: str, winner: str, judge: str = "judge") -> Comparison:
    brief_id = f"p{brief}/ad"
    return Comparison(
        comparison_id=f"{brief_id}@{first}>{second}#pair#{judge}", brief_id=brief_id,
        product_id=f"p{brief}", new_hero=False, content_type="ad", first=first, second=second,
        metric="pair", judge=judge, winner=winner, reason="r", journal_key="k",
    )  # fmt: skip


def both(brief: int, said: tuple[str, str], judge: str = "judge") -> list[Comparison]:
    """sft and base in both orders: what was said with sft first, then with base first."""
    return [
        asked(brief, "sft", "base", said[0], judge),
        asked(brief, "base", "sft", said[1], judge),
    ]


@pytest.mark.parametrize(
    ("said", "sft_got", "consistent"),
    [
        (("first", "second"), 1.0, True),
        (("second", "first"), 0.0, True),
        (("tie", "tie"), 0.5, True),
        (("first", "first"), 0.5, False),
        (("second", "second"), 0.5, False),
        (("first", "tie"), 0.5, False),
        (("tie", "second"), 0.5, False),
        (("second", "tie"), 0.5, False),
    ],
)
def test_won_only_where_both_orders_agree(
    said: tuple[str, str], sft_got: float, consistent: bool
) -> None:
    found = duels(both(1, said))
    (settled,) = settle(found)
    assert settled.pair == ("base", "sft")
    assert settled.outcome == 1 - sft_got
    (duel,) = found
    assert (duel.lean == 0) == consistent


def test_an_order_that_could_not_be_had_is_no_duel() -> None:
    assert duels([asked(1, "sft", "base", "first")]) == []
    assert preferences([asked(1, "sft", "base", "first")], NO_LENGTHS, ASKED) == {
        "win_rates": {}, "bradley_terry": {}, "order": None, "agreement": {},
    }  # fmt: skip


def test_a_panel_wins_by_its_majority() -> None:
    rows = both(1, ("first", "second"), "x") + both(1, ("first", "second"), "y")
    rows += both(1, ("second", "first"), "z")
    rows += both(2, ("first", "second"), "x") + both(2, ("second", "first"), "y")
    assert [one.outcome for one in settle(duels(rows))] == [0.0, 0.5]
    assert preferences(rows, NO_LENGTHS, ASKED)["agreement"]["pair"]["judges"] == 3


def test_win_rates_by_hand() -> None:
    said = [("first", "second")] * 6 + [("second", "first")] * 2 + [("first", "first")] * 2
    rows = [row for brief, pair in enumerate(said) for row in both(brief, pair)]
    table = win_rates(settle(duels(rows)), NO_LENGTHS)
    sft, base = table["sft"]["base"], table["base"]["sft"]
    assert [sft[key] for key in ("wins", "losses", "ties", "n", "rate")] == [6, 2, 2, 10, 0.7]
    assert [base[key] for key in ("wins", "losses", "ties", "n", "rate")] == [2, 6, 2, 10, 0.3]
    assert sft["low"] < 0.7 < sft["high"] < 1
    assert (base["low"], base["high"]) == pytest.approx((1 - sft["high"], 1 - sft["low"]))
    assert sft["length_controlled"] is None


@pytest.mark.parametrize(
    ("always", "share"), [(("first", "first"), 1.0), (("second", "second"), 0.0)]
)
def test_a_judge_that_goes_by_the_place_is_seen(always: tuple[str, str], share: float) -> None:
    rows = [row for brief in range(10) for row in both(brief, always)]
    rows += both(10, ("first", "second"))  # one that says nothing of a bias
    found = order(duels(rows))
    assert found == {
        "n": 11,
        "consistent": round(1 / 11, 4),
        "first_share": share,
        "p": pytest.approx(2 / 2**10),
    }


def test_a_judge_that_never_errs_has_no_share() -> None:
    found = order(duels(both(1, ("first", "second"))))
    assert found == {"n": 1, "consistent": 1.0, "first_share": None, "p": None}


def won(pair: tuple[str, str], outcomes: Sequence[float], kind: str = "ad") -> list[Settled]:
    """One product to each outcome."""
    return [
        Settled(f"{place}/{kind}", f"p{place}", kind, pair, outcome)
        for place, outcome in enumerate(outcomes)
    ]


def test_three_wins_of_four_are_odds_of_three() -> None:
    found = bradley_terry(won(("a", "b"), [1, 1, 1, 0]), 0, 100)
    lead = found["a"]["strength"] - found["b"]["strength"]  # type: ignore[operator]
    assert lead == pytest.approx(math.log(3), abs=0.01)
    assert found["a"]["strength"] == pytest.approx(-found["b"]["strength"])  # type: ignore[operator]
    assert found["a"]["low"] is None  # four products


def test_ties_are_half_wins_and_strengths_add_up() -> None:
    """a : b = 3 : 1 and b : c = 3 : 1 in halves; so a : c must be about 9 : 1."""
    found = bradley_terry(won(("a", "b"), [1, 0.5] * 200) + won(("b", "c"), [1, 0.5] * 200), 0, 100)
    assert found["a"]["strength"] == pytest.approx(math.log(3), abs=1e-3)
    assert found["b"]["strength"] == pytest.approx(0, abs=1e-6)


def test_strengths_solve_the_penalised_likelihood() -> None:
    """The slope at the answer is nought: points less expected points less the penalty."""
    table = won(("a", "b"), [1, 1, 0.5]) + won(("a", "c"), [1, 0]) + won(("b", "c"), [0, 0.5, 1])
    strengths = bradley_terry(table, 0, 100)
    for model in "abc":
        slope = -0.01 * strengths[model]["strength"]  # type: ignore[operator]
        for one in table:
            first, second = one.pair
            if model in one.pair:
                lead = strengths[first]["strength"] - strengths[second]["strength"]  # type: ignore[operator]
                surprise = one.outcome - 1 / (1 + math.exp(-lead))
                slope += surprise if model == first else -surprise
        assert slope == pytest.approx(0, abs=2e-3)


def test_who_never_lost_is_finite_but_has_no_interval() -> None:
    found = bradley_terry(won(("a", "b"), [1.0] * 30) + won(("b", "c"), [1, 0] * 15), 0, 200)
    assert 3 < found["a"]["strength"] < 20  # type: ignore[operator]
    assert found["a"]["low"] is found["b"]["low"] is found["c"]["high"] is None


def test_models_that_never_met_are_told_apart_by_nothing() -> None:
    found = bradley_terry(won(("a", "b"), [1, 1, 0] * 5) + won(("c", "d"), [1, 1, 0] * 5), 0, 200)
    assert found["a"]["strength"] == pytest.approx(found["c"]["strength"], abs=1e-6)
    assert found["a"]["low"] is None


def test_the_interval_of_a_strength_holds_the_truth() -> None:
    draw, truth, held = np.random.default_rng(7), 0.5, 0
    chance = 1 / (1 + math.exp(-2 * truth))
    for _ in range(200):
        table = [
            Settled(f"{p}/{k}", f"p{p:02}", "ad", ("a", "b"), float(draw.random() < chance))
            for p in range(15)
            for k in range(4)
        ]
        found = bradley_terry(table, 0, 400)["a"]
        held += found["low"] is not None and found["low"] <= truth <= found["high"]  # type: ignore[operator]
    assert 0.90 <= held / 200 <= 0.99


def test_seed_decides_the_interval() -> None:
    table = won(("a", "b"), [1, 1, 0, 1, 0, 1])
    assert bradley_terry(table, 3, 200) == bradley_terry(table, 3, 200)
    assert bradley_terry(table, 3, 200) != bradley_terry(table, 4, 200)


def test_logistic_regression_of_one_group_is_its_log_odds() -> None:
    design, outcomes = np.ones((1, 1)), np.array([[0.8], [0.5]])
    found = logistic(design, outcomes, np.array([[1e6], [1e6]]))
    assert found[:, 0] == pytest.approx([math.log(4), 0.0], abs=1e-6)


def test_a_win_by_length_alone_is_none_at_equal_length() -> None:
    """The longer text wins 9 of 10, whosever it is; a writes it two times in three."""
    lengths, table = {}, []
    for place in range(900):
        longer = place % 3 < 2
        brief = f"{place}/ad"
        lengths |= {(brief, "a"): 400 if longer else 200, (brief, "b"): 300}
        wins = place // 3 % 10 < 9 if longer else place // 3 % 10 == 9
        table.append(Settled(brief, f"p{place}", "ad", ("a", "b"), float(wins)))
    assert np.mean([one.outcome for one in table]) == pytest.approx(19 / 30)
    assert length_controlled(table, lengths)["a", "b"] == pytest.approx(0.5, abs=0.005)


def test_a_win_on_merit_stays_one_at_equal_length() -> None:
    draw = np.random.default_rng(9)
    table = won(("a", "b"), [float(draw.random() < 0.8) for _ in range(600)])
    lengths = {
        (one.brief_id, model): int(draw.integers(200, 400)) for one in table for model in "ab"
    }
    found = length_controlled(table, lengths)["a", "b"]
    assert found == pytest.approx(np.mean([one.outcome for one in table]), abs=0.02)


def test_a_constant_length_says_nothing() -> None:
    table = won(("a", "b"), [1, 1, 1, 0] * 10)
    same = {(one.brief_id, model): 100 for one in table for model in "ab"}
    assert length_controlled(table, same)["a", "b"] == pytest.approx(0.75, abs=0.01)
    assert length_controlled(table, {})["a", "b"] is None
