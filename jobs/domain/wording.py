"""Finding what a text says by its words: exaggeration, a call to action, a person."""

import re
from functools import cache
from typing import Any

from jobs.domain.lexicon import clauses, compact, folded, pattern, sentences

QUOTED = re.compile(r"“[^”]{0,60}”|「[^」]{0,60}」|『[^』]{0,60}』|‘[^’]{0,40}’|\"[^\"\n]{0,60}\"")
SHOUT = re.compile(r"!{2,}|[!?]{3,}")
SHOUTS_TOLERATED = 2  # single exclamation marks in one text


def exclaims(text: str) -> bool:
    """Exclamation marks in a row, or too many of them.

    >>> exclaims("真好！！"), exclaims("慢慢来！第一步！"), exclaims("好！很好！真好！")
    (True, False, True)
    """
    line = folded(text)
    return bool(SHOUT.search(line)) or line.count("!") > SHOUTS_TOLERATED


def claims(text: str, language: str, name: str) -> bool:
    """The text itself makes a claim of the lexicon's [hype] list `name`.

    A claim that is denied in its own clause, doubted in its sentence, or quoted beside a doubt in
    the next or the last sentence is not the text's own.
    """
    expression = pattern(language, "hype", name)
    parts = sentences(text, language)
    for place, sentence in enumerate(parts):
        nearby = "".join(parts[max(0, place - 1) : place + 2])
        for match in expression.finditer(sentence):
            if not is_disowned(match, nearby, language):
                return True
    return False


def is_disowned(match: re.Match[str], nearby: str, language: str) -> bool:
    """The sentence reports or denies the claim instead of making it."""
    sentence = match.string
    before = sentence[: match.start() + 1]  # a claim may begin with the verb that is denied
    doubted, denied = pattern(language, "hype", "doubted"), pattern(language, "hype", "denied")
    if denied.search(before) or doubted.search(sentence):
        return True
    spans = [quote.span() for quote in QUOTED.finditer(sentence)]
    inside = any(start <= match.start() and match.end() <= end for start, end in spans)
    return inside and bool(doubted.search(nearby) or denied_after(nearby, language))


def denied_after(nearby: str, language: str) -> bool:
    """A quoted claim is answered by a correction."""
    return bool(pattern(language, "hype", "corrected").search(nearby))


def asks_for_action(text: str, facts: dict[str, Any], language: str) -> bool:
    """Some clause asks the reader to do something.

    Chinese requests have no mark of their own. A clause counts if it has one of the phrases, or
    begins with an order; in the first and last sentence, where an advertisement puts its request,
    it is enough that it begins with something that only a person does.
    """
    parts = [clauses(sentence) for sentence in sentences(with_roles(text, facts), language)]
    for place, said in enumerate(parts):
        at_edge = place in (0, len(parts) - 1)
        for clause, after in zip(said, [*said[1:], ""][: len(said)], strict=True):
            if is_request(clause, after, language, at_edge=at_edge):
                return True
    return False


def is_request(clause: str, after: str, language: str, *, at_edge: bool) -> bool:
    """One clause asks for something; `after` is the clause that follows it in its sentence."""
    listed = {
        name: pattern(language, "call_to_action", name)
        for name in ("phrase", "description", "condition", "predicate", "told")
    }
    if listed["description"].search(clause):
        return False
    if listed["phrase"].search(clause):
        return True
    if listed["predicate"].search(after) or (after and listed["condition"].search(clause)):
        return False
    wide = orders_of("closing", language).search(clause) and not listed["told"].search(clause)
    return bool(orders_of("imperative", language).search(clause) or (at_edge and wide))


@cache
def orders_of(name: str, language: str) -> re.Pattern[str]:
    """A list of orders, after the words that may stand before an order."""
    opening = pattern(language, "call_to_action", "opening").pattern
    return re.compile(f"{opening}(?:{pattern(language, 'call_to_action', name).pattern})")


def with_roles(text: str, facts: dict[str, Any]) -> str:
    """The text with the product and its hero called `{product}` and `{hero}`, as in the lexicon.

    >>> with_roles("选择轻盈精华液", {"name": "轻盈精华液"})
    '选择{product}'
    """
    line = folded(text)
    ingredients = facts.get("ingredients") or [{}]
    for role, name in (("{product}", facts.get("name")), ("{hero}", ingredients[0].get("name"))):
        line = line.replace(folded(str(name)), role) if name else line
    return line


def has_person(text: str, facts: dict[str, Any], language: str) -> bool:
    """Someone in particular is in the text; an unknown voice in quotation marks is nobody."""
    line = folded(text)
    for name in (facts.get("name", ""), facts.get("brand", "")):
        line = line.replace(folded(str(name)), "") if compact(str(name)) else line
    persons = pattern(language, "person", "persons")
    return bool(persons.search(QUOTED.sub("", line)))
