"""Statistics against hand-worked tables, scipy's own results, and simulations with known truth."""

import math
from statistics import fmean

import numpy as np
import pytest
from scipy import stats

from jobs.reporting.agreement import agreement, alpha, retest
from jobs.reporting.differences import Score, corrected, differences, gaps, sample_size
from jobs.reporting.headline import sentence
from jobs.reporting.scores import by_model
from jobs.reporting.statistics import (
    Spread,
    detectable_gap,
    estimate,
    handed_on,
    holm,
    power,
    products_needed,
    share,
    spread,
)
from tests.bench import coverage as bench


def test_one_brief_a_product_is_scipys_t_test() -> None:
    values = [0.4, -0.1, 0.8, 0.3, 0.9, 0.0, 0.5]
    found = estimate({str(place): [value] for place, value in enumerate(values)})
    known = stats.ttest_1samp(values, 0.0)
    assert found.span == pytest.approx(tuple(known.confidence_interval(0.95)))
    assert found.p == pytest.approx(known.pvalue)


def test_products_of_equal_size_are_scipys_t_test_of_their_means() -> None:
    table = {str(n): [math.sin(9 * n + k) + 0.4 for k in range(3)] for n in range(8)}
    known = stats.ttest_1samp([fmean(values) for values in table.values()], 0.0)
    found = estimate(table)
    assert (found.n, found.products) == (24, 8)
    assert found.span == pytest.approx(tuple(known.confidence_interval(0.95)))
    assert found.p == pytest.approx(known.pvalue)


def test_unequal_products_are_left_out_one_by_one() -> None:
    table = {"a": [1.0], "b": [2.0, 4.0], "c": [3.0, 3.0, 3.0], "d": [5.0], "e": [2.0]}
    means = []  # by hand: of all briefs but those of one product
    for out in table:
        means.append(
            fmean(v for product, values in table.items() if product != out for v in values)
        )
    mean = fmean(v for values in table.values() for v in values)
    found = estimate({**table, "empty": []})
    assert found.mean == pytest.approx(23 / 8)
    assert found.error == pytest.approx(math.sqrt(0.8 * sum((one - mean) ** 2 for one in means)))


def test_too_few_products_have_no_interval() -> None:
    four = estimate({str(n): [float(n), 1.0] for n in range(4)})
    assert (four.span, four.p, four.mean) == (None, None, 1.25)
    with pytest.raises(ValueError, match="at least one"):
        estimate({"a": []})


@pytest.mark.parametrize(("value", "p"), [(0.0, 1.0), (1.1, 1 / 32), (-0.1, 1 / 32)])
def test_products_that_all_agree_have_the_sign_flip_p(value: float, p: float) -> None:
    """2 of the 2 ** 6 ways to flip six signs are as far out; rounding must not make it nothing."""
    found = estimate({str(n): [value] * 3 for n in range(6)})
    assert found.p == p
    assert found.span == pytest.approx((value, value))


@pytest.mark.parametrize("products", [5, 10, 19, 40])
@pytest.mark.parametrize("sizes", [bench.even, bench.uneven])
def test_the_interval_holds_the_truth_in_95_of_100_runs(products: int, sizes: object) -> None:
    def drawn(draw: np.random.Generator) -> dict[str, object]:
        return bench.named(bench.scores_of(draw, sizes(draw, products)))

    assert 0.92 <= bench.coverage(1000, 0.0, drawn, bench.of_mean) <= 0.98


@pytest.mark.parametrize("rate", [0.5, 0.8, 0.95])
def test_the_interval_of_a_rate_holds_the_truth(rate: float) -> None:
    held = bench.coverage(1000, rate, bench.named_wins(rate, 19), bench.of_share)
    assert 0.92 <= held <= 0.99


def test_a_rate_of_all_won_is_not_certain() -> None:
    """Wilson by hand: n = 6 products, t = 2.5706 on 5: low = n / (n + t squared) = 0.476."""
    assert share({str(n): [1.0] * 4 for n in range(6)}) == pytest.approx((0.4759, 1.0), abs=1e-3)
    assert share({str(n): [1.0] for n in range(4)}) is None


def test_a_gap_is_found_and_none_is_claimed_where_there_is_none() -> None:
    assert bench.claims(200, gap=0.3, shared=1.0)[0] >= 0.80
    # In 200 runs a test that is right by 5 % claims 7 % or more one time in eight: more runs.
    assert bench.claims(1000, gap=0.0, shared=1.0)[1] <= 0.07
    assert bench.claims(1000, gap=0.0, shared=0.0)[1] <= 0.07


def score(product: int, kind: str, model: str, value: float) -> Score:
    return Score(f"{product}/{kind}", str(product), False, kind, model, value)


