"""Do the intervals hold the truth, is a true gap found, and is none claimed where there is none?

python -m tests.bench.coverage [runs]: scores of SD 1.0 whose correlation within a product is 0.3.
The ratio is the share of runs in which a gap of 0.3 is found, over the 0.8 that is wanted.
"""

import sys
from collections.abc import Callable, Sequence

import numpy as np

from jobs.reporting.differences import Score, differences
from jobs.reporting.statistics import ByProduct, Floats, Span, estimate, share
from tests.bench import conclude

RUNS = 2000
SD, CORRELATION = 1.0, 0.3
PRODUCTS, BRIEFS, GAP = 19, 9, 0.3

Draw = np.random.Generator


def scores_of(draw: Draw, sizes: Sequence[int]) -> list[Floats]:
    """One model's scores about zero, for products of these numbers of briefs."""
    own, shared = SD * (1 - CORRELATION) ** 0.5, SD * CORRELATION**0.5
    return [draw.normal(draw.normal(0, shared), own, size) for size in sizes]


def even(draw: Draw, products: int) -> list[int]:
    """As many briefs of each product."""
    return [BRIEFS] * products


def uneven(draw: Draw, products: int) -> list[int]:
    """One to seventeen briefs of a product."""
    return [int(size) for size in draw.integers(1, 2 * BRIEFS, products)]


def named(groups: Sequence[Floats]) -> ByProduct:
    """The groups under names of products."""
    return {f"p{place}": group for place, group in enumerate(groups)}


def graded(values: Floats) -> Floats:
    """As a judge gives them: halves from 1 to 5, many at the top."""
    return np.clip(np.round(2 * (values + 4.4)) / 2, 1, 5)


def coverage(
    runs: int, truth: float, drawn: Callable[[Draw], ByProduct], span: Callable[[ByProduct], Span]
) -> float:
    """The share of runs whose interval holds the truth."""
    draw = np.random.default_rng(1)
    spans = [span(drawn(draw)) for _ in range(runs)]
    return sum(low <= truth <= high for low, high in spans) / runs


def of_mean(by_product: ByProduct) -> Span:
    """Ours."""
    found = estimate(by_product).span
    assert found is not None
    return found


def of_share(by_product: ByProduct) -> Span:
    """Ours, for values from 0 to 1."""
    found = share(by_product)
    assert found is not None
    return found


def percentile(by_product: ByProduct) -> Span:
    """What is not used: the percentile bootstrap of products of equal size."""
    means = np.array([np.mean(values) for values in by_product.values()])
    picks = np.random.default_rng(0).integers(0, len(means), (1000, len(means)))
    low, high = np.quantile(means[picks].mean(axis=1), [0.025, 0.975])
    return float(low), float(high)


def two_models(draw: Draw, gap: float, shared: float) -> list[Score]:
    """Scores of models a and b, a ahead by `gap`; `shared`: of the product's part, in common."""
    sizes, rows = [BRIEFS] * PRODUCTS, []
    apart = [draw.normal(0, SD * (CORRELATION * (1 - shared)) ** 0.5, PRODUCTS) for _ in "ab"]
    common = draw.normal(0, SD * (CORRELATION * shared) ** 0.5, PRODUCTS)
    for model, own in zip("ab", apart, strict=True):
        for product, size in enumerate(sizes):
            values = draw.normal(0, SD * (1 - CORRELATION) ** 0.5, size) + common[product]
            values += own[product] + (gap if model == "a" else 0.0)
            rows += [
                Score(f"{product}/{kind}", str(product), False, f"k{kind}", model, float(value))
                for kind, value in enumerate(values)
            ]
    return rows


def claims(runs: int, gap: float, shared: float) -> tuple[float, float]:
    """The share of runs that claim an overall difference, and of those that claim any."""
    draw, overall, some = np.random.default_rng(2), 0, 0
    for _ in range(runs):
        clear = [
            row["content_type"]
            for row in differences(two_models(draw, gap, shared), ["a", "b"])
            if row["clear"]
        ]
        overall += None in clear
        some += bool(clear)
    return overall / runs, some / runs


def main() -> None:
    """Print every figure; keep those that are promised."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else RUNS
    held: dict[str, float] = {}
    big = scores_of(np.random.default_rng(3), [1] * 1_000_000)
    mean = float(graded(np.concatenate(big)).mean())
    for products in (5, 10, 19, 40):
        held |= {
            f"even {products}": coverage(runs, 0.0, drawn_by(even, products), of_mean),
            f"uneven {products}": coverage(runs, 0.0, drawn_by(uneven, products), of_mean),
            f"graded {products}": coverage(runs, mean, graded_by(products), of_mean),
            f"rate 0.8 {products}": coverage(runs, 0.8, named_wins(0.8, products), of_share),
        }
    for name, value in held.items():
        print(f"interval holds the truth, {name:<14}{value:.3f}")
    for products in (5, 10, 19, 40):
        value = coverage(runs, 0.0, drawn_by(even, products), percentile)
        print(f"percentile bootstrap, not used, {products:<8}{value:.3f}")
    for shared in (1.0, 0.5, 0.0):
        found, alarm = claims(runs, GAP, shared)[0], claims(runs, 0.0, shared)[1]
        print(
            f"product's part shared {shared:.1f}: {GAP} found {found:.3f}, none claimed {alarm:.3f}"
        )
        if shared == 1.0:
            power, false = found, alarm
    low, high = min(held.values()), max(held.values())
    ok = low >= 0.90 and high <= 0.99 and power >= 0.8 and false <= 0.07
    figures = {"least": low, "most": high, "found": power, "false_claims": false, "runs": runs}
    conclude("coverage", power / 0.8, ok, **figures)


def drawn_by(sizes: Callable[[Draw, int], list[int]], products: int) -> Callable[[Draw], ByProduct]:
    """Scores about zero of so many products."""
    return lambda draw: named(scores_of(draw, sizes(draw, products)))


def graded_by(products: int) -> Callable[[Draw], ByProduct]:
    """The same as a judge gives them."""
    return lambda draw: named([graded(group) for group in scores_of(draw, even(draw, products))])


def named_wins(rate: float, products: int) -> Callable[[Draw], ByProduct]:
    """Wins (1) and losses (0) whose chance lies at `rate`, alike within products."""
    from scipy.special import ndtri

    bound = float(ndtri(rate))

    def drawn(draw: Draw) -> ByProduct:
        return named([(g < bound).astype(float) for g in scores_of(draw, even(draw, products))])

    return drawn


if __name__ == "__main__":
    main()
