"""How near two texts are to one another, and whether a name is nearly written in a text."""

from collections import Counter

from jobs.domain.lexicon import clauses, compact, folded, sentences
from jobs.domain.text import char_count

GRAM = 5  # characters
REPEATED = 6  # characters of a clause that a sound text does not say twice
LETTERS_PER_CHARACTER = 2  # of English, at least: a clause says as much in more letters


def similarity(left: str, right: str) -> float:
    """Shared over all character 5-grams, each as often as it stands there: 1.0 for the same text.

    >>> similarity("少一点。", "少 一点。"), similarity("慢慢来吧", "慢慢来吧慢慢来吧") < 1
    (1.0, True)
    """
    one, other = grams(left), grams(right)
    every = (one | other).total()
    return (one & other).total() / every if every else 1.0


def grams(text: str) -> Counter[str]:
    """Character 5-grams of the folded text without white space, counted."""
    plain = "".join(folded(text).split())
    return Counter(plain[at : at + GRAM] for at in range(max(1, len(plain) - GRAM + 1)))


def length_gap(text: str, copy: str) -> float:
    """How much longer or shorter than its copy a text is, as a share of the copy's length.

    >>> length_gap("字" * 80, "字" * 100)
    0.2
    """
    return abs(char_count(text) - char_count(copy)) / max(1, char_count(copy))


def says_twice(text: str, language: str) -> bool:
    """A sentence or a clause of some length stands in it more than once.

    >>> says_twice("每天都要好好护肤，真的，每天都要好好护肤。", "zh")
    True
    >>> says_twice("今晚就试试，慢慢来。今晚就试试，慢慢来。", "zh")
    True
    """
    least = REPEATED * (LETTERS_PER_CHARACTER if language == "en" else 1)
    whole = sentences(text, language)
    said = Counter(compact(part) for one in whole for part in clauses(one))
    said |= Counter(map(compact, whole))
    return any(times > 1 and len(part) >= least for part, times in said.items())


def nearly_in(name: str, letters: str) -> bool:
    """Some run of letters is the name but for a letter or two or their order, and the name is not.

    >>> nearly_in("烟酰胺净润精华液", "这支烟酸胺净润精华液很好"), nearly_in("烟酰胺", "神经酰胺")
    (True, False)
    """
    size = len(name)
    wrong = 1 if size < 5 else 2
    if size < 3:
        return False
    if name in letters:
        return False
    starts = [at for at in range(len(letters)) if letters[at] == name[0]]
    runs = (letters[at : at + size + more] for at in starts for more in (-1, 0, 1))
    return any(sorted(run) == sorted(name) or edits(name, run, wrong) <= wrong for run in runs)


def edits(left: str, right: str, most: int) -> int:
    """Letters to change, add or take out to make one of the other (V. Levenshtein); or `most` + 1.

    >>> edits("烟酰胺", "烟酸胺", 2), edits("烟酰胺", "水杨酸", 2)
    (1, 3)
    """
    row = list(range(len(right) + 1))
    for at, letter in enumerate(left, 1):
        before, row = row, [at]
        for place, other in enumerate(right, 1):
            row.append(min(before[place] + 1, row[-1] + 1, before[place - 1] + (letter != other)))
        if min(row) > most:
            return most + 1
    return min(row[-1], most + 1)
