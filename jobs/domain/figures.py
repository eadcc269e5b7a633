"""Checking the numbers of a text against the product's facts: concentrations, size, price.

Only numbers that are said of the product count. A percentage belongs to the ingredient beside it; a
size or a price needs a word beside it that makes it one. Numbers of studies, habits, other people's
products and ranges are left alone.
"""

import re
from dataclasses import dataclass
from typing import Any

from jobs.domain.lexicon import folded, pattern, sentences
from jobs.domain.naming import ingredient_names

DIGITS = dict(zip("零〇一二两三四五六七八九", (0, 0, 1, 2, 2, 3, 4, 5, 6, 7, 8, 9), strict=True))
PLACES = {"十": 10, "百": 100, "千": 1000, "万": 10000}
NUMERAL = "[零〇一二两三四五六七八九十百千万]+(?:点[零〇一二三四五六七八九]+)?"
NUMBER = rf"(?:\d+(?:\.\d+)?|{NUMERAL})"
UNITS = {"毫升": "ml", "克": "g"}  # the others stay as they are
PERCENT = re.compile(r"(?<![\d.])(\d+(?:\.\d+)?) ?%")
SIZE = re.compile(rf"(?<![\d.~-])({NUMBER}) ?(毫升|ml|克|g|片|粒|颗)(?![a-z/²])")
PRICE = re.compile(
    rf"(?:[¥$₩]|rmb) ?(\d+(?:\.\d+)?)"
    rf"|(?<![\d.~-])({NUMBER}) ?(?:元|块钱?|rmb|人民币|원)(?![素状干酸醇化论气旦宵月件肌]|硬币)"
)
RANGE = re.compile(r"[\d%] ?[~～至到–—-] ?\d+(?:\.\d+)? ?%")
BOUND = re.compile(r"[<>≤≥≈]\s*$")
COUNTED = {"片", "粒", "颗"}  # the others are measured
NEAR = 12  # characters between an ingredient and the number said of it


@dataclass(frozen=True)
class Mention:
    """An ingredient of the facts, where the text names it."""

    start: int
    end: int
    place: int  # in the facts' list of ingredients


def contradicts_facts(text: str, facts: dict[str, Any], language: str) -> bool:
    """Some number that the text states of the product is not the one in the facts.

    >>> facts = {"name": "烟酰胺精华", "size": "30ml", "price": "189元",
    ...          "ingredients": [{"name": "烟酰胺", "concentration": "5%"}]}
    >>> contradicts_facts("百分之五的烟酰胺，30 毫升，189 元。", facts, "zh")
    False
    >>> contradicts_facts("烟酰胺浓度为10%。", facts, "zh")
    True
    """
    parts = [plain_numbers(sentence) for sentence in sentences(text, language)]
    return (
        wrong_percent(parts, facts, language)
        or wrong_size(parts, facts, language)
        or wrong_price(parts, facts, language)
    )


def plain_numbers(sentence: str) -> str:
    """Spelled-out percentages in digits; no separators of thousands.

    >>> plain_numbers("百分之零点五，1，299元")
    '0.5%，1299元'
    """
    line = re.sub(r"(?<=\d)[，,](?=\d{3}(?!\d))", "", sentence)
    line = re.sub(rf"百分之({NUMERAL}|\d+(?:\.\d+)?)", lambda found: f"{value(found[1]):g}%", line)
    line = re.sub(
        rf"千分之({NUMERAL}|\d+(?:\.\d+)?)", lambda found: f"{value(found[1]) / 10:g}%", line
    )
    line = re.sub(r"(\d+(?:\.\d+)?)‰", lambda found: f"{float(found[1]) / 10:g}%", line)
    return re.sub(r"(?<=\d) ?(?:percent|per cent|퍼센트|프로(?!젝))", "%", line)


def value(number: str) -> float:
    """A number in digits or in Chinese numerals.

    >>> [value(one) for one in ("189", "一百八十九", "三十", "两百五", "零点五", "一八九")]
    [189.0, 189.0, 30.0, 250.0, 0.5, 189.0]
    """
    if number[0].isdigit():
        return float(number)
    whole, _, fraction = number.partition("点")
    total = spelled_whole(whole)
    digits = "".join(str(DIGITS[one]) for one in fraction)
    return total + (float(f"0.{digits}") if digits else 0.0)