def test_differences_are_paired_on_shared_briefs() -> None:
    rows = [score(n, "ad", "a", 3.0 + n) for n in range(6)]
    rows += [score(n, "ad", "b", 2.5 + n) for n in range(5)] + [score(7, "ad", "b", 1.0)]
    overall, ad = differences(rows, ["a", "b", "c"])
    assert [(row["content_type"], row["mean"], row["n"]) for row in (overall, ad)] == [
        (None, 0.5, 5),
        ("ad", 0.5, 5),
    ]
    assert (overall["low"], overall["high"], overall["p"]) == (0.5, 0.5, 1 / 16)
    assert not overall["clear"]
    assert differences([score(1, "ad", "a", 3.0)], ["a", "b"]) == []


def test_holms_correction_by_hand() -> None:
    # Sorted 0.005 0.01 0.03 0.04 times 4 3 2 1 is 0.02 0.03 0.06 0.04; none below the one before.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.5]) == [1.0, 1.0]
    assert holm([]) == []


def row(pair: str, kind: str | None, p: float | None) -> dict[str, object]:
    return {"model": pair[0], "other": pair[1], "content_type": kind, "p": p}


@pytest.mark.parametrize(
    ("rows", "adjusted"),
    [
        # One pair: its types share the whole 5 % by Holm once it is found to differ.
        ([("ab", None, 0.01), ("ab", "x", 0.02), ("ab", "y", 0.03)], [0.01, 0.04, 0.04]),
        # What is not clear overall lends its types nothing.
        ([("ab", None, 0.2), ("ab", "x", 0.001)], [0.2, 0.2]),
        # Only overall rows: Holm's.
        ([("ab", None, 0.01), ("ac", None, 0.04), ("bc", None, 0.03)], [0.03, 0.06, 0.06]),
        # By hand: ab at 1/2 (0.02), hands 1/4 to its type and 1/4 to ac; ac 0.03 / 0.75 = 0.04,
        # which hands all it has to the type, that then has 1: 0.05 / 1.
        ([("ab", None, 0.01), ("ab", "x", 0.05), ("ac", None, 0.03)], [0.02, 0.05, 0.04]),
        ([("ab", None, None), ("ab", "x", None)], [None, None]),
    ],
)
def test_what_a_clear_pair_hands_on(rows: list[tuple], adjusted: list[float | None]) -> None:  # type: ignore[type-arg]
    assert corrected([row(*one) for one in rows]) == pytest.approx(adjusted)


def test_false_claims_stay_below_5_of_100_beside_true_differences() -> None:
    """Pair ab truly differs, overall and in x; its y and all of ac do not."""
    draw, false = np.random.default_rng(4), 0
    rows = [(pair, kind) for pair in ("ab", "ac") for kind in (None, "x", "y")]
    null = [pair == "ac" or kind == "y" for pair, kind in rows]
    for _ in range(2000):
        p_values = [float(draw.uniform()) if empty else 1e-9 for empty in null]
        table = [row(pair, kind, p) for (pair, kind), p in zip(rows, p_values, strict=True)]
        adjusted = corrected(table)
        false += any(p < 0.05 for p, empty in zip(adjusted, null, strict=True) if empty)
    assert 0.02 < false / 2000 < 0.06


def test_weights_that_nobody_hands_on_are_bonferroni() -> None:
    weights, nothing = np.array([0.75, 0.25]), np.zeros((2, 2))
    assert handed_on([0.03, 0.01], weights, nothing) == pytest.approx([0.04, 0.04])


@pytest.mark.parametrize(("gap", "products"), [(0.8, 15), (0.5, 34), (0.3, 90)])
def test_sample_size_is_that_of_the_tables(gap: float, products: int) -> None:
    """Two-sided one-sample t test, 5 %, 80 % (G*Power 3.1: d = 0.8, 0.5, 0.3)."""
    found = Spread(between=1.0, within=0.0, briefs=1.0)
    assert products_needed(gap, found) == products
    assert detectable_gap(found, products) <= gap < detectable_gap(found, products - 1)
    assert power(detectable_gap(found, products), found, products) == pytest.approx(0.8)


def test_more_briefs_of_a_product_shrink_only_the_spread_within() -> None:
    assert Spread(0.5, 1.0, 4.0).error(3) == pytest.approx(math.sqrt((0.5 + 0.25) / 3))


def test_spread_by_hand_and_against_what_was_drawn() -> None:
    # Means 1 3 5 7 9, pairs 1 apart from them: MSW 2, MSB 2 * 10 = 20, so (20 - 2) / 2 = 9.
    by_hand = spread({str(m): [m - 1.0, m + 1.0] for m in (1, 3, 5, 7, 9)})
    assert by_hand == Spread(between=pytest.approx(9.0), within=pytest.approx(2.0), briefs=2.0)
    draw = np.random.default_rng(5)
    sizes = draw.integers(1, 18, 3000)
    drawn = spread({str(n): draw.normal(draw.normal(0, 0.7), 1.2, k) for n, k in enumerate(sizes)})
    assert drawn is not None
    assert (drawn.between, drawn.within) == pytest.approx((0.49, 1.44), rel=0.1)
    assert spread({str(m): [1.0] for m in range(4)}) is None


