"""The teacher behind the offline service: a chat-completions body in, a text out.

It reads the chat as a paid model would, and nothing else. All chance comes from a hash of its own
seed, the model's name, the messages and the body's seed (the sample's number), so that the same
body always has the same reply, as with a real service at temperature 0.
"""

import json
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jobs.domain.errors import SettingsError
from jobs.domain.text import fingerprint
from jobs.llm.offline.teacher.chat import Asked, read_chat
from jobs.llm.offline.teacher.defects import (
    near_duplicate,
    with_banned_word,
    with_false_fact,
    with_stray_tag,
)
from jobs.llm.offline.teacher.degrading import DEGRADES, degraded
from jobs.llm.offline.teacher.mending import mended
from jobs.llm.offline.teacher.proposing import as_reply, broken, propose
from jobs.llm.offline.teacher.writing import Manner, compose, is_ad

MEND_FAILURE = 0.05  # share of texts that a mending pass hands back as they came
REPEATED_PAIR = 0.08  # share of proposed pairs that were there already
BROKEN_JSON = 0.05  # share of replies with pairs that cannot be read
BAD_NEGATIVE = 0.08  # share of texts made worse that are not what was asked for
DEFECTS = ("flat", "no_call_to_action", "banned_word", "false_fact", "near_duplicate")
RATES = (*DEFECTS, "stray_tag", "mend_failure", "repeated_pair", "broken_json", "bad_negative")
TOLD_BY_PERSONS = ("social_media_review", "social_media_storytelling")


@dataclass(frozen=True)
class Written:
    """A reply and, for the test route alone, what was planted in it."""

    text: str
    planted: tuple[str, ...]  # names of defects; empty for a good text


class Teacher:
    """A seeded, rule-based writer.

    rates: for each defect the share of the drafts it can occur in that have it; of the ones in
    DEFECTS a draft has at most one. A missing rate is 0, and the constants above for others.
    Raises SettingsError for a rate that is unknown or not a share.
    """

    def __init__(self, rates: Mapping[str, float], seed: int = 0) -> None:
        refuse_bad_rates(rates)
        self.rates = dict(rates)
        self.seed = seed

    def reply(self, body: dict[str, Any]) -> Written:
        """What the model says. Raises KeyError for a body without messages."""
        asked = read_chat(body["messages"])
        sample = str(body.get("seed") or 0)
        rng = self._chance(body, sample, "text")
        if asked.task == "write":
            return self._draft(asked, body, sample)
        if asked.task == "propose":
            return self._pairs(asked, rng)
        if asked.task in DEGRADES:
            bad = rng.random() < self.rates.get("bad_negative", BAD_NEGATIVE)
            return Written(*degraded(asked, rng, bad=bad))
        if asked.task == "other":
            return Written(rng.choice(asked.book.plain["other"]), ())
        if rng.random() < self.rates.get("mend_failure", MEND_FAILURE):
            return Written(asked.text, ())
        return Written(mended(asked, rng), ())

    def _pairs(self, asked: Asked, rng: random.Random) -> Written:
        repeated = self.rates.get("repeated_pair", REPEATED_PAIR)
        pairs, planted = propose(asked.facts, asked.book.language, rng, repeated=repeated)
        text, flaws = as_reply(pairs, rng), ["repeated_pair"] * planted
        if rng.random() < self.rates.get("broken_json", BROKEN_JSON):
            return Written(broken(text, rng), (*flaws, "broken_json"))
        return Written(text, tuple(flaws))

    def _draft(self, asked: Asked, body: dict[str, Any], sample: str) -> Written:
        defect = self._defect(asked, body, sample)
        chance = self._chance(body, "0" if defect == "near_duplicate" else sample, "text")
        manner = Manner(calls=defect != "no_call_to_action", person=defect != "flat")
        text = compose(asked, chance, manner)
        flaw = self._chance(body, sample, "flaw")
        change = {
            "banned_word": with_banned_word,
            "false_fact": with_false_fact,
            "near_duplicate": near_duplicate,
        }.get(defect)
        if change:
            text = change(text, asked, flaw)
        planted = ["no_person" if defect == "flat" else defect] if defect else []
        if flaw.random() < self.rates.get("stray_tag", 0.0):
            text = with_stray_tag(text, asked, flaw)
            planted.append("stray_tag")
        return Written(text.strip(), tuple(planted))

    def _defect(self, asked: Asked, body: dict[str, Any], sample: str) -> str:
        """Which defect this draft gets, if any; each in its share of the drafts it can occur in."""
        point = self._chance(body, sample, "defect").random()
        for defect in DEFECTS:
            if self._can_occur(defect, asked, body, sample):
                point -= self.rates.get(defect, 0.0)
                if point < 0:
                    return defect
        return ""

    def _can_occur(self, defect: str, asked: Asked, body: dict[str, Any], sample: str) -> bool:
        if defect == "flat":
            return asked.content_type in TOLD_BY_PERSONS
        if defect == "no_call_to_action":
            return is_ad(asked)
        if defect == "banned_word":
            return bool(asked.banned)
        if defect == "false_fact":  # of a product that is a name and a value, nothing is false
            return any(asked.facts.get(fact) for fact in ("ingredients", "price", "size"))
        if defect == "near_duplicate":  # of the first sample, and only where that one is good
            return sample != "0" and not self._defect(asked, body, "0")
        return True

    def _chance(self, body: dict[str, Any], sample: str, use: str) -> random.Random:
        chat = json.dumps(body["messages"], ensure_ascii=False, sort_keys=True)
        name = fingerprint(str(self.seed), str(body.get("model", "")), chat, sample, use)
        return random.Random(int(name, 16))


def refuse_bad_rates(rates: Mapping[str, float]) -> None:
    """Raise SettingsError for an unknown defect, a rate outside 0..1, or a sum above 1."""
    for name, rate in rates.items():
        if name not in RATES:
            raise SettingsError(f"the teacher knows no defect {name!r}; it has {', '.join(RATES)}.")
        if not 0 <= rate <= 1:
            raise SettingsError(f"the teacher's rate of {name} is {rate}; wanted 0 to 1.")
    anywhere = sum(rates.get(name, 0.0) for name in DEFECTS[2:])
    total = anywhere + max(rates.get(name, 0.0) for name in DEFECTS[:2])  # no type has both
    if total > 1:
        raise SettingsError(
            f"the rates of {', '.join(DEFECTS)} add up to {total:.2f} for one content type; a "
            f"draft has at most one of them, so lower them to 1 or less in all."
        )
