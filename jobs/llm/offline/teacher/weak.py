"""A weak writer's text: near the point, and poor, in one of many ways each time.

The faults are those of small models that were trained a little: names that are nearly written,
sentences that stop half-way or run into another, words that fit any product. None of them states
a fact otherwise, and none overdoes anything.
"""

import random
import re
from collections.abc import Callable, Mapping

from jobs.domain.text import char_count
from jobs.llm.offline.teacher.chat import Asked
from jobs.llm.offline.teacher.defects import sentences_of
from jobs.llm.offline.teacher.facts import category_for, ingredients, product_words
from jobs.llm.offline.teacher.writing import compose

OTHER_TYPE, VAGUE = 0.15, 0.2  # shares of texts of a wrong type, and of those that say nothing
CLAUSE = re.compile(r"(?<=[，,])")
WORD = re.compile(r"[^\W\d_]")
TRIES = 24  # sentences that are looked at to fill a text up
MASK = "\u2588"  # stands for the product's name, of which an ingredient's is often a part

Fault = Callable[[Asked, random.Random], str]


def weak(asked: Asked, rng: random.Random) -> tuple[str, tuple[str, ...]]:
    """A text with two or three faults, as long as asked for, and the names of the faults."""
    point, flaws = rng.random(), []
    if point < OTHER_TYPE:
        text, flaws = compose(asked.as_task(another_type(asked, rng)), rng), ["other_type"]
    elif point < OTHER_TYPE + VAGUE:
        text, flaws = all_vague(asked, rng), ["vague"]
    else:
        text = compose(asked, rng)
    goal = rng.randint(asked.min_chars, asked.max_chars)
    text = brought_to(text, goal, asked, rng)
    wanted = len(flaws) + rng.choice((1, 2, 2)) + (not flaws)
    for name in rng.sample(sorted(FAULTS), len(FAULTS)):
        if len(flaws) < wanted:
            changed = FAULTS[name](asked.showing(text), rng)
            flaws += [name] * (changed != text)
            text = changed
    return lengthened_to(text, goal, asked, rng).strip(), tuple(flaws)


def another_type(asked: Asked, rng: random.Random) -> str:
    """A content type of another family than the one asked for."""
    family = asked.content_type.partition("_")[0]
    names = sorted(name for name in asked.book.plans if not name.startswith((family, "flat")))
    return rng.choice(names)


def all_vague(asked: Asked, rng: random.Random) -> str:
    """Sentences that fit any product, with one of a good text among them."""
    pieces = sentences_of(compose(asked, rng), asked)
    return said_vaguely(asked, rng) + rng.choice(pieces) + said_vaguely(asked, rng)


def said_vaguely(asked: Asked, rng: random.Random) -> str:
    """One sentence that fits any product."""
    data = asked.book.degrade
    sentence = str(rng.choice(data["vague"])).replace("{it}", rng.choice(data["it"]))
    return sentence[:1].upper() + sentence[1:]


def brought_to(text: str, goal: int, asked: Asked, rng: random.Random) -> str:
    """The text with sentences left out or empty ones put in, until it is about so long."""
    pieces = sentences_of(text, asked)
    while len(pieces) > 1:
        over = sum(map(char_count, pieces)) - goal
        spare = [at for at in range(len(pieces)) if char_count(pieces[at]) <= over]
        if not spare:
            break
        pieces.pop(rng.choice(spare))
    return lengthened_to("".join(pieces), goal, asked, rng)


def lengthened_to(text: str, goal: int, asked: Asked, rng: random.Random) -> str:
    """The text with empty sentences put in until it is about so long; its end stays."""
    pieces = sentences_of(text, asked)
    for _ in range(TRIES):
        added = said_vaguely(asked, rng)
        if char_count(added) <= goal - sum(map(char_count, pieces)) and added not in pieces:
            pieces.insert(rng.randint(0, max(0, len(pieces) - 1)), added)
    return "".join(pieces)


