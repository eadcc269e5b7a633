"""Facts of a copy that a text made from it states otherwise: figures, and values in their place."""

import re
from collections.abc import Iterable
from difflib import SequenceMatcher
from typing import Any

from jobs.domain.figures import PERCENT, PRICE, SIZE, UNITS, measure, plain_numbers
from jobs.domain.lexicon import folded

MASK = "\u2588"  # stands for the product's name, of which an ingredient's is often a part
MANNER = 90  # per cent; from here on a percentage is a manner of speaking
AROUND = 4  # characters on either side by which a fact's place is known again
WRITES = ("replace", "insert")  # a passage that was only deleted says nothing false


def new_figures(copy: str, text: str, facts: dict[str, Any]) -> set[str]:
    """Percentages, sizes and prices of the text that neither its copy nor the facts have.

    >>> sorted(new_figures("含5%烟酰胺。", "含5%烟酰胺，100%有效，只要99元。", {"size": "30ml"}))
    ['99元']
    """
    known = "\n".join(entry for _, entry in fact_values(facts))
    return figures(text) - figures(copy) - figures(known)


def figures(text: str) -> set[str]:
    """Every percentage below MANNER, size and price in digits, in one spelling.

    Numbers in Chinese characters are mostly none of these ("a patch of grey"); where one is said of
    the product, jobs/domain/figures.py finds it.

    >>> sorted(figures("一块深，一片浅，百分之五，30 毫升，¥99"))
    ['30ml', '5%', '99元']
    """
    line = plain_numbers(folded(text))
    percents = {float(found[1]) for found in PERCENT.finditer(line)}
    sizes = {measure(found) for found in SIZE.finditer(line) if found[1][0].isdigit()}
    amounts = [found[1] or found[2] for found in PRICE.finditer(line)]
    prices = {float(amount) for amount in amounts if amount[0].isdigit()}
    return {
        *(f"{one:g}%" for one in percents if one < MANNER),
        *(f"{amount:g}{unit}" for amount, unit in sizes),
        *(f"{one:g}元" for one in prices),
    }


def swapped_facts(copy: str, text: str, facts: dict[str, Any]) -> list[tuple[str, str]]:
    """(label, value) of each fact of the copy whose place in the text has something else.

    What is only left out is not swapped: something has to be written where it stood.

    >>> facts = {"name": "烟酰胺霜", "ingredients": [{"name": "烟酰胺", "role": "调节皮脂"}]}
    >>> swapped_facts("烟酰胺霜：烟酰胺调节皮脂。", "烟酰胺霜：视黄醇调节皮脂。", facts)
    [('ingredient', '烟酰胺')]
    >>> swapped_facts("烟酰胺霜：烟酰胺调节皮脂。", "烟酰胺霜。", facts)
    []
    """
    before, after = aligned(copy, text, facts)
    written = changes(before, after)
    found = [
        (label, entry)
        for label, entry, spans in missing_facts(before, after, facts)
        if any(touches(span, change) for span in spans for change in written)
    ]
    return without_parts(found)


def exchanged_facts(copy: str, text: str, facts: dict[str, Any]) -> list[tuple[str, str]]:
    """Those of `swapped_facts` in whose place, between the same words, no other fact stands.

    An exaggeration, say, that takes a sentence's place exchanges no fact for another.

    >>> facts = {"name": "x", "effects": ["锁住水分", "舒缓泛红"]}
    >>> exchanged_facts("温和做到锁住水分。慢慢来。", "温和做到修护干裂。慢慢来。", facts)
    [('effects', '锁住水分')]
    >>> exchanged_facts("温和做到锁住水分。慢慢来。", "温和做到舒缓泛红。慢慢来。", facts)
    []
    >>> exchanged_facts("温和做到锁住水分。慢慢来。", "所有问题立刻消失！慢慢来。", facts)
    []
    """
    before, after = aligned(copy, text, facts)
    known = [spelt(entry) for _, entry in fact_values(facts)]
    found = []
    for label, entry, spans in missing_facts(before, after, facts):
        for start, end in spans:
            between = before[max(0, start - AROUND) : start], before[end : end + AROUND]
            left, right = map(re.escape, between)
            there = re.search(rf"{left}(.{{1,{2 * len(entry)}}}?){right}", after)
            if there and not any(one in there[1] for one in known):
                found.append((label, entry))
    return without_parts(found)


