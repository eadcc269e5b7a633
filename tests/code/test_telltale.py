"""What words alone tell of pairs: planted clues are found, and chance is called chance."""

import math
import random
from collections import Counter
from collections.abc import Callable, Sequence

import pytest

from jobs.domain.telltale import (
    FOLDS,
    LONGEST,
    MOST,
    Texts,
    differences_of,
    looked_at,
    n_grams,
    told,
    words,
)
from jobs.domain.text import fingerprint

VALUES = ("泛醇", "甘油", "角鲨烷", "烟酰胺", "尿囊素", "乳木果油", "水杨酸", "透明质酸钠")
LETTERS = "春眠不觉晓处闻啼鸟夜来风雨声花落知多少"

Draw = Callable[[random.Random, str], tuple[str, str]]  # by product: a true value, a false one


def planted(draw: Draw, products: int = 120, each: int = 5, kind: str = "false") -> list[Texts]:
    """Texts of random letters around a value; the worse one has another value."""
    rng, found = random.Random(7), []
    for number in range(products * each):
        product = f"p{number % products}"
        before, after = ("".join(rng.choices(LETTERS, k=40)) for _ in range(2))
        true, false = draw(rng, product)
        texts = f"{before}{true}{after}", f"{before}{false}{after}"
        found.append(Texts(f"{kind}{number}", kind, product, *texts))
    return found


def by_one_word(rng: random.Random, product: str) -> tuple[str, str]:
    """The false value is never true."""
    return rng.choice(VALUES), "神经酰胺"


def drawn_alike(rng: random.Random, product: str) -> tuple[str, str]:
    """Both come from one urn."""
    true, false = rng.sample(VALUES, 2)
    return true, false


def by_product(rng: random.Random, product: str) -> tuple[str, str]:
    """A product has one true value and one false one, of signs that no other product has."""
    sign = 0x3400 + 2 * int(product.removeprefix("p"))
    return chr(sign) * 2, chr(sign + 1) * 2


def deviation(pairs: Sequence[Texts]) -> float:
    return math.sqrt(0.25 / len(pairs))


def test_a_word_that_is_never_true_tells_nearly_all() -> None:
    assert told(planted(by_one_word)) == {"pairs": 600, "accuracy": pytest.approx(1, abs=0.01)}


def test_a_value_that_is_as_often_true_tells_nothing() -> None:
    pairs = planted(drawn_alike)
    assert abs(told(pairs)["accuracy"] - 0.5) < 4 * deviation(pairs)


def test_half_the_pairs_betrayed_are_half_of_what_chance_leaves() -> None:
    def half(rng: random.Random, product: str) -> tuple[str, str]:
        return (by_one_word if rng.random() < 0.5 else drawn_alike)(rng, product)

    pairs = planted(half)
    assert abs(told(pairs)["accuracy"] - 0.75) < 4 * deviation(pairs)


def test_what_is_known_of_a_product_is_no_clue_to_another() -> None:
    """Were a product in two folds, its own signs would tell all of its pairs."""
    pairs = planted(by_product, products=40, each=15)
    assert abs(told(pairs)["accuracy"] - 0.5) < 4 * deviation(pairs)
    assert told(planted(by_one_word, products=1, each=600))["accuracy"] == 0.5


def by_hand(pairs: Sequence[Texts]) -> float:
    """The same in dictionaries, n-grams as they are."""

    def grams(text: str) -> set[str]:
        return {
            text[at : at + size]
            for size in range(1, LONGEST + 1)
            for at in range(len(text) - size + 1)
        }

    def fold(pair: Texts) -> int:
        return int(fingerprint("fold", pair.product_id), 16) % FOLDS

    right = 0.0
    for held in range(FOLDS):
        better, worse = Counter[str](), Counter[str]()
        for pair in (one for one in pairs if fold(one) != held):
            better.update(grams(pair.chosen) - grams(pair.rejected))
            worse.update(grams(pair.rejected) - grams(pair.chosen))
        for pair in (one for one in pairs if fold(one) == held):
            odds = {
                gram: math.log((better[gram] + 1) / (worse[gram] + 1))
                for gram in grams(pair.chosen) ^ grams(pair.rejected)
            }
            margin = sum(odds[gram] for gram in grams(pair.chosen) - grams(pair.rejected))
            margin -= sum(odds[gram] for gram in grams(pair.rejected) - grams(pair.chosen))
            right += 0.5 if abs(margin) < 1e-9 else margin > 0
    return right / len(pairs)


@pytest.mark.parametrize("draw", [by_one_word, drawn_alike])
def test_it_is_naive_bayes_on_what_differs(draw: Draw) -> None:
    """But for n-grams that share a hash, of which there are few."""
    pairs = planted(draw, products=30)
    assert told(pairs)["accuracy"] == pytest.approx(by_hand(pairs), abs=0.02)


@pytest.mark.parametrize("text", ["", "护", "护肤品", "aaaaaa", "屏障 barrier 🙂 5%", "\ud800x"])
def test_every_n_gram_is_counted_once(text: str) -> None:
    wanted = {
        text[at : at + size] for size in range(1, LONGEST + 1) for at in range(len(text) - size + 1)
    }
    assert len(n_grams(text)) == len(wanted)


def test_of_a_pair_only_what_differs_is_seen() -> None:
    seen = differences_of([Texts("n", "false", "p", "含泛醇2%", "含泛醇5%")])
    # 2, 5; 醇2 2%, 醇5 5%; 泛醇2 醇2%, ...; 含泛醇2 泛醇2%, ...
    assert sorted(seen.better) == [False] * 7 + [True] * 7
    same = differences_of([Texts("n", "false", "p", "一样", "一样")])
    assert len(same.n_gram) == 0


def test_kinds_are_measured_apart_and_together_in_any_order() -> None:
    pairs = planted(by_one_word, kind="weak") + planted(drawn_alike, kind="false")
    found = words(pairs)
    assert list(found) == ["all", "false", "weak"]
    assert [one["pairs"] for one in found.values()] == [1200, 600, 600]
    assert found["weak"]["accuracy"] > 0.98
    assert abs(found["false"]["accuracy"] - 0.5) < 0.1
    assert 0.65 < found["all"]["accuracy"] < 0.85
    assert words(pairs[::-1]) == found
    assert words([]) == {"all": {"pairs": 0, "accuracy": 0.5}}


def test_a_sample_is_looked_at_and_it_is_the_one_that_all_pairs_would_give() -> None:
    pairs = planted(by_one_word, each=20, kind="weak") + planted(drawn_alike, each=3)
    names = looked_at((pair.name, pair.kind) for pair in pairs)
    assert MOST < len(names) < len(pairs)
    found = words([pair for pair in pairs if pair.name in names])
    assert found == words(pairs)
    assert [one["pairs"] for one in found.values()] == [MOST, 360, MOST]
