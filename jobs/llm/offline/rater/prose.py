"""Is it prose? Whole sentences in the right language that say each thing once."""

import re
from collections import Counter
from collections.abc import Iterator

from jobs.domain.damage import SCRIPTS, is_garbled
from jobs.domain.disguise import segmenter
from jobs.domain.lexicon import clauses, compact, folded
from jobs.domain.markup import has_markup
from jobs.domain.naming import ingredient_names
from jobs.llm.offline.rater.finding import WEAK, Finding, steps
from jobs.llm.offline.rater.reading import Asked
from jobs.llm.offline.rater.words import NEVER, entry, pattern

GRAM = 4  # characters; words in English
USUAL = 0.05  # share of grams that come twice in sound copy, its names taken out
LONG_SENTENCE = 8  # characters of one that is not said twice
LONGEST_CLAUSE = {"zh": 42, "ko": 90, "en": 220}  # characters without a mark
# Of the clauses of sound copy, fewer than BARE are without a word such as "的" or "the", and more
# than LINKED of its characters or words are such; a list of names and effects has hardly any. Of
# 1,500 train copies the barest had 0.70, the least linked 0.10, the fullest 5.5 clauses a sentence.
BARE, LINKED, FULL = 0.65, 0.09, 5.5
IDEOGRAPHS = re.compile("[一-龥]+")
STRANGE = 3  # single characters in a row that make no word
SPARED = 4  # such characters in a text, for what a dictionary lacks
THIN = 0.15  # share of a clause's characters that stand in words, at which it makes no sense
SHORT_CLAUSE = 6  # characters of one that is not looked at so
TWICE = re.compile(
    r"(?!一(.)一\1)([가-힣一-龥]{2,8}) ?\2|([的了是在和把让与从被向对])\3|([a-z가-힣]{2,}) \4\b"
)
TWICE_EN = re.compile(r"\b(\w+) \1\b")
THRICE = re.compile(r"([一-龥]{1,3})\1\1")
OWN_SCRIPT = 0.5  # least share of its letters
NAME = "\ue000"  # stands for a name: repeating those is no fault


def language(asked: Asked) -> Iterator[Finding]:
    """Most of it is not in the language that was asked for."""
    counts = {name: len("".join(script.findall(asked.text))) for name, script in SCRIPTS.items()}
    total = sum(counts.values())
    if total and counts[asked.language] < OWN_SCRIPT * total:
        yield Finding("language", WEAK, 7.0, most=2.5)


def damaged(asked: Asked) -> Iterator[Finding]:
    """Broken characters, tags and headings."""
    if is_garbled(asked.text) or has_markup(asked.text, asked.language):
        yield Finding("garbled", WEAK, 2.5, asked.text[:16])


def cut_off(asked: Asked) -> Iterator[Finding]:
    """The last sentence has no end, or ends in a word that wants another."""
    last = asked.line.rstrip().rpartition("\n")[2]
    if not asked.has("fluency.ending", last) and not asked.has("fluency.spec_line", last):
        yield Finding("cut_off", WEAK, 2.6, last[-16:])


def repeats(asked: Asked) -> Iterator[Finding]:
    """Sentences that come again, and runs of characters that do."""
    said = Counter(compact(part) for part in asked.sentences)
    again = [part for part, times in said.items() if times > 1 and len(part) >= LONG_SENTENCE]
    plain = without_names(asked)
    share = share_repeated(plain.split() if asked.language == "en" else list(compact(plain)))
    loss = min(5.0, 2.0 * len(again) + 14.0 * max(0.0, share - USUAL))
    if loss > 0.2:
        yield Finding("repeats", WEAK, loss, again[0][:16] if again else f"{share:.0%}")


def without_names(asked: Asked) -> str:
    """The folded text with the names of product and ingredients as one character each."""
    names = [folded(str(asked.facts.get(key, ""))) for key in ("name", "category", "brand")]
    for one in asked.ingredients:
        names += [one["name"].lower(), *ingredient_names(one["name"], asked.language)]
    found = sorted(filter(None, names), key=len, reverse=True)
    return re.sub("|".join(map(re.escape, found)), NAME, asked.line) if found else asked.line


def share_repeated(parts: list[str]) -> float:
    """Of all runs of GRAM parts, how many came before.

    >>> share_repeated(list("abcdabcd"))
    0.2
    """
    runs = [tuple(parts[place : place + GRAM]) for place in range(len(parts) - GRAM + 1)]
    return (len(runs) - len(set(runs))) / len(runs) if runs else 0.0


def doubled(asked: Asked) -> Iterator[Finding]:
    """The same word twice in a row, where the language does not do that."""
    twice = TWICE_EN if asked.language == "en" else TWICE
    fine = re.compile(entry(asked.language, "fluency.double_ok"))
    plain = without_names(asked)
    found = [match[0] for match in twice.finditer(plain) if not fine.search(match[0])]
    found += [match[0] for match in THRICE.finditer(plain)]
    if found:
        yield Finding("doubled", WEAK, steps(len(found), 1.0, 0.8, 4.0), found[0])


