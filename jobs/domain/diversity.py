"""How much the texts of a set differ from one another: distinct-n and self-BLEU."""

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from jobs.domain.text import normalized

ORDERS = (1, 2, 3, 4)  # n-grams of BLEU
WORD = re.compile(r"\w+")

Gram = tuple[str, ...]


def tokens(text: str, language: str) -> list[str]:
    """Characters of Chinese, words of other languages; no marks.

    >>> tokens("温和，pH 5", "zh"), tokens("A calm serum.", "en")
    (['温', '和', 'p', 'h', '5'], ['a', 'calm', 'serum'])
    """
    words = WORD.findall(normalized(text))
    return [character for word in words for character in word] if language == "zh" else words


def grams(words: Sequence[str], order: int) -> list[Gram]:
    """
    >>> grams("abc", 2)
    [('a', 'b'), ('b', 'c')]
    """
    return [tuple(words[start : start + order]) for start in range(len(words) - order + 1)]


def distinct(texts: Sequence[Sequence[str]], order: int) -> float:
    """Distinct-n: different n-grams of all texts over all n-grams (J. Li et al. 2016).

    It falls as texts are added: only sets of about the same size can be compared.

    >>> distinct(["abab", "ab"], 2)
    0.5
    """
    found = [gram for words in texts for gram in grams(words, order)]
    return len(set(found)) / len(found) if found else 1.0


def self_bleu(texts: Sequence[Sequence[str]]) -> float:
    """The mean BLEU-4 of each text against all others, 0 to 1 (Y. Zhu et al., Texygen, 2018).

    Precisions of zero are smoothed as sacrebleu does by default; on sentences its figures are the
    same. 0.0 for fewer than two texts.

    >>> self_bleu(["abcdefgh", "abcdefgh"]), self_bleu(["abcdefgh"])
    (1.0, 0.0)
    """
    if len(texts) < 2:
        return 0.0
    counted = [[Counter(grams(words, order)) for words in texts] for order in ORDERS]
    highest = [highest_counts(counts) for counts in counted]
    lengths = [len(words) for words in texts]
    total = 0.0
    for place in range(len(texts)):
        pairs = [
            (clipped(counts[place], most, place), counts[place].total())
            for counts, most in zip(counted, highest, strict=True)
        ]
        total += bleu(pairs, lengths[place], closest(lengths, place))
    return total / len(texts)


def highest_counts(counts: Sequence[Counter[Gram]]) -> dict[Gram, tuple[int, int, int]]:
    """n-gram -> its highest count in one text, that text's place, its highest count elsewhere."""
    found: dict[Gram, tuple[int, int, int]] = {}
    for place, counter in enumerate(counts):
        for gram, count in counter.items():
            most, where, second = found.get(gram, (0, -1, 0))
            if count > most:
                found[gram] = (count, place, most)
            elif count > second:
                found[gram] = (most, where, count)
    return found


def clipped(
    counter: Counter[Gram], highest: Mapping[Gram, tuple[int, int, int]], place: int
) -> int:
    """How many n-grams of the text at `place` other texts have, as often as one of them has it."""
    shared = 0
    for gram, count in counter.items():
        most, where, second = highest[gram]
        shared += min(count, second if where == place else most)
    return shared


def closest(lengths: Sequence[int], place: int) -> int:
    """The length of another text that is nearest to the text's own; the smaller of two."""
    others = [length for other, length in enumerate(lengths) if other != place]
    return min(others, key=lambda length: (abs(length - lengths[place]), length))


def bleu(pairs: Sequence[tuple[int, int]], length: int, reference: int) -> float:
    """BLEU from (matching, all) n-grams of each order (K. Papineni et al. 2002).

    The k-th order without a match counts as 1 / 2^k of one.

    >>> round(bleu([(2, 4), (1, 3), (0, 2), (0, 1)], 4, 4), 4)
    0.3195
    """
    logarithms, halved = [], 1
    for matching, found in pairs:
        if not found:
            return 0.0
        if not matching:
            halved *= 2
        logarithms.append(math.log((matching or 1 / halved) / found))
    brevity = min(0.0, 1 - reference / length)
    return math.exp(brevity + math.fsum(logarithms) / len(logarithms))


def runs_again(letters: str, names: Iterable[str], size: int = 8) -> int:
    """How many runs of so many letters are there again; none that a name is a part of.

    >>> runs_again("abcdefghij" * 2, []), runs_again("abcdefghij" * 2, ["cdefg"])
    (3, 0)
    """
    for name in sorted(filter(None, names), key=len, reverse=True):
        letters = letters.replace(name, "\n")
    runs = [letters[place : place + size] for place in range(len(letters) - size + 1)]
    runs = [run for run in runs if "\n" not in run]
    return len(runs) - len(set(runs))
