"""Holding back the end of a streamed text until it can no longer be part of a banned word.

What a banned word is says `has_word` of jobs/domain/disguise.py. It reads a whole text; here the
same is found while the text comes in, so that at each moment what was released is a text without
one, and a text without one is released as it is.

Two characters are held back as a rule: the last, for a mark may follow that becomes one with it,
and the one before, where it is an ideograph. More are held only while they may still be a word, or
where its six next characters say whether it is one (神器械 is none). The most is `Holdback.bound`,
256 characters for the seven words of the demo's guide. One kind of text gets there, what may be a
word's beginning and then hundreds of characters without width: it is guarded as a disguise. Visible
separators do not: after six of them, of a Latin word two, what stood before them is released.
"""

import re
import unicodedata
from dataclasses import dataclass, field
from functools import lru_cache

from jobs.domain.disguise import IDEOGRAPH, REACH, is_word, sounds_like, stands_alone
from jobs.domain.lexicon import folded
from serve.guard.endings import Watch, watches

# A character with more marks on it is cut here: the Stream-Safe Text Format's limit (UAX #15) and
# some. No letter that a word is made of takes up so many.
MARKS = 32
SENTENCE_END = re.compile(r"[，。；:!?()\n—]")  # no word of the dictionary reaches beyond


class Guarded(Exception):
    """The text has a banned word. Nothing of the word was released."""

    def __init__(self, word: str, where: int) -> None:
        super().__init__(f"the banned word {word!r} begins after {where} characters")
        self.word = word  # as the guide has it
        self.where = where  # characters of the text before it


@dataclass
class Walk:
    """How far the text was searched for one spelling: as `finditer` goes, match after match."""

    watch: Watch
    at: int = 0  # nothing undecided begins before it; an index of the folded text, as all are
    spans: list[tuple[int, int]] = field(default_factory=list)  # matches that are no banned word


