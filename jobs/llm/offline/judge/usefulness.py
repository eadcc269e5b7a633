"""Criterion 5: after reading, does one know what it is, why it works and for whom?"""

import re

from jobs.llm.offline.judge.case import Case, flat
from jobs.llm.offline.judge.lexicon import Mark, pattern
from jobs.llm.offline.judge.names import known_names


def overlap(fact: str, text: str) -> float:
    """The share of a fact's neighbouring character pairs (words, where blanks part them) in `text`.

    >>> overlap("匀净肤色", "让肤色更匀净")
    0.6666666666666666
    """
    if " " in fact:
        words = [word for word in fact.split() if len(word) > 2] or fact.split()
        return sum(word in text for word in words) / len(words)
    pairs = [fact[i : i + 2] for i in range(len(fact) - 1)] or [fact]
    return sum(pair in text for pair in pairs) / len(pairs)


def usefulness(case: Case) -> Mark:
    """What it is, why it works, for whom, what for: the share told, each as far as it is told."""
    text, product = case.plain, case.product
    known = known_names(case)
    what = 1.0 if known.product in text else 0.5 * (flat(product.category, case.language) in text)
    told = [what, _why(case)]
    if product.suited_for:
        told.append(
            _best(case, product.suited_for, pattern("voice", "useful", "people", case.language))
        )
    told.append(_best(case, product.effects, None))
    reasons = pattern("voice", "reasoning", "connectives", case.language).findall(text)
    told.append(min(1.0, len(reasons) / 2))
    return Mark(1.0 + 4.0 * sum(told) / len(told))


def _why(case: Case) -> float:
    """Whether ingredients and their work are named close to each other."""
    told = []
    known = known_names(case)
    for entry, name, also in zip(
        case.product.ingredients, known.ingredients, known.also, strict=True
    ):
        near = " ".join(
            case.plain[max(0, hit.start() - 40) : hit.end() + 60]
            for hit in re.finditer("|".join(map(re.escape, (name, *also))), case.plain)
        )
        parts = re.split(r"[、,，和与]", flat(entry.role, case.language))
        share = max((overlap(part, near) for part in parts if part), default=0.0)
        told.append(min(1.0, 0.35 + 1.3 * share) if near else 0.0)
    if not told:
        return 1.0
    hero, others = told[0], told[1:]
    return hero if not others else 0.6 * hero + 0.4 * sum(others) / len(others)


def _best(case: Case, facts: tuple[str, ...], hint: "re.Pattern[str] | None") -> float:
    """How well the best-told of some facts is told; a hint of the matter counts for part."""
    shares = [overlap(flat(fact, case.language), case.plain) for fact in facts]
    best = min(1.0, 1.6 * max(shares, default=0.0))
    return max(best, 0.6) if hint is not None and hint.search(case.plain) else best
