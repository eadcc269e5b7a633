"""The filters' words and patterns: `lexicon.<language>.toml`, one file for each language.

Lists in those files are regular expressions and are matched in `folded` text. A language without a
list for some rule is a language in which that rule finds nothing.
"""

import re
import tomllib
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from jobs.domain.errors import InputError
from jobs.domain.text import normalized

FOLDER = Path(__file__).parent
# NFKC makes Chinese commas ASCII; a comma inside a sentence is told from one inside a number
# only if they stay apart.
CHINESE_MARKS = {ord(","): "，", ord(";"): "；"}
SENTENCE = re.compile(r"[^。!?；\n]*(?:[。!?；\n]+[”’」』\")]*|$)")
# A full stop before a digit or letter ends nothing: "0.05%".
SENTENCE_LATIN = re.compile(
    r"(?:[^.!?；\n]|\.(?=[^\s.!?；”’\")]))*(?:[.!?；\n]+[”’\")]*|$)",
)
REMEMBERED = 4096  # strings: the rules ask of one text, its sentences and facts a hundred times
CLAUSE_ENDS = re.compile(r"[，。；!?:、\n—]+|\.{2,}|\s-\s|\.\s")


@cache
def lexicon(language: str) -> dict[str, dict[str, Any]]:
    """The parsed file. Raises InputError where there is none."""
    path = FOLDER / f"lexicon.{language}.toml"
    if not path.is_file():
        known = sorted(entry.name.split(".")[1] for entry in FOLDER.glob("lexicon.*.toml"))
        raise InputError(
            f"there is no jobs/domain/lexicon.{language}.toml; languages here: {', '.join(known)}. "
            f"Add the file: without it the filters cannot read {language} copy."
        )
    return tomllib.loads(path.read_text(encoding="utf-8"))


def knows(language: str, section: str, name: str) -> bool:
    """The language has this list."""
    return name in lexicon(language).get(section, {})


@cache
def pattern(language: str, section: str, name: str) -> re.Pattern[str]:
    """One list as one expression; one that never matches where the language lacks it."""
    entry = lexicon(language).get(section, {}).get(name, r"(?!)")
    parts = [entry] if isinstance(entry, str) else entry
    return re.compile("|".join(f"(?:{part})" for part in parts))


@cache
def synonyms(language: str, section: str, name: str) -> dict[str, tuple[str, ...]]:
    """A table of words and what else they are called, folded."""
    table = lexicon(language).get(section, {}).get(name, {})
    return {folded(key): tuple(map(folded, words)) for key, words in table.items()}


@lru_cache(maxsize=REMEMBERED)
def folded(text: str) -> str:
    """Normalised for matching: half-width and lower case, but with Chinese commas.

    >>> folded("５％烟酰胺，YYDS；好！")
    '5%烟酰胺，yyds；好!'
    """
    return normalized(text).translate(CHINESE_MARKS)


@lru_cache(maxsize=REMEMBERED)
def compact(text: str) -> str:
    """Only letters, digits and ideographs, folded: how names are compared.

    >>> compact("《β-葡聚糖 舒缓乳》")
    'β葡聚糖舒缓乳'
    """
    return "".join(filter(str.isalnum, folded(text)))


def sentences(text: str, language: str) -> list[str]:
    """Sentences with their closing marks, blank ones left out.

    >>> sentences("少一点。“真的？”是的", "zh")
    ['少一点。', '“真的?”', '是的']
    >>> [part.strip() for part in sentences('It has 0.05% matrine. "Really?" Yes', "en")]
    ['it has 0.05% matrine.', '"really?"', 'yes']
    """
    ends = SENTENCE if language == "zh" else SENTENCE_LATIN
    return [part for part in ends.findall(folded(text)) if part.strip()]


def clauses(sentence: str) -> list[str]:
    """What stands between commas.

    >>> clauses("少一点，再少一点。")
    ['少一点', '再少一点']
    """
    return [part.strip() for part in CLAUSE_ENDS.split(sentence) if part.strip()]
