"""Is it in the brand's voice: no banned word, shouting, absolute promise, fear or pressure?"""

import re
from collections.abc import Iterator

from jobs.domain.disguise import has_word
from jobs.llm.offline.rater.finding import EXAGGERATED, WEAK, Finding, steps
from jobs.llm.offline.rater.reading import Asked
from jobs.llm.offline.rater.words import pattern

SHOUTS = 2  # exclamation marks that are too many


def banned(asked: Asked) -> Iterator[Finding]:
    """Words that the guide shown bans, plain or disguised."""
    found = [
        word for word in asked.banned if has_word(asked.line, word, asked.banned, asked.language)
    ]
    if found:
        yield Finding("banned", EXAGGERATED, steps(len(found), 3.0, 1.2, 5.5), found[0])


def shouting(asked: Asked) -> Iterator[Finding]:
    """Exclamation marks: one is a small fault."""
    count = asked.line.count("!")
    if count >= SHOUTS:
        yield Finding("shouting", EXAGGERATED, steps(count - 1, 2.0, 0.5, 3.5))
    elif count:
        yield Finding("mark", EXAGGERATED, 0.5)


def claimed(asked: Asked, name: str) -> list[str]:
    """What the text says in its own voice of a list of claims; not what it denies or doubts."""
    found = []
    for place, sentence in enumerate(asked.sentences):
        nearby = "".join(asked.sentences[max(0, place - 1) : place + 2])
        quoted = [(one.start(), one.end()) for one in re.finditer("[“「][^”」]*[”」]", sentence)]
        for match in pattern(asked.language, f"tone.{name}").finditer(sentence):
            inside = any(start < match.start() < end for start, end in quoted)
            if asked.has("tone.denied", sentence[: match.start()]):
                continue
            if asked.has("tone.doubted", nearby if inside else sentence):
                continue
            found.append(match[0])
    return found


def absolute(asked: Asked) -> Iterator[Finding]:
    """Promises without a limit."""
    found = claimed(asked, "absolute")
    if found:
        yield Finding("absolute", EXAGGERATED, steps(len(found), 2.0, 1.0, 5.0), found[0])


def fear(asked: Asked) -> Iterator[Finding]:
    """The reader is frightened."""
    found = claimed(asked, "fear")
    if found:
        yield Finding("fear", EXAGGERATED, steps(len(found), 2.5, 0.8, 4.5), found[0])


def pressure(asked: Asked) -> Iterator[Finding]:
    """The reader is pressed to buy."""
    found = claimed(asked, "pressure")
    if found:
        yield Finding("pressure", EXAGGERATED, steps(len(found), 2.0, 0.6, 3.5), found[0])


def praise(asked: Asked) -> Iterator[Finding]:
    """The text speaks of its own worth, not of the product."""
    found = pattern(asked.language, "tone.praise").search(asked.line)
    if found:
        yield Finding("praise", WEAK, 8.0, found[0][:24], most=1.5)


def injected(asked: Asked) -> Iterator[Finding]:
    """The text gives orders to whoever rates it, in any language."""
    for language in ("zh", "ko", "en"):
        found = pattern(language, "tone.injected").search(asked.line)
        if found:
            yield Finding("injected", WEAK, 9.0, found[0][:24], most=1.0)
            return


RULES = (banned, shouting, absolute, fear, pressure, praise, injected)