def test_sample_size_takes_the_pair_that_varies_most() -> None:
    rows = [score(n, "ad", "a", 3.0) for n in range(12)]
    rows += [score(n, "ad", "b", 3.0 + 0.1 * (n % 2)) for n in range(12)]
    rows += [score(n, "ad", "c", 3.0 + 2.0 * (n % 2)) for n in range(12)]
    by_product = gaps(rows, "b", "c")[None]
    varied = spread(gaps(rows, "a", "c")[None])
    assert varied is not None
    assert len(by_product) == 12
    found = sample_size(rows, ["a", "b", "c"])
    assert found["products_needed"] == products_needed(0.3, varied)
    assert found["detectable_gap"] == pytest.approx(detectable_gap(varied, 12), abs=1e-3)
    assert sample_size(rows, ["a"])["products_needed"] is None


PUBLISHED = (  # Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability", example C
    "1 2 3 3 2 1 4 1 2 . . .",
    "1 2 3 3 2 2 4 1 2 5 . 3",
    ". 3 3 3 2 3 4 2 2 5 1 .",
    "1 2 3 3 2 4 4 1 2 5 1 .",
)


def test_alpha_of_the_published_table() -> None:
    columns = zip(*(line.split() for line in PUBLISHED), strict=True)
    units = [[float(value) for value in column if value != "."] for column in columns]
    assert alpha(units) == pytest.approx(0.849, abs=5e-4)
    assert alpha(units, "ordinal") == pytest.approx(0.815, abs=5e-4)


def test_alpha_at_its_ends() -> None:
    draw = np.random.default_rng(6)
    chance = draw.integers(1, 6, (4000, 2)).tolist()
    assert alpha([[value, value] for value, _ in chance]) == 1.0
    assert alpha(chance) == pytest.approx(0.0, abs=0.05)
    assert alpha([[1.0, 5.0], [5.0, 1.0], [1.0, 5.0]]) < 0
    assert alpha([[3.0, 3.0]]) is None
    assert alpha([[3.0], [4.0]]) is None


def test_agreement_counts_what_two_judges_scored() -> None:
    both = {"a": {1: 1.0, 2: 3.0, 3: 5.0}, "b": {1: 1.0, 2: 3.0, 4: 2.0}}
    found = agreement({"truth": both, "voice": {"a": {1: 2.0}}})
    assert found == {"truth": {"alpha": 1.0, "judges": 2, "n": 2}}


def test_retest_by_hand() -> None:
    found = retest([1.0, 2.0, 4.0, 5.0], [1.0, 3.0, 4.0, 4.5])
    assert (found["same"], found["distance"]) == (0.5, 0.375)
    assert found["alpha"] is not None
    assert 0.8 < found["alpha"] < 1


@pytest.mark.parametrize(
    ("pairs", "said"),
    [
        ([(4.0, 3.0)] * 6, "beat base (3.00) by 1.00"),
        ([(4.0, 3.0), (3.0, 4.0)] * 3, "did not clearly differ"),
        ([(4.0, 3.0)] * 2, "beat base (3.00) by 1.00 (too few products"),
    ],
)
def test_the_headline_calls_a_win_only_what_is_one(
    pairs: list[tuple[float, float]], said: str
) -> None:
    rows = [
        score(product, "ad", model, value)
        for product, pair in enumerate(pairs)
        for model, value in zip(("sft", "base"), pair, strict=True)
    ]
    overall = by_model(rows, ["sft", "base"])
    assert said in sentence(overall, (), differences(rows, ["sft", "base"]))


def test_the_headline_names_no_winner_that_many_comparisons_would_bring_forth() -> None:
    listed = [
        {"model": "a", "other": "b", "content_type": None, "mean": 0.5, "low": 0.1, "high": 0.9}
        | {"p_adjusted": 0.09, "clear": False},
    ]
    means = {"a": {"mean": 3.5, "n": 9}, "b": {"mean": 3.0, "n": 9}}
    assert "a (mean 3.50 of 5, 9 answers) did not clearly differ from b" in sentence(
        means, (), listed
    )
    won = [listed[0] | {"clear": True}]
    assert sentence(means, (), won).endswith("beat b (3.00) by 0.50 (95 % interval 0.10 to 0.90).")
    behind = {"a": {"mean": 3.0, "n": 9}, "b": {"mean": 3.5, "n": 9}}
    lost = [won[0] | {"mean": -0.5, "low": -0.9, "high": -0.1}]
    assert "b (mean 3.50 of 5, 9 answers) beat a (3.00) by 0.50" in sentence(behind, (), lost)
