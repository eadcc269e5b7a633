"""Proposed pairs: what is taken, what a round asks for, and the stand-in that answers."""

import json
import random
from collections import Counter
from typing import Any

import pytest

from jobs.brief import BriefSettings, split_of
from jobs.domain.brand import Guide, Product
from jobs.domain.errors import RowError
from jobs.domain.prompts import render_proposing
from jobs.domain.proposals import (
    Gathered,
    Proposed,
    Wanted,
    coverage,
    focus,
    read_pairs,
    request_facts,
)
from jobs.llm.offline.teacher import Teacher
from jobs.llm.offline.teacher.proposing import load_ideas
from jobs.propose import Harvest, Propose, sort_reply, why_ended

FREE = Wanted((), (), ("대박",), max_chars=12)
KEPT_TO = Wanted(("수업", "여행"), ("문화", "추억"), (), max_chars=30)


def pair(product: Any, value: Any = "문화", category: Any = "수업") -> dict[str, Any]:
    return {"product": product, "value": value, "category": category}


@pytest.mark.parametrize(
    "reply",
    [
        '{"pairs": [{"product": "a"}]}',
        '[{"product": "a"}]',
        '```json\n{"pairs": [{"product": "a"}]}\n```',
        '\n```\n[{"product": "a"}]\n```\n',
    ],
)
def test_replies_that_can_be_read(reply: str) -> None:
    assert read_pairs(reply) == [{"product": "a"}]


@pytest.mark.parametrize(
    "reply", ["", "네, 제안합니다.", '{"pairs": [{"product": "a"}', '{"pairs": "a"}', "7", "{}"]
)
def test_replies_that_cannot_be_read_are_not_guessed_at(reply: str) -> None:
    with pytest.raises(RowError):
        read_pairs(reply)


@pytest.mark.parametrize(
    ("entry", "wanted", "reason"),
    [
        ("역사 수업", FREE, "bad_entry"),
        ({"product": "역사 수업"}, FREE, "no_category"),
        (pair(" "), FREE, "no_product"),
        (pair(7), FREE, "no_product"),
        (pair("컵", ""), FREE, "no_value"),
        (pair("컵", []), FREE, "no_value"),
        (pair("컵", [1, 2]), FREE, "no_value"),
        (pair("아주 길고 긴 이름을 가진 컵"), FREE, "too_long"),
        (pair("컵", "아주 길고 길어서 쓸 수 없는 가치"), FREE, "too_long"),
        (pair("대 박 컵"), FREE, "banned_word"),
        (pair("컵", "문화", "음식"), KEPT_TO, "unknown_category"),
        (pair("컵", "문화, 자유"), KEPT_TO, "unknown_value"),
        (pair("컵", "추억·문화"), KEPT_TO, ""),
        (pair("컵", ["추억", "문화"]), KEPT_TO, ""),
    ],
)
def test_an_entry_is_taken_or_has_a_reason(entry: Any, wanted: Wanted, reason: str) -> None:
    assert Gathered(wanted).add(entry) == reason


def test_what_was_proposed_before_is_known_however_it_is_written() -> None:
    gathered = Gathered(FREE)
    said = [
        pair("한옥 체험 수업", "문화, 추억"),
        pair("한옥체험수업!", "추억, 문화"),
        pair("전통 한옥 체험 수업", "문화, 추억"),
        pair("한복 체험 수업", "문화, 추억"),
        pair("한옥 체험 수업", "추억"),
    ]
    assert list(map(gathered.add, said)) == ["", "repeated", "near_duplicate", "", ""]
    assert len(gathered.kept) == 3


def test_a_round_asks_for_what_there_is_least_of() -> None:
    pairs = [Proposed(f"a{n}", "수업", ("문화",)) for n in range(3)]
    pairs.append(Proposed("b", "여행", ("추억",)))
    chance = random.Random(0)
    assert focus(pairs, KEPT_TO, 0, chance) == ("여행", ["문화"])
    assert focus(pairs, KEPT_TO, 1, chance) == ("수업", ["추억"])
    assert focus(pairs, FREE, 0, chance) == ("", [])
    facts = request_facts(pairs, ("수업", ["추억"]), count=5, shown=2)
    assert facts == {
        "pairs_wanted": 5,
        "category": "수업",
        "values": ["추억"],
        "already": {
            "counts": {"수업": {"문화": 3}, "여행": {"추억": 1}},
            "latest": ["a1 / 문화", "a2 / 문화"],
        },
    }
    assert coverage(pairs) == {("수업", "문화"): 3, ("여행", "추억"): 1}


def reply(name: str, text: str = "", error: str = "") -> dict[str, Any]:
    return {
        "request": name, "step": "propose", "reply": text, "reply_key": f"key of {name}",
        "error": error, "message": "",
    }  # fmt: skip


