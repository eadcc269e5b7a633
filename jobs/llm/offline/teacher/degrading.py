"""Making a text worse on purpose: weak, exaggerated or false, and now and then not as asked for."""

import random
from collections.abc import Callable

from jobs.domain.text import char_count
from jobs.llm.offline.teacher.chat import SPOILS, Asked
from jobs.llm.offline.teacher.falsified import falsified
from jobs.llm.offline.teacher.overdone import overdone, with_hype
from jobs.llm.offline.teacher.weak import cut_off, said_vaguely, weak, with_garbled_name
from jobs.llm.offline.teacher.writing import compose

DEGRADES = ("weak", *SPOILS)
NO_DEFECT, SECOND_DEFECT, ODD_LENGTH = "no_defect", "second_defect", "odd_length"
LONGER, SHORTER = 1.6, 0.55  # of the text's length, where it is to be odd

Degraded = tuple[str, tuple[str, ...]]  # the text, and what was planted in it


def degraded(asked: Asked, rng: random.Random, *, bad: bool) -> Degraded:
    """The text that is asked for and the names of its flaws; if `bad`, one that serves nobody."""
    if not bad:
        return as_asked(asked, rng)
    return rng.choice((without_defect, with_second_defect, of_odd_length))(asked, rng)


def as_asked(asked: Asked, rng: random.Random) -> Degraded:
    """The text with the one defect that it is to have."""
    if asked.task == "weak":
        return weak(asked, rng)
    return overdone(asked, rng) if asked.task == "exaggerated" else falsified(asked, rng)


def without_defect(asked: Asked, rng: random.Random) -> Degraded:
    """The copy handed back as it came or, where none is shown, a good one."""
    text = compose(asked, rng) if asked.task == "weak" else asked.text
    return text, (NO_DEFECT,)


def with_second_defect(asked: Asked, rng: random.Random) -> Degraded:
    """What was asked for, and something else too."""
    text, flaws = as_asked(asked, rng)
    ways: dict[str, tuple[Callable[[Asked, random.Random], str], ...]] = {
        "weak": (with_hype, lambda one, chance: falsified(one, chance, count=1)[0]),
        "exaggerated": (cut_off, lambda one, chance: falsified(one, chance, count=1)[0]),
        "false": (with_hype, cut_off, with_garbled_name),
    }
    spoilt = rng.choice(ways[asked.task])(asked.showing(text), rng)
    return spoilt, (*flaws, SECOND_DEFECT)


def of_odd_length(asked: Asked, rng: random.Random) -> Degraded:
    """What was asked for, much longer or much shorter than it was to be."""
    text, flaws = as_asked(asked, rng)
    length = char_count(text)
    if rng.random() < 0.5:
        while char_count(text) < LONGER * length:
            text += said_vaguely(asked, rng)
    else:
        text = text[: round(SHORTER * len(text))] + asked.book.grammar["stop"]
    return text.strip(), (*flaws, ODD_LENGTH)