class Holdback:
    """One text as it comes in; `feed` and `finish` give what may be shown, or raise Guarded."""

    def __init__(self, banned: tuple[str, ...], language: str) -> None:
        """For the banned words of a guide in its language; the first of its kind takes a second."""
        self.banned, self.language = banned, language
        self.walks = [Walk(watch) for watch in watches(banned, language)]
        longest = max((walk.watch.most for walk in self.walks), default=0)
        self.bound = 4 * (longest + 2 * REACH) + 2 * MARKS  # characters held back at most
        self.line = ""  # what was read, folded, but for `open`
        self.open = ""  # the last character: what comes next may become one with it
        self.held = ""  # what was read and not released; ends with `open`
        self.sent = 0  # characters released
        self.cuts = [(0, 0)]  # ends of characters since the last release: (in line, in the text)
        self.ended = False

    def feed(self, delta: str) -> str:
        """More of the text comes in; returns what of it all can be released now."""
        self._read(delta)
        known = self._searched(final=False)
        length, place = next(
            (cut for cut in reversed(self.cuts) if cut[0] <= known and self._is_clean(cut[0])),
            self.cuts[0],
        )
        released = self._release(length, place)
        if len(self.held) > self.bound:
            walk = min(self.walks, key=lambda walk: walk.at)
            self._guard(walk.watch.word, walk.at)
        return released

    def finish(self) -> str:
        """The text is over; returns the rest."""
        self._read("", final=True)
        self._searched(final=True)
        self.ended = True
        return self._release(*self.cuts[-1])

    def _read(self, delta: str, *, final: bool = False) -> None:
        if self.ended:
            raise ValueError("the text is over; wanted a Holdback of its own for each text.")
        self.held += delta
        place = self.cuts[-1][1]
        for character in delta:
            if self.open and (len(self.open) > MARKS or not attaches(character)):
                place = self._close(place)
            self.open += character
        if final and self.open:
            self._close(place)

    def _close(self, place: int) -> int:
        """The character that is open ends at `place` and its length; nothing can join it now."""
        self.line += folded(self.open)
        place += len(self.open)
        self.cuts.append((len(self.line), place))
        self.open = ""
        return place

    def _searched(self, *, final: bool) -> int:
        """How much of the line is decided. Raises Guarded where a banned word is."""
        first = min((walk.at for walk in self.walks), default=len(self.line))
        if any(concerns(one, self.banned, self.language) for one in self.line[first:]):
            return min(self._walked(walk, final) for walk in self.walks)
        # Nine in ten of all steps: an ideograph that could sound like one is all that can matter.
        known = len(self.line) - (re.match(f"[{IDEOGRAPH}]", self.line[-1:]) is not None)
        for walk in self.walks:
            walk.at = max(walk.at, known)
        return known

    def _walked(self, walk: Walk, final: bool) -> int:
        watch, line = walk.watch, self.line
        while True:
            match = watch.whole.search(line, walk.at)
            if not final:
                begun = watch.begun.search(line, max(walk.at, len(line) - watch.most))
                if begun and (match is None or begun.start() <= match.start()):
                    walk.at = begun.start()
                    return walk.at
            if match is None:
                walk.at = len(line)
                return walk.at
            if self._counts(watch, match):
                if not final and not is_settled(line, match):
                    walk.at = match.start()
                    return walk.at
                if stands_alone(line, match, self.banned):
                    self._guard(watch.word, match.start())
            walk.spans.append(match.span())
            walk.at = match.end()

    def _counts(self, watch: Watch, match: re.Match[str]) -> bool:
        """The match is the word or sounds like it."""
        heard = not watch.plain or sounds_like(match[0], watch.plain)
        return heard and not (watch.plain and is_word(match[0], self.banned))

    def _is_clean(self, length: int) -> bool:
        """The line up to there has no banned word, were it the whole text.

        What follows can change that: a Latin word that goes on, an ideograph that belongs to the
        next. It matters only near a match that this has made into no banned word.
        """
        goes_on = re.match("[a-z0-9]", self.line[length : length + 1]) is not None
        return not any(
            self._has_word(walk, length)
            for walk in self.walks
            if (walk.spans and walk.spans[-1][1] > length - walk.watch.most - REACH)
            or (goes_on and walk.watch.is_latin)
        )

    def _has_word(self, walk: Walk, length: int) -> bool:
        """One spelling, in the line up to there; matches that end long before were decided."""
        line, watch = self.line[:length], walk.watch
        first = max(0, length - 2 * watch.most - REACH)
        first = next((start for start, end in walk.spans if start < first < end), first)
        return any(
            self._counts(watch, match) and stands_alone(line, match, self.banned)
            for match in watch.whole.finditer(line, first)
        )

    def _release(self, length: int, place: int) -> str:
        released, self.held = self.held[: place - self.sent], self.held[place - self.sent :]
        self.sent = place
        self.cuts = [cut for cut in self.cuts if cut[1] >= place]
        for walk in self.walks:
            oldest = length - 3 * (walk.watch.most + REACH)
            if walk.spans and walk.spans[0][1] < oldest:
                walk.spans = [span for span in walk.spans if span[1] >= oldest]
        return released

    def _guard(self, word: str, start: int) -> None:
        self.ended = True
        raise Guarded(word, max(place for length, place in self.cuts if length <= start))


@lru_cache(maxsize=65536)
def concerns(character: str, banned: tuple[str, ...], language: str) -> bool:
    """Some banned word can begin with it; of one that may be misheard it is a part."""
    return any(
        character in watch.plain
        if watch.plain
        else watch.begun.search(character) or watch.whole.search(character)
        for watch in watches(banned, language)
    )


def is_settled(line: str, match: re.Match[str]) -> bool:
    """What may follow can no longer change whether the match stands alone."""
    if not re.search(f"[{IDEOGRAPH}]", match[0]):
        return True
    after = line[match.end() : match.end() + REACH]
    return len(after) == REACH or SENTENCE_END.search(after) is not None


@lru_cache(maxsize=4096)
def attaches(character: str) -> bool:
    r"""It may become one with the character before it: a mark, a vowel or an end in Hangul.

    >>> [attaches(character) for character in "\u0301ㅏ\u11a8ﾞa가器ㄱ"]
    [True, True, True, True, False, False, False, False]
    """
    if character.isascii():
        return False
    first = unicodedata.normalize("NFKD", character)[0]
    return unicodedata.category(first)[0] == "M" or "\u1160" <= first <= "\u11ff"
