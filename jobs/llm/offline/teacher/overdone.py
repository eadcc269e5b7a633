"""A text made to shout: banned words, rows of exclamation marks, absolute promises, fear."""

import random
from collections.abc import Callable
from dataclasses import replace

from jobs.domain.text import char_count, normalized
from jobs.llm.offline.teacher.chat import Asked
from jobs.llm.offline.teacher.defects import sentences_of
from jobs.llm.offline.teacher.writing import is_ad

LONGEST = 1.1  # of the window's upper end: then nothing more is put in

Way = Callable[[Asked, random.Random], str]


def overdone(asked: Asked, rng: random.Random) -> tuple[str, tuple[str, ...]]:
    """The text with two or three exaggerations and all its facts, and their names."""
    goal, flaws = rng.randint(asked.min_chars, asked.max_chars), list[str]()
    longest, asked = LONGEST * asked.max_chars, replace(asked, max_chars=goal)
    ways: dict[str, Way] = {
        "promise": with_promise,
        "fear": with_fear,
        "shout": with_shouts,
        "stronger": with_stronger_words,
    }
    if asked.banned:
        ways["banned_word"] = with_banned
    text, wanted = asked.text, rng.choice((2, 3))
    for name in rng.sample(sorted(ways), len(ways)):
        if len(flaws) < wanted:
            changed = ways[name](asked.showing(text), rng)
            if changed != text and (not flaws or char_count(changed) <= longest):
                text, flaws = changed, [*flaws, name]
    if not {"promise", "fear", "banned_word"} & set(flaws):
        text, flaws = with_promise(asked.showing(text), rng), [*flaws, "promise"]
    return shortened_to(text, goal, asked, rng).strip(), tuple(flaws)


def with_hype(asked: Asked, rng: random.Random) -> str:
    """The text with one sentence that promises too much, or frightens."""
    return rng.choice((with_promise, with_fear))(asked, rng)


def with_promise(asked: Asked, rng: random.Random) -> str:
    """A sentence more, with an absolute promise."""
    return inserted(asked, rng.choice(asked.book.degrade["promises"]), rng)


def with_fear(asked: Asked, rng: random.Random) -> str:
    """A sentence more, that frightens."""
    return inserted(asked, rng.choice(asked.book.degrade["fears"]), rng)


def with_banned(asked: Asked, rng: random.Random) -> str:
    """A sentence more, around a word that the guide bans."""
    word, data = rng.choice(asked.banned), asked.book.defects
    forms = data["banned_sentences"].get(word.lower(), data["banned_any"])
    return inserted(asked, rng.choice(forms).replace("{word}", word), rng)


def with_shouts(asked: Asked, rng: random.Random) -> str:
    """Some sentences end in rows of exclamation marks."""
    pieces, stop = sentences_of(asked.text, asked), asked.book.grammar["stop"]
    for at in rng.sample(range(len(pieces)), min(2, len(pieces))):
        body = pieces[at].rstrip()
        space = pieces[at][len(body) :]
        if body.endswith(stop.strip()):
            pieces[at] = body.removesuffix(stop.strip()) + rng.choice(asked.book.degrade["shouts"])
            pieces[at] += space
    return "".join(pieces)


def with_stronger_words(asked: Asked, rng: random.Random) -> str:
    """Modest words exchanged for ones that know no measure; not within the facts."""
    facts, text, left = normalized(str(asked.facts)), asked.text, rng.randint(1, 3)
    pairs = asked.book.degrade["stronger"]
    for modest, strong in rng.sample(pairs, len(pairs)):
        if left and modest in text and normalized(modest) not in facts:
            text, left = text.replace(modest, strong, 1), left - 1
    return text


def inserted(asked: Asked, sentence: str, rng: random.Random) -> str:
    """The text with the sentence in it, or in the place of plain words: as is nearer its length."""
    pieces = sentences_of(asked.text, asked)
    over = sum(map(char_count, pieces)) + char_count(sentence) - asked.max_chars
    places = {at: pieces[at] for at in spare_places(pieces, asked)}
    places |= {at: tail for at, tail in spare_tails(pieces, asked).items() if at not in places}
    best = min(places, key=lambda at: abs(over - char_count(places[at])), default=-1)
    if best >= 0 and abs(over - char_count(places[best])) < abs(over):
        pieces[best] = pieces[best].removesuffix(places[best]) + sentence
        return "".join(pieces)
    at = rng.randrange(max(1, len(pieces) + (not is_ad(asked))))  # an ad ends with its call
    if at and pieces[at - 1][-1:].strip() and sentence.endswith(" "):
        pieces[at - 1] += " "
    pieces.insert(at, sentence)
    return "".join(pieces)


def spare_tails(pieces: list[str], asked: Asked) -> dict[int, str]:
    """Of sentences before the last, what stands behind the last comma and states no fact.

    Only where a language sets clauses side by side without a word between them.
    """
    comma, found = str(asked.book.grammar.get("comma", "")), {}
    if not comma:
        return {}
    facts = str(asked.facts)
    for at, piece in enumerate(pieces[:-1]):
        head, _, tail = piece.rpartition(comma)
        pairs = (tail[place : place + 3] for place in range(max(1, len(tail) - 3)))
        if head and not any(sign.isdigit() for sign in tail) and not any(p in facts for p in pairs):
            found[at] = tail
    return found


def spare_places(pieces: list[str], asked: Asked) -> list[int]:
    """Sentences between the first and the last that name neither product nor ingredient."""
    names = [
        asked.facts.get("name"),
        *(e.get("name") for e in asked.facts.get("ingredients") or ()),
    ]
    known = [normalized(str(name)) for name in names if name]
    return [
        at
        for at in range(1, len(pieces) - 1)
        if not any(name in normalized(pieces[at]) for name in known)
        and not any(sign.isdigit() for sign in pieces[at])
    ]


def shortened_to(text: str, goal: int, asked: Asked, rng: random.Random) -> str:
    """The text without some plain words of its own, as near to that length as these bring it."""
    pieces, stop = sentences_of(text, asked), str(asked.book.grammar["stop"])
    while True:
        over = sum(map(char_count, pieces)) - goal
        places = {at: pieces[at] for at in spare_places(pieces, asked)}
        places |= {at: tail for at, tail in spare_tails(pieces, asked).items() if at not in places}
        spare = [
            at
            for at, plain in places.items()
            if plain in asked.text and char_count(plain) < 2 * over and plain.endswith(stop)
        ]
        if not spare:
            return "".join(pieces)
        at = rng.choice(spare)
        left = pieces[at].removesuffix(places[at]).rstrip(asked.book.grammar.get("comma", ""))
        pieces[at] = left + stop if left else ""
        pieces = [piece for piece in pieces if piece]
