"""How much of what it is given a text uses: the product's facts, the guide's encouraged words.

These are figures, never a reason to drop a text: an advertisement of two sentences cannot name all.
"""

import re
from collections.abc import Mapping
from typing import Any

from jobs.domain.figures import plain_numbers
from jobs.domain.lexicon import compact, folded
from jobs.domain.naming import ingredient_names

CLAUSE = re.compile("[、，。！？；：,.!?;:\n]")


def facts_named(text: str, facts: dict[str, Any], language: str) -> float:
    """The share of the product's facts that stand in the text, 0 to 1.

    Facts are its name, each ingredient and each concentration, its effects, size and price.

    >>> facts = {"name": "烟酰胺精华", "size": "30ml", "price": "189元",
    ...          "ingredients": [{"name": "烟酰胺", "concentration": "5%"}]}
    >>> facts_named("烟酰胺精华含百分之五的烟酰胺，30 毫升。", facts, "zh")
    0.8
    """
    line = " ".join(plain_numbers(folded(text)).split()).replace("毫升", "ml").replace("克", "g")
    letters, close = compact(text), "".join(line.split())
    named = []
    for entry in facts.get("ingredients", ()):
        forms = ingredient_names(str(entry["name"]), language)
        named.append(any(compact(form) in letters for form in forms))
        if entry.get("concentration"):
            named.append(has_number(str(entry["concentration"]), close))
    named += [has_number(str(facts[key]), close) for key in ("size", "price") if facts.get(key)]
    words = [*facts.get("effects", ()), *filter(None, [facts.get("name")])]
    named += [compact(str(word)) in letters for word in words]
    return sum(named) / len(named) if named else 1.0


def has_number(wanted: str, line: str) -> bool:
    """The amount stands in the line, not as the end of a longer number. Both without spaces.

    >>> has_number("5%", "含15%烟酰胺"), has_number("5%", "含5%烟酰胺")
    (False, True)
    """
    short = "".join(plain_numbers(folded(wanted)).split())
    return re.search(rf"(?<![\d.]){re.escape(short)}", line) is not None


def encouraged_used(text: str, words: tuple[str, ...]) -> int:
    """How many of the guide's encouraged words the text uses.

    >>> encouraged_used("科学修护，科学配方", ("屏障", "修护", "科学"))
    2
    """
    line = folded(text)
    return sum(folded(word) in line for word in words)


def purpose_said(text: str, facts: Mapping[str, Any], language: str) -> list[bool]:
    """Whether it is said what the hero does, what comes of it, whom it suits: of those there are.

    Each is said where one clause has all the words of a fact (in Chinese: the characters), or of a
    part of it between commas.

    >>> facts = {"ingredients": [{"name": "泛醇", "role": "舒缓"}], "effects": ["减少紧绷"]}
    >>> purpose_said("泛醇舒缓肌肤，紧绷还在。", facts, "zh")
    [True, False]
    """
    roles = [entry.get("role") for entry in (facts.get("ingredients") or [])[:1]]
    wanted = [parts(one) for one in (roles, facts.get("effects"), facts.get("suited_for"))]
    clauses = CLAUSE.split(folded(text))

    def said(part: str) -> bool:
        words = part if language == "zh" else part.split()
        return any(all(word in clause for word in words) for clause in clauses)

    return [any(map(said, one)) for one in wanted if one]


def parts(value: Any) -> list[str]:
    """What a fact says, each part between commas for itself.

    >>> parts(["调节皮脂、匀净肤色", None]), parts("Dry skin, oily skin")
    (['调节皮脂', '匀净肤色'], ['dry skin', 'oily skin'])
    """
    values = value if isinstance(value, list) else [value]
    every = [part for one in values if one for part in CLAUSE.split(folded(str(one)))]
    return [part for one in every if (part := one.strip())]