def says_nothing(asked: Asked, rng: random.Random) -> str:
    """Two of its sentences are exchanged for empty ones."""
    pieces = sentences_of(asked.text, asked)
    for at in rng.sample(range(len(pieces)), min(2, len(pieces) - 1)):
        pieces[at] = said_vaguely(asked, rng)
    return "".join(pieces)


def repeats_a_sentence(asked: Asked, rng: random.Random) -> str:
    """A sentence comes again, in another one's place or beside itself."""
    pieces = sentences_of(asked.text, asked)
    long = [piece for piece in pieces if char_count(piece) > 10]
    if not long or len(pieces) < 2:
        return asked.text
    again, at = rng.choice(long), rng.randrange(1, len(pieces))
    if rng.random() < 0.5:
        pieces[at] = again
    else:
        pieces.insert(at, again)
    return "".join(pieces) if pieces.count(again) > 1 else asked.text


def repeats_a_clause(asked: Asked, rng: random.Random) -> str:
    """Half a sentence is said twice in a row."""
    pieces = sentences_of(asked.text, asked)
    at = rng.randrange(len(pieces))
    halves = [half for half in CLAUSE.split(pieces[at]) if half]
    long = [place for place in range(len(halves) - 1) if char_count(halves[place]) > 5]
    if not long:
        return asked.text
    place = rng.choice(long)
    halves.insert(place + 1, asked.book.grammar["space"] + halves[place].lstrip())
    pieces[at] = "".join(halves)
    return "".join(pieces)


def breaks_off(asked: Asked, rng: random.Random) -> str:
    """A sentence stops half-way, and the next one begins as if nothing were missing."""
    pieces = sentences_of(asked.text, asked)
    plain = [at for at in range(len(pieces) - 1) if is_plain(pieces[at])]
    if not plain:
        return asked.text
    at = rng.choice(plain)
    pieces[at] = half_of(pieces[at], rng)
    return "".join(pieces)