def spelled_whole(numeral: str) -> float:
    """A whole number in Chinese numerals."""
    if not any(one in PLACES for one in numeral):
        return float("".join(str(DIGITS[one]) for one in numeral) or 0)
    total, digit, last = 0, 0, 1
    for one in numeral:
        if one in PLACES:
            total += (digit or (1 if not total else 0)) * PLACES[one]
            digit, last = 0, PLACES[one]
        else:
            digit = DIGITS[one]
            last = 1 if one in "零〇" else last
    return float(total + digit * (last // 10 if last > 10 else 1))


def wrong_percent(parts: list[str], facts: dict[str, Any], language: str) -> bool:
    """A concentration is stated that the facts do not have."""
    stated = [concentration(entry) for entry in facts.get("ingredients", [])]
    rightly = {
        owner
        for part in parts
        for owner, percent, _ in owned_percents(part, facts, language)
        if stated[owner] == percent
    }
    for part in parts:
        for owner, percent, clause in owned_percents(part, facts, language):
            if percent != stated[owner] and is_about_product(
                clause, part, language, stated_before=owner in rightly
            ):
                return True
        if any(
            percent not in stated and is_about_product(clause, part, language, stated_before=False)
            for percent, clause in ownerless_percents(part, facts, language)
        ):
            return True
    return False


def concentration(entry: dict[str, str]) -> float | None:
    """An ingredient's percentage; None where the facts state none."""
    found = PERCENT.search(plain_numbers(folded(entry.get("concentration", ""))))
    return float(found[1]) if found else None


def is_about_product(clause: str, sentence: str, language: str, *, stated_before: bool) -> bool:
    """The number is said of this product, not of the ingredient in general.

    Where the right number stands elsewhere, another one needs a word that ties it to the product.
    """
    if pattern(language, "facts", "others").search(clause):
        return False
    in_general = pattern(language, "facts", "general").search(sentence)
    return not (in_general or stated_before) or bool(
        pattern(language, "facts", "own").search(clause)
    )


def owned_percents(
    sentence: str, facts: dict[str, Any], language: str
) -> list[tuple[int, float, str]]:
    """(place of the ingredient, percentage, clause) for each percentage beside an ingredient."""
    mentions = mentioned(sentence, facts, language)
    found = []
    matches = single_percents(sentence)
    if "分别" in sentence and len(matches) == len(mentions) > 1:
        return [
            (mention.place, float(match[1]), sentence)
            for mention, match in zip(mentions, matches, strict=True)
        ]
    for match in matches:
        owner = owner_of(match, mentions, language)
        if owner is not None:
            found.append((owner, float(match[1]), clause_around(sentence, match)))
    return found


def single_percents(sentence: str) -> list[re.Match[str]]:
    """Percentages that are neither the end of a range nor a bound."""
    ranges = [found.span() for found in RANGE.finditer(sentence)]
    return [
        match
        for match in PERCENT.finditer(sentence)
        if not any(start < match.end() and match.start() < end for start, end in ranges)
        and not BOUND.search(sentence[: match.start()])
    ]


def mentioned(sentence: str, facts: dict[str, Any], language: str) -> list[Mention]:
    """Where the sentence names ingredients of the facts; the longest name wins."""
    places: dict[str, list[int]] = {}
    for place, entry in enumerate(facts.get("ingredients", [])):
        for name in ingredient_names(entry["name"], language):
            places.setdefault(name, []).append(place)
    names = sorted(places, key=len, reverse=True)
    if not names:
        return []
    found = re.finditer("|".join(map(re.escape, names)), sentence)
    return [Mention(one.start(), one.end(), places[one[0]][0]) for one in found]


def owner_of(match: re.Match[str], mentions: list[Mention], language: str) -> int | None:
    """The ingredient that a percentage stands right before or right after."""
    text = match.string
    listed = ("joins_before", "joins_after", "concentration")
    before, after, words = (pattern(language, "facts", name) for name in listed)
    following = [one for one in mentions if one.start >= match.end()]
    if following and after.fullmatch(text[match.end() : following[0].start].strip()):
        return following[0].place
    earlier = [one for one in mentions if one.end <= match.start()]
    if not earlier:
        return None
    gap = text[earlier[-1].end : match.start()].strip()
    loosely = len(gap) <= NEAR and words.search(gap) and not re.search(r"[。;!?；%]", gap)
    return earlier[-1].place if before.fullmatch(gap) or loosely else None


def ownerless_percents(
    sentence: str, facts: dict[str, Any], language: str
) -> list[tuple[float, str]]:
    """(percentage, clause) of those called a concentration though no ingredient stands beside."""
    mentions = mentioned(sentence, facts, language)
    words, brings_in = (pattern(language, "facts", name) for name in ("strictly", "brings_in"))
    return [
        (float(match[1]), clause_around(sentence, match))
        for match in single_percents(sentence)
        if owner_of(match, mentions, language) is None
        and (
            words.search(sentence[max(0, match.start() - NEAR) : match.end() + NEAR // 2])
            or brings_in.search(sentence[: match.end()])
        )
    ]


def clause_around(sentence: str, match: re.Match[str]) -> str:
    """The words between the commas on both sides of the match."""
    head = re.split(r"[，。；:!?、\n]", sentence[: match.start()])[-1]
    tail = re.split(r"[，。；:!?、\n]", sentence[match.end() :])[0]
    return head + match[0] + tail


def wrong_size(parts: list[str], facts: dict[str, Any], language: str) -> bool:
    """A size of the product is stated that is not its size."""
    stated = SIZE.search(plain_numbers(folded(str(facts.get("size", "")))))
    if stated is None:
        return False
    wanted = measure(stated)
    return any(
        measure(match) != wanted
        and (measure(match)[1] in COUNTED) == (wanted[1] in COUNTED)
        and is_size_of(match, facts, language)
        for part in parts
        for match in SIZE.finditer(part)
    )


def measure(match: re.Match[str]) -> tuple[float, str]:
    """Amount and unit of a size."""
    return value(match[1]), UNITS.get(match[2], match[2])


def is_size_of(match: re.Match[str], facts: dict[str, Any], language: str) -> bool:
    """The amount is what the product holds, not what one uses of it."""
    clause = clause_around(match.string, match)
    if pattern(language, "facts", "size_use").search(clause):
        return False
    around = match.string[max(0, match.start() - NEAR) : match.end() + NEAR]
    name = folded(str(facts.get("name", "")))
    cued = pattern(language, "facts", "size_cue").search(around)
    return bool(cued) or (name != "" and name in around) or clause.strip() == match[0]


def wrong_price(parts: list[str], facts: dict[str, Any], language: str) -> bool:
    """A price of the product is stated that is not its price."""
    stated = PRICE.search(plain_numbers(folded(str(facts.get("price", "")))))
    if stated is None:
        return False
    wanted = value(stated[1] or stated[2])
    return any(
        not is_price_of_several(match, wanted, language)
        and (match[2] or "")[:1] not in PLACES  # as in "百元"
        and is_price_of(match, facts, language)
        for part in parts
        for match in PRICE.finditer(part)
    )


def is_price_of_several(match: re.Match[str], wanted: float, language: str) -> bool:
    """The amount is the right price, or a multiple that is not said of a single one."""
    amount = value(match[1] or match[2])
    if amount == wanted or amount % wanted != 0:
        return amount == wanted
    single, several = (pattern(language, "facts", name) for name in ("single", "several"))
    return not single.search(clause_around(match.string, match)) or bool(
        several.search(match.string)
    )


def is_price_of(match: re.Match[str], facts: dict[str, Any], language: str) -> bool:
    """The amount is said of the product, not of something else or of a part of it."""
    clause = clause_around(match.string, match)
    if pattern(language, "facts", "price_use").search(clause):
        return False
    cued = pattern(language, "facts", "price_cue").search(clause)
    name = folded(str(facts.get("name", "")))
    alone = clause.strip() == match[0]
    return bool(cued or SIZE.search(clause)) or alone or (name != "" and name in clause)
