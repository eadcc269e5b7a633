"""Choosing texts to imitate: at random, but the same for the same draft wherever it is written."""

import random
from collections.abc import Sequence

from jobs.domain.rows import Brief, Exemplar
from jobs.domain.text import fingerprint


def fitting(pool: Sequence[Exemplar], brief: Brief) -> list[Exemplar]:
    """Those in the brief's language that are for any content type or for its own, by their ids."""
    found = [
        exemplar
        for exemplar in pool
        if exemplar.language == brief.language and exemplar.content_type in ("", brief.content_type)
    ]
    return sorted(found, key=lambda exemplar: exemplar.exemplar_id)


def drawn(fits: Sequence[Exemplar], count: int, *, seed: int, draft_id: str) -> list[str]:
    """The texts of `count` of these, of all where there are fewer; by seed and draft_id alone.

    >>> fits = [Exemplar(name, name * 3, "en", "", "", "", "") for name in "abcdef"]
    >>> drawn(fits, 2, seed=0, draft_id="p1#m#0") == drawn(fits, 2, seed=0, draft_id="p1#m#0")
    True
    >>> len({tuple(drawn(fits, 2, seed=0, draft_id=f"p1#m#{sample}")) for sample in range(20)}) > 5
    True
    """
    chance = random.Random(int(fingerprint("exemplars", str(seed), draft_id), 16))
    return [exemplar.text for exemplar in chance.sample(fits, min(count, len(fits)))]
