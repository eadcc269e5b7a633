"""Words that tell: how often the worse of two texts is known by its words, without any facts.

A reward model is to compare a text with the facts in its prompt. Where worse texts have words that
better ones never have, it need not: it learns these words. `words` measures how far that would
carry. Its classifier sees the two texts of a pair and nothing else, and of them only what one has
and the other has not: character n-grams, hashed. It is naive Bayes, and what is counted is how
often it is right about products that it has seen no pair of. On false texts of the offline teacher
it was within 0.02 of a logistic regression on the same n-grams, in a hundredth of the time.

0.5 is chance. What is well above has its clue in the words: for texts that are badly written or
overdone that is as it should be; of false ones it says that what is false here is true nowhere.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jobs.domain.text import fingerprint

if TYPE_CHECKING:
    import numpy as np

MOST = 2_000  # pairs that a figure is measured on: its deviation is 0.011 at most
LONGEST = 4  # characters in an n-gram
BITS = 18  # of an n-gram's hash
GOLDEN = 0x9E3779B97F4A7C15  # 2**64 over the golden ratio (Knuth, TAOCP 3, 6.4)
FOLDS = 5
CHANCE = 0.5


@dataclass(frozen=True)
class Texts:
    """A pair as a reader sees it who does not know the product."""

    name: str  # the pair's
    kind: str  # of negative
    product_id: str  # by which folds are made; not seen
    chosen: str
    rejected: str


@dataclass(frozen=True)
class Differences:
    """The n-grams that only one text of a pair has, of all pairs one after the other."""

    pair: "np.ndarray[Any, Any]"  # its place
    n_gram: "np.ndarray[Any, Any]"  # its hash
    better: "np.ndarray[Any, Any]"  # whether the better text has it


def sampled(names: Iterable[str], most: int = MOST) -> set[str]:
    """At most so many of the names, by a hash: the same ones in whatever order names come.

    >>> sampled(["a", "b", "c"], 2) == sampled(["c", "b", "a"], 2), len(sampled("abc", 2))
    (True, 2)
    """
    return set(sorted(set(names), key=lambda name: fingerprint("words", name))[:most])


def looked_at(pairs: Iterable[tuple[str, str]]) -> set[str]:
    """Of pairs as (name, kind), the names of those whose texts `words` has to be given.

    >>> pairs = [(f"p{n}", "weak" if n % 3 else "false") for n in range(9000)]
    >>> len(looked_at(pairs)) == 2 * MOST, looked_at(pairs) == looked_at(pairs[::-1])
    (True, True)
    """
    names: dict[str, list[str]] = {}
    for name, kind in pairs:
        names.setdefault(kind, []).append(name)
    every = (name for mine in names.values() for name in mine)
    return sampled(every).union(*map(sampled, names.values()))


def words(pairs: Sequence[Texts]) -> dict[str, dict[str, Any]]:
    """The figures of `told` for all pairs together and for each kind.

    They are the same for all pairs there are and for the ones that are looked at.
    """
    kinds = sorted({pair.kind for pair in pairs})
    of_kind = {kind: [pair for pair in pairs if pair.kind == kind] for kind in kinds}
    return {"all": told(pairs)} | {kind: told(mine) for kind, mine in of_kind.items()}


def told(pairs: Sequence[Texts]) -> dict[str, Any]:
    """How many pairs were looked at, MOST of them at most, and the held-out `accuracy` on them.

    >>> pairs = [Texts(f"n{n}", "weak", f"p{n}", f"{n} is fine", f"{n} is poor") for n in range(20)]
    >>> told(pairs), told(pairs[:1])
    ({'pairs': 20, 'accuracy': 1.0}, {'pairs': 1, 'accuracy': 0.5})
    """
    chosen = sampled(pair.name for pair in pairs)
    shown = sorted((pair for pair in pairs if pair.name in chosen), key=lambda pair: pair.name)
    return {"pairs": len(shown), "accuracy": round(held_out(shown), 4)}


def held_out(pairs: Sequence[Texts]) -> float:
    """Share of pairs that are ordered rightly, each by what pairs of other products taught."""
    import numpy as np

    if not pairs:
        return CHANCE
    found = differences_of(pairs)
    folds = np.array([int(fingerprint("fold", one.product_id), 16) % FOLDS for one in pairs])
    fold, right = folds[found.pair], 0.0
    for held in range(FOLDS):
        odds = log_odds(found.n_gram[fold != held], found.better[fold != held])
        mine = fold == held
        said = np.where(found.better[mine], 1, -1) * odds[found.n_gram[mine]]
        margins = np.bincount(found.pair[mine], said, len(pairs))[folds == held].round(9)
        right += float((margins > 0).sum() + CHANCE * (margins == 0).sum())
    return right / len(pairs)


def log_odds(n_grams: "np.ndarray[Any, Any]", better: "np.ndarray[Any, Any]") -> Any:
    """For each hash how much likelier it is in the better text, where one text alone has it.

    With one more of each than was seen (Laplace), so that one that was never seen says nothing.
    """
    import numpy as np

    of_better, of_worse = (
        np.bincount(n_grams[side], minlength=2**BITS) for side in (better, ~better)
    )
    return np.log((of_better + 1) / (of_worse + 1))


def differences_of(pairs: Sequence[Texts]) -> Differences:
    """What the classifier sees of some pairs."""
    import numpy as np

    places: list[Any] = []
    hashes: list[Any] = []
    sides: list[Any] = []
    for place, pair in enumerate(pairs):
        better, worse = n_grams(pair.chosen), n_grams(pair.rejected)
        mine = np.setdiff1d(better, worse, True), np.setdiff1d(worse, better, True)
        hashes += mine
        places.append(np.full(sum(map(len, mine)), place))
        sides.append(np.repeat([True, False], [len(one) for one in mine]))
    return Differences(*map(np.concatenate, (places, hashes, sides)))


def n_grams(text: str) -> "np.ndarray[Any, Any]":
    """The hashes of a text's n-grams, each once: of 1 to LONGEST characters, white space too.

    >>> len(n_grams("abab")), len(n_grams(""))  # a b ab ba aba bab abab
    (7, 0)
    """
    import numpy as np

    signs = np.frombuffer(text.encode("utf-32-le", "replace"), np.uint32).astype(np.uint64)
    hashed, found = np.zeros(len(signs), np.uint64), [np.empty(0, np.uint64)]
    for size in range(min(LONGEST, len(signs))):
        hashed = (hashed[: len(signs) - size] ^ signs[size:]) * np.uint64(GOLDEN)
        found.append(hashed >> np.uint64(64 - BITS))
    return np.unique(np.concatenate(found)).astype(np.int64)
