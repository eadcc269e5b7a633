"""Numbers with a unit in the copy, held against those in the facts."""

import re

from jobs.llm.offline.judge.case import Case
from jobs.llm.offline.judge.lexicon import Fault, clause_at, pattern
from jobs.llm.offline.judge.names import Known, masked

UNITS = {
    "%": "%", "percent": "%", "퍼센트": "%", "ppm": "ppm",
    "ml": "ml", "毫升": "ml", "l": "l", "升": "l", "oz": "oz",
    "g": "g", "克": "g", "gram": "g", "grams": "g",
    "mg": "mg", "毫克": "mg", "kg": "kg", "公斤": "kg",
    "元": "元", "块钱": "元", "块": "元", "yuan": "元", "rmb": "元", "원": "₩", "won": "₩",
    "usd": "$", "dollars": "$", "cm": "cm", "厘米": "cm", "mm": "mm", "毫米": "mm",
}  # fmt: skip
_UNIT = "|".join(sorted(map(re.escape, UNITS), key=len, reverse=True))
NUMBER = re.compile(
    rf"(?<![\d.a-z])(\d+(?:,\d{{3}})*(?:\.\d+)?)(?:\s?)({_UNIT})(?![a-z醇酸素硬])", re.IGNORECASE
)
SPELLED = re.compile(r"([一二三四五六七八九十百千两]{2,})(毫升|克|元|块钱)(?![醇酸素硬])")
PER_CENT = re.compile(r"百分之([一二三四五六七八九十百两点零\d.]+)")
MONEY = re.compile(r"([¥$₩])\s?(\d+(?:,\d{3})*(?:\.\d+)?)")
SUN = re.compile(r"spf\s?\d+\+?|pa\+{1,4}")
DIGITS = {c: i for i, c in enumerate("零一二三四五六七八九")} | {"两": 2}
SCALES = {"十": 10, "百": 100, "千": 1000}
PIECES = re.compile(r"(\d+)(片|支|枚|颗|粒|包|贴|只|本|袋|块|张|매|개|pcs|pieces|sheets)")


def spelled_value(numeral: str) -> float:
    """The value of a Chinese numeral up to thousands.

    >>> spelled_value("一百八十九"), spelled_value("零点五"), spelled_value("三十")
    (189.0, 0.5, 30.0)
    """
    whole, _, rest = numeral.partition("点")
    if re.fullmatch(r"[\d.]+", numeral):
        return float(numeral)
    value = digit = 0
    for char in whole:
        if char in SCALES:
            value, digit = value + (digit or 1) * SCALES[char], 0
        else:
            digit = DIGITS.get(char, 0)
    fraction = "".join(str(DIGITS.get(char, 0)) for char in rest)
    return float(f"{value + digit}.{fraction or 0}")


def amounts(text: str) -> list[tuple[float, str, int]]:
    """Every (value, unit, position) in a text."""
    found = [
        (float(hit[1].replace(",", "")), UNITS[hit[2].lower()], hit.start())
        for hit in NUMBER.finditer(text)
    ]
    found += [(spelled_value(hit[1]), UNITS[hit[2]], hit.start()) for hit in SPELLED.finditer(text)]
    found += [(spelled_value(hit[1]), "%", hit.start()) for hit in PER_CENT.finditer(text)]
    for hit in MONEY.finditer(text):
        unit = {"¥": "元"}.get(hit[1], hit[1])
        found.append((float(hit[2].replace(",", "")), unit, hit.start()))
    return found


def foreign_numbers(case: Case) -> list[Fault]:
    """Amounts that the facts do not hold."""
    text, facts = case.plain, case.plain_facts
    used, general, nature = (
        pattern("claims", "context", entry, "zh") for entry in ("used", "general", "nature")
    )
    stated = {(value, unit) for value, unit, _ in amounts(facts)}
    faults: dict[str, Fault] = {}
    for value, unit, start in amounts(text):
        clause = clause_at(text, start)
        if (value, unit) in stated or (unit == "%" and nature.search(clause)):
            continue
        if unit in ("ml", "g", "cm", "mm") and used.search(clause):
            continue
        shown = f"{value:g}{unit}"
        common = unit == "%" and general.search(clause) and case.product.name not in clause
        faults[shown] = Fault("number_foreign", 0.6 if common else 2.0, shown, grave=not common)
    for hit in SUN.finditer(text):
        if hit[0] not in facts:
            faults[hit[0]] = Fault("number_foreign", 2.0, hit[0], grave=True)
    return [*faults.values(), *_pieces(text, facts)]


def _pieces(text: str, facts: str) -> list[Fault]:
    """A package said to hold another number of pieces than it does."""
    stated = {hit.groups() for hit in PIECES.finditer(facts)}
    units = {unit for _, unit in stated}
    used = pattern("claims", "context", "used", "zh")
    return [
        Fault("number_foreign", 2.0, hit[0], grave=True)
        for hit in PIECES.finditer(text)
        if hit[2] in units and hit.groups() not in stated
        if not used.search(clause_at(text, hit.start()))
    ][:1]


def misplaced_concentrations(case: Case, known: Known) -> list[Fault]:
    """A share that the facts state, given to an ingredient that has another one or none."""
    stated = {value for value, unit, _ in amounts(case.plain_facts) if unit == "%"}
    faults: list[Fault] = []
    for entry, name, also in zip(
        case.product.ingredients, known.ingredients, known.also, strict=True
    ):
        mine = {value for value, unit, _ in amounts(entry.concentration) if unit == "%"}
        longer = [other for other in known.ingredients if name in other and other != name]
        text = masked(case.plain, longer)
        for words, value in _shares_of(text, (name, *also), known.ingredients):
            if value in stated and value not in mine:
                faults.append(Fault("number_misplaced", 2.0, words, grave=True))
    return faults[:2]


def _shares_of(
    text: str, names: tuple[str, ...], all_names: tuple[str, ...]
) -> list[tuple[str, float]]:
    """(words, share) where a share stands directly before or after one of `names`."""
    either = "|".join(map(re.escape, names))
    before = re.compile(rf"(\d+(?:\.\d+)?)%(?:浓度)?(?:的|\s)?(?:{either})")
    after = re.compile(
        rf"(?:{either})(?:的?(?:浓度|含量|添加量))?(?:为|是|达到?|约|:|\s)?(\d+(?:\.\d+)?)%"
    )
    shares = [(hit[0], float(hit[1])) for hit in before.finditer(text)]
    for hit in after.finditer(text):
        rest = text[hit.end() :].lstrip("的 ")
        if not rest.startswith(all_names):  # the share belongs to the name that follows it
            shares.append((hit[0], float(hit[1])))
    return shares