def loose_ends(asked: Asked) -> Iterator[Finding]:
    """Clauses that begin or end in the middle of something."""
    found = []
    for sentence in asked.sentences:
        parts = clauses(sentence)
        for place, part in enumerate(parts):
            last = place == len(parts) - 1
            key = "fluency.function_tail" if last else "fluency.tail_before_comma"
            bare = part.rstrip("。.!?”’」』)\"' ")
            of_is = last and re.search("是[^，。]*的$", bare)
            if (asked.has(key, bare) and not of_is) or asked.has("fluency.bad_head", part):
                found.append(part)
    if found:
        yield Finding("dangling", WEAK, steps(len(found), 0.9, 0.7, 3.5), found[0][-16:])


def marks(asked: Asked) -> Iterator[Finding]:
    """Punctuation that nobody sets so, and quotes that are not closed."""
    found = [
        match[0]
        for line in asked.line.splitlines()
        for match in re.finditer(entry(asked.language, "fluency.marks"), line.strip())
    ]
    for opening, closing in ("“”", "「」", "《》", "()"):
        if asked.line.count(opening) != asked.line.count(closing):
            found.append(opening)
    if found:
        yield Finding("marks", WEAK, steps(len(found), 0.8, 0.6, 2.5), found[0])


def strange(asked: Asked) -> Iterator[Finding]:
    """Characters in a row that make no words: a dictionary cuts sense into words.

    Chinese alone. Salad tossed from common characters and whole words is not told.
    """
    ordinary = set(entry(asked.language, "fluency.function_characters") or "")
    if not ordinary:
        return
    lost, total, worst = 0, 0, ""
    for part in IDEOGRAPHS.findall(without_phrases(asked)):
        total += len(part)
        found = senseless(part, ordinary, asked)
        lost, worst = lost + len(found), max(worst, found, key=len)
    share = max(0, lost - SPARED) / total if total else 0.0
    if share > 0:
        yield Finding("strange", WEAK, min(5.0, 0.3 + 16.0 * share), worst[:24])


def senseless(part: str, ordinary: set[str], asked: Asked) -> str:
    """What of a clause stands in no word: its rare single characters, or all of it."""
    tokens = list(segmenter(asked.banned).cut(part, HMM=False))
    alone = "".join(one if len(one) == 1 and one not in ordinary else " " for one in tokens)
    in_words = sum(len(one) for one in tokens if len(one) > 1) / len(part)
    if len(part) >= SHORT_CLAUSE and in_words <= THIN and len(alone.replace(" ", "")) > 1:
        return part
    return "".join(run for run in alone.split() if len(run) >= STRANGE)


def without_phrases(asked: Asked) -> str:
    """The text without names, and without what the facts say in words of their own."""
    told = [str(asked.facts.get("texture", "")), *asked.facts.get("effects", ())]
    told += [
        *asked.facts.get("suited_for", ()),
        *(one.get("role", "") for one in asked.ingredients),
    ]
    parts = [part for phrase in told for part in re.split("[、，,]", folded(phrase)) if part]
    plain = without_names(asked)
    return re.sub("|".join(map(re.escape, parts)), NAME, plain) if parts else plain


def run_on(asked: Asked) -> Iterator[Finding]:
    """A clause without a pause for too long."""
    longest = max(asked.clauses, key=len, default="")
    limit = LONGEST_CLAUSE[asked.language]
    if len(longest) > limit:
        yield Finding("run_on", WEAK, min(2.5, 0.8 + (len(longest) - limit) / limit), longest[:16])


def listing(asked: Asked) -> Iterator[Finding]:
    """Names and effects in a row, without what makes sentences of them."""
    links = pattern(asked.language, "fluency.function_words")
    plain = without_names(asked).replace(NAME, " ")
    whole = len(plain.split()) if asked.language == "en" else len(compact(plain))
    parts = [part for part in asked.clauses if len(compact(part)) > 1]
    if links is NEVER or not parts:
        return
    bare = sum(not links.search(part) for part in parts) / len(parts)
    linked = len(links.findall(plain)) / max(1, whole)
    loss = min(5.0, 12.0 * max(0.0, bare - BARE) + 25.0 * max(0.0, LINKED - linked))
    if loss > 0.2:
        yield Finding("listing", WEAK, loss)


def crammed(asked: Asked) -> Iterator[Finding]:
    """Ever more clauses, and no end of a sentence."""
    each = len(asked.clauses) / max(1, len(asked.sentences))
    if each > FULL:
        yield Finding("crammed", WEAK, min(2.5, 0.3 + 0.6 * (each - FULL)))


RULES = (
    listing,
    crammed,
    language,
    damaged,
    cut_off,
    repeats,
    doubled,
    loose_ends,
    marks,
    strange,
    run_on,
)