def aligned(copy: str, text: str, facts: dict[str, Any]) -> tuple[str, str]:
    """Both texts in one spelling, with a sign for the product's name."""
    name = spelt(str(facts.get("name", "")))
    before, after = (spelt(one).replace(name, MASK) if name else spelt(one) for one in (copy, text))
    return before, after


def missing_facts(
    before: str, after: str, facts: dict[str, Any]
) -> list[tuple[str, str, list[tuple[int, int]]]]:
    """(label, value, where it stands in `before`) of facts that `after` states less often."""
    found = []
    for label, entry in fact_values(facts):
        spans = [match.span() for match in standing(entry).finditer(before)]
        if len(spans) > len(standing(entry).findall(after)):
            found.append((label, entry, spans))
    return found


def spelt(text: str) -> str:
    """Folded, with percentages in digits and units in one spelling.

    >>> spelt("百分之五的烟酰胺，30 毫升")
    '5%的烟酰胺，30ml'
    """
    line = re.sub(r"(?<=\d) (?=毫升|克|ml|g)", "", plain_numbers(folded(text)))
    return re.sub(r"(?<=\d)(毫升|克)", lambda unit: UNITS[unit[1]], line)


def changes(before: str, after: str) -> list[tuple[int, int]]:
    """Where in `before` something else, or something more, is written in `after`.

    What both begin and end with is left out first: matching takes the square of what is left.

    >>> changes("5%烟酰胺，温和。", "15%烟酰胺，很温和。")
    [(0, 0), (6, 6)]
    """
    head = len(commonprefix(before, after))
    tail = len(commonprefix(before[head:][::-1], after[head:][::-1]))
    middle = before[head : len(before) - tail], after[head : len(after) - tail]
    matcher = SequenceMatcher(None, *middle, autojunk=False)
    return [
        (head + start, head + end)
        for what, start, end, _, _ in matcher.get_opcodes()
        if what in WRITES
    ]


def commonprefix(left: str, right: str) -> str:
    """What both begin with."""
    same = 0
    for one, other in zip(left, right, strict=False):
        if one != other:
            break
        same += 1
    return left[:same]


def touches(span: tuple[int, int], change: tuple[int, int]) -> bool:
    """They overlap, or the change is an insertion at the span's edge."""
    start, end = change
    return start < span[1] and span[0] < end or (start == end and span[0] <= start <= span[1])


def standing(text: str) -> re.Pattern[str]:
    """Finds a fact in a text, not as the end of a longer number."""
    return re.compile(rf"(?<![\d.]){re.escape(spelt(text))}")


def fact_values(facts: dict[str, Any]) -> list[tuple[str, str]]:
    """What the facts say beside the product's name and brand, with what each value is.

    >>> fact_values({"name": "x", "ingredients": [{"name": "泛醇", "role": "舒缓"}], "size": "9g"})
    [('ingredient', '泛醇'), ('role', '舒缓'), ('size', '9g')]
    """
    found = []
    for entry in facts.get("ingredients", ()):
        for key, label in (("name", "ingredient"), ("role", "role"), ("concentration",) * 2):
            found += [(label, str(entry[key]))] if entry.get(key) else []
    for key in ("effects", "suited_for"):
        found += [(key, str(one)) for one in facts.get(key, ())]
    single = ("texture", "size", "price", "value")
    return found + [(key, str(facts[key])) for key in single if facts.get(key)]


def without_parts(found: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Values once each, without those that are only a part of another one."""
    values = dict.fromkeys(found)
    return [
        (label, text)
        for label, text in values
        if not any(text != other and text in other for _, other in values)
    ]
