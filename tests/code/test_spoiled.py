"""What the offline teacher makes of a copy when it is asked for a negative, and what is kept."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import pytest

from jobs.domain.brand import facts_json
from jobs.domain.coverage import facts_named
from jobs.domain.degrading import render_degrading
from jobs.domain.filters import Checked
from jobs.domain.negatives import (
    DEFECTS,
    Case,
    Limits,
    final_reason,
    rests_on_rater,
    rule_reason,
)
from jobs.domain.prompts import content_type, render_request
from jobs.domain.ratings import Check, parse_check, render_check
from jobs.domain.rows import Brief
from jobs.domain.text import char_count
from jobs.llm.offline.rater import reply as rated
from jobs.llm.offline.teacher import Teacher
from tests.code.test_degrading import GUIDES, KINDS, LANGUAGES, products

LIMITS = Limits(max_length_gap=0.3, max_similarity=0.995)
TYPES = ("paid_ad_fab", "paid_ad_pas", "social_media_educational", "social_media_review")
BAD = {"no_defect", "second_defect", "odd_length"}  # what the teacher plants in one in so many
# Stated before the checks were first measured.
LEAST_FOUND = 0.9  # of the bad negatives, dropped by rules and rater
LEAST_RIGHT = 0.8  # of the dropped ones, bad; three in ten are
LEAST_KEPT = 0.85  # of the sound ones, in every kind


@dataclass(frozen=True)
class Made:
    """A copy and a negative of it, both by the offline teacher."""

    brief: Brief
    copy: str
    kind: str
    text: str
    planted: frozenset[str]

    def case(self) -> Case:
        kind = content_type(self.brief.content_type, self.brief.language)
        facts = json.loads(self.brief.facts)
        return Case(Checked(self.text, kind, GUIDES[self.brief.language], facts), self.copy)

    def reason(self) -> str:
        """What pair would say of it: rules, then the rater."""
        case = self.case()
        by_rules = rule_reason(case, self.kind, LIMITS)
        if by_rules:
            return by_rules
        evidence, said = DEFECTS[self.kind](case).all, self.rated(self.text)
        doubtful = rests_on_rater(self.kind, evidence, said)
        of_copy = self.rated(self.copy) if doubtful else None
        return final_reason(self.kind, evidence, said, of_copy)

    def rated(self, text: str) -> Check:
        chat = render_check(self.brief, GUIDES[self.brief.language], text)
        return parse_check(rated({"messages": chat}))


@cache
def made(language: str, count: int, bad: float) -> list[Made]:
    """A negative of each kind of some copies."""
    return list(making(language, count, bad))


def making(language: str, count: int, bad: float) -> Iterator[Made]:
    guide = GUIDES[language]
    writer, spoiler = Teacher({}, seed=5), Teacher({"bad_negative": bad}, seed=8)
    for number, product in enumerate(products(language, count)):
        for name in TYPES:
            facts = facts_json(product, guide.name)
            where = f"{product.product_id}/{name}"
            brief = Brief(where, product.product_id, "train", False, "b", language, name, facts)
            request = {"messages": render_request(brief, guide), "seed": number}
            copy = writer.reply(request).text
            for kind in KINDS:
                chat = render_degrading(kind, brief, guide, copy)
                found = spoiler.reply({"messages": chat, "seed": number})
                yield Made(brief, copy, kind, found.text, frozenset(found.planted))


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_offline_teacher_makes_what_is_asked_for(language: str) -> None:
    """Held against what can be counted by hand: facts, exclamation marks, shares of change."""
    rows = made(language, 12, 0.0)
    mark = "！" if language == "zh" else "!"
    for row in rows:
        facts = json.loads(row.brief.facts)
        assert not row.planted & BAD
        assert row.text != row.copy
        if row.kind == "false":
            assert 1 <= len(row.planted) <= 2
            assert row.text.count(mark) <= row.copy.count(mark)
            assert facts["name"] in row.text or facts["name"] not in row.copy
        if row.kind == "exaggerated":
            assert facts["name"] in row.text
            assert len(row.planted) >= 1
    flaws = Counter(flaw for row in rows if row.kind == "weak" for flaw in row.planted)
    assert len(flaws) >= 12  # many ways, none of them in most texts
    assert max(flaws.values()) < 0.5 * len(rows) / 3
    told = {kind: [r for r in rows if r.kind == kind] for kind in KINDS}
    named = {
        kind: sum(facts_named(r.text, json.loads(r.brief.facts), language) for r in of_kind)
        for kind, of_kind in told.items()
    }
    assert named["weak"] < named["exaggerated"]
    for of_kind in (told["weak"], told["exaggerated"]):
        longer = sum(char_count(row.text) > char_count(row.copy) for row in of_kind)
        assert 0.2 < longer / len(of_kind) < 0.8
        near = [abs(char_count(r.text) / char_count(r.copy) - 1) < 0.3 for r in of_kind]
        assert sum(near) / len(near) > 0.9


def test_the_same_request_has_the_same_negative_and_another_seed_another() -> None:
    row = made("zh", 12, 0.0)[0]
    chat = render_degrading("weak", row.brief, GUIDES["zh"], row.copy)
    said = [Teacher({}, seed=1).reply({"messages": chat, "seed": seed}).text for seed in (1, 1, 2)]
    assert said[0] == said[1]
    assert said[0] != said[2]


@pytest.mark.parametrize("language", LANGUAGES)
def test_bad_negatives_are_found_and_sound_ones_kept(language: str) -> None:
    """Against the truth that the teacher keeps; figures are printed, bounds stand above."""
    rows = made(language, 30, 0.3)
    ends = {kind: Counter[tuple[bool, bool]]() for kind in KINDS}
    missed, wronged = Counter[str](), Counter[str]()
    for row in rows:
        is_bad, reason = bool(row.planted & BAD), row.reason()
        ends[row.kind][is_bad, bool(reason)] += 1
        if is_bad and not reason:
            missed.update(f"{row.kind}: {flaw}" for flaw in row.planted)
        if reason and not is_bad:
            wronged[f"{row.kind}: {reason}"] += 1
    total = sum(ends.values(), Counter[tuple[bool, bool]]())
    found = total[True, True] / (total[True, True] + total[True, False])
    right = total[True, True] / (total[True, True] + total[False, True])
    kept = {
        k: one[False, False] / (one[False, False] + one[False, True]) for k, one in ends.items()
    }
    shares = ", ".join(f"{kind} {share:.3f}" for kind, share in kept.items())
    print(f"{language}: found {found:.3f}, right {right:.3f}; kept {shares}")
    print(f"kept in error {dict(missed)}; dropped in error {dict(wronged)}")
    assert found >= LEAST_FOUND
    assert right >= LEAST_RIGHT
    assert min(kept.values()) >= LEAST_KEPT