def runs_on(asked: Asked, rng: random.Random) -> str:
    """The first half of one sentence goes on as the second half of another."""
    pieces = sentences_of(asked.text, asked)
    plain = [at for at in range(len(pieces)) if is_plain(pieces[at])]
    if len(plain) < 2:
        return asked.text
    first, second = sorted(rng.sample(plain, 2))
    tail = pieces[second][len(pieces[second]) // 2 :]
    pieces[first] = half_of(pieces[first], rng) + tail.lstrip()
    del pieces[second]
    return "".join(pieces)


def is_plain(sentence: str) -> bool:
    """Long enough to be cut, and without a number, which might stand beside a wrong word then."""
    return char_count(sentence) > 12 and not re.search(r"[\d%]", sentence)


def half_of(sentence: str, rng: random.Random) -> str:
    """The beginning of a sentence, without an end."""
    return sentence[: round(len(sentence) * rng.uniform(0.35, 0.7))].rstrip("，,、；; ")


def cut_off(asked: Asked, rng: random.Random) -> str:
    """The text ends in mid-sentence."""
    text = asked.text.rstrip()
    last = sentences_of(text, asked)[-1]
    left = text[: len(text) - max(4, round(len(last) * rng.uniform(0.3, 0.7)))].rstrip(
        "，,、；;。. "
    )
    return left or asked.text


def joins_all(asked: Asked, rng: random.Random) -> str:
    """Sentences are strung together, where each wanted an end of its own."""
    stop, joints = asked.book.grammar["stop"].strip(), asked.book.degrade["joints"]
    pieces = sentences_of(asked.text, asked)
    ends = rng.sample(range(len(pieces) - 1), min(3, len(pieces) - 1)) if len(pieces) > 2 else []
    for at in ends:
        pieces[at] = pieces[at].rstrip().removesuffix(stop) + rng.choice(joints)
    return "".join(pieces)


def shuffled(asked: Asked, rng: random.Random) -> str:
    """The parts come in another order: the end, say, before the beginning."""
    pieces = sentences_of(asked.text, asked)
    if len(pieces) < 3:
        return asked.text
    turn = rng.randrange(1, len(pieces) - 1)
    mixed = [*pieces[turn:], *pieces[:turn]] if rng.random() < 0.5 else pieces[::-1]
    space = asked.book.grammar["space"]
    return "".join(part if part[-1:].isspace() else part + space for part in mixed)


def without_name(asked: Asked, rng: random.Random) -> str:
    """The product is called "this product" all through."""
    name = str(asked.facts.get("name", ""))
    return asked.text.replace(name, rng.choice(asked.book.degrade["it"])) if name else asked.text


def with_garbled_name(asked: Asked, rng: random.Random) -> str:
    """The product's name is wrong by a letter or two."""
    name = str(asked.facts.get("name", ""))
    return asked.text.replace(name, garbled(name, rng)) if name else asked.text


def with_garbled_ingredient(asked: Asked, rng: random.Random) -> str:
    """An ingredient's name is wrong by a letter or two."""
    shown = [name for name in masked_names(asked) if name in masked(asked)]
    if not shown:
        return asked.text
    name = rng.choice(shown)
    return unmasked(masked(asked).replace(name, garbled(name, rng)), asked)


def without_hero(asked: Asked, rng: random.Random) -> str:
    """The main ingredient is "an ingredient"."""
    names, text = masked_names(asked), masked(asked)
    if not names or names[0] not in text:
        return asked.text
    dose = product_words(asked, category_for(asked.facts, asked.book), random.Random(0))["dose"]
    vague = rng.choice(asked.book.degrade["hero"])
    return unmasked(text.replace(dose, vague).replace(names[0], vague), asked)


def slips(asked: Asked, rng: random.Random) -> str:
    """Letters are missing, doubled or exchanged, here and there, never in a number."""
    letters = list(masked(asked))
    places = [at for at in range(1, len(letters) - 1) if is_inner(letters, at)]
    for at in rng.sample(places, min(len(places), 2 + len(letters) // 60)):
        way = rng.randrange(3)
        if way == 0:
            letters[at] = ""
        elif way == 1:
            letters[at] *= 2
        else:
            letters[at], letters[at - 1] = letters[at - 1], letters[at]
    return unmasked("".join(letters), asked)


def is_inner(letters: list[str], at: int) -> bool:
    """A letter between letters."""
    return all(WORD.fullmatch(letter) for letter in letters[at - 1 : at + 2])


def garbled(name: str, rng: random.Random) -> str:
    """A name in which a letter is missing, doubled, exchanged with the next, or another one."""
    letters, inner = list(name), range(1, max(2, len(name) - 1))
    for _ in range(1 + (len(name) > 5 and rng.random() < 0.5)):
        at = rng.choice(inner)
        way = rng.randrange(4)
        if way == 0 and len(name) > 3:
            letters[at] = ""
        elif way == 1:
            letters[at] *= 2
        elif way == 2 and at + 1 < len(letters):
            letters[at], letters[at + 1] = letters[at + 1], letters[at]
        else:
            letters[at] = rng.choice(name.replace(" ", "") or name)
    found = "".join(letters)
    return found if found != name else name[:-1] + name[:1]


def masked(asked: Asked) -> str:
    """The text with a sign in the place of the product's name."""
    name = str(asked.facts.get("name", ""))
    return asked.text.replace(name, MASK) if name else asked.text


def unmasked(text: str, asked: Asked) -> str:
    """The text with the product's name again."""
    return text.replace(MASK, str(asked.facts.get("name", "")))


def masked_names(asked: Asked) -> list[str]:
    """The ingredients' names; the first is the hero."""
    return [str(entry["name"]) for entry in ingredients(asked.facts)]


FAULTS: Mapping[str, Fault] = {
    "says_nothing": says_nothing,
    "repeats_a_sentence": repeats_a_sentence,
    "repeats_a_clause": repeats_a_clause,
    "breaks_off": breaks_off,
    "runs_on": runs_on,
    "cut_off": cut_off,
    "joins_all": joins_all,
    "shuffled": shuffled,
    "without_name": without_name,
    "with_garbled_name": with_garbled_name,
    "with_garbled_ingredient": with_garbled_ingredient,
    "without_hero": without_hero,
    "slips": slips,
}