def test_replies_become_proposals_refusals_and_failures() -> None:
    harvest = Harvest(Gathered(FREE), "m")
    texts = [json.dumps({"pairs": [pair("컵"), pair("컵 "), pair("병"), pair("솥")]}), "{"]
    sort_reply(reply("r1/0", texts[0]), harvest, target=2)
    sort_reply(reply("r1/1", texts[1]), harvest, target=2)
    sort_reply(reply("r1/2", error="timeout"), harvest, target=2)
    assert [(row.product, row.journal_key) for row in harvest.proposals] == [
        ("컵", "key of r1/0"),
        ("병", "key of r1/0"),
    ]
    assert [row.reason for row in harvest.refused] == ["repeated", "over_target"]
    assert [(row.row_id, row.error) for row in harvest.failed] == [
        ("r1/1", "unreadable_reply"),
        ("r1/2", "timeout"),
    ]


@pytest.mark.parametrize(
    ("count", "new", "received", "ended"),
    [
        (4, 4, 4, "at the target"),
        (3, 1, 10, ""),
        (3, 1, 11, "too little new"),
        (0, 0, 0, "too little new"),
    ],
)
def test_what_ends_the_rounds(count: int, new: int, received: int, ended: str) -> None:
    settings, harvest = Propose(target=4, least_new=0.1), Harvest(Gathered(FREE), "m")
    for number in range(count):
        text = json.dumps([pair(f"컵{number}{number}{number}")])
        sort_reply(reply("r1/0", text), harvest, target=9)
    assert why_ended(settings, harvest, new=new, received=received) == ended


def test_all_values_of_a_product_share_its_split() -> None:
    settings = BriefSettings(content_types=("value_line",), dev_share=0.3, val_share=0.3)
    for number in range(40):
        name = f"{number}번 수업"
        rows = [Product(f"pv-{value}{number}", name, "수업", value=value) for value in "가나다"]
        assert len({split_of(row, settings) for row in rows}) == 1


GUIDES = {
    language: Guide(name, language, "c", "p", "p", ("r",), (), ())
    for language, name in (("zh", "结舍"), ("ko", "결담"), ("en", "Kiln"))
}


def proposed(teacher: Teacher, language: str, seed: int, **facts: Any) -> str:
    request = {"pairs_wanted": 10, "category": "", "values": [], "already": {}, **facts}
    chat = render_proposing("pairs", GUIDES[language], request)
    return teacher.reply({"model": "offline", "messages": chat, "seed": seed}).text


@pytest.mark.parametrize("language", GUIDES)
def test_the_stand_in_proposes_varied_pairs(language: str) -> None:
    teacher = Teacher({"repeated_pair": 0.0, "broken_json": 0.0})
    gathered = Gathered(Wanted((), (), (), max_chars=60))
    for seed in range(5):
        pairs = read_pairs(proposed(teacher, language, seed))
        assert len(pairs) == 10
        for entry in pairs:
            gathered.add(entry)
    assert len(gathered.kept) >= 42
    assert len({one.category for one in gathered.kept}) >= 5
    assert len({one.values for one in gathered.kept}) >= 8
    assert proposed(teacher, language, 0) == proposed(teacher, language, 0)


def test_the_stand_in_keeps_to_a_request() -> None:
    teacher = Teacher({"repeated_pair": 0.0, "broken_json": 0.0})
    for category in ("여행", "우주 정거장"):
        text = proposed(teacher, "ko", 1, category=category, values=["용기"], pairs_wanted=4)
        pairs = read_pairs(text)
        assert {(one["category"], one["value"]) for one in pairs} == {(category, "용기")}
        assert len(pairs) == 4


def test_repeats_and_broken_json_come_at_their_rates() -> None:
    names = [name for names in load_ideas("ko").products.values() for name in names]
    known = [f"{name} / 문화" for name in names[:40]]
    teacher = Teacher({"repeated_pair": 0.2, "broken_json": 0.3})
    counts = Counter[str]()
    for seed in range(100):
        try:
            pairs = read_pairs(proposed(teacher, "ko", seed, already={"latest": known}))
        except RowError:
            counts["broken"] += 1
            continue
        gathered = Gathered(Wanted((), (), (), max_chars=60))
        for line in known:
            product, value = line.split(" / ")
            gathered.add(pair(product, value))
        counts["repeated"] += sum(gathered.add(one) == "repeated" for one in pairs)
        counts["pairs"] += len(pairs)
    assert 0.2 < counts["broken"] / 100 < 0.4
    assert 0.14 < counts["repeated"] / counts["pairs"] < 0.26
