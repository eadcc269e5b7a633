"""Repeats over a whole run, against comparing every pair exactly."""

import random
from collections.abc import Sequence
from functools import cache
from typing import Any

import pyarrow as pa
import pytest
import ray

from jobs.cleaning.repeats import held_out, sighted, without_repeats
from jobs.domain.duplicates import Sighting, find_repeats
from jobs.domain.golden import golden_by_brief
from jobs.llm.offline.teacher import Teacher
from tests.code.test_teacher import TYPES, body, product

GOLDEN = golden_by_brief("yuansu")
PRODUCTS, SAMPLES, EDITS = 3, 8, 3
RATES = dict.fromkeys(("stray_tag", "flat", "no_call_to_action", "banned_word"), 0.0)


def edited(text: str, rng: random.Random) -> str:
    """The text with some characters changed, a word put in, a piece dropped or moved."""
    characters = list(text)
    how = rng.choice(["change", "insert", "drop", "move"])
    if how == "change":
        for place in rng.sample(range(len(text)), rng.randint(1, 1 + len(text) // 60)):
            characters[place] = rng.choice(text)
    start = rng.randrange(len(text) - 9)
    piece = characters[start : start + rng.randint(1, 9)]
    if how == "insert":
        characters[start:start] = rng.sample(text, rng.randint(1, 9))
    elif how in ("drop", "move"):
        characters[start : start + len(piece)] = []
    if how == "move":
        characters[:0] = piece
    return "".join(characters)


@cache
def texts(language: str) -> tuple[str, ...]:
    """Other wordings of the same facts, and edits of half of them, shuffled."""
    rng, teacher = random.Random(f"edits {language}"), Teacher(RATES, seed=5)
    written = [
        teacher.reply(body(product(number, language), kind, seed, language)).text
        for number in range(PRODUCTS)
        for kind in TYPES
        for seed in range(SAMPLES)
    ]
    planted = [edited(text, rng) for text in written[::2] for _ in range(EDITS)]
    return tuple(rng.sample([*written, *planted], len(written) + len(planted)))


def grams(text: str) -> set[str]:
    """Character 5-grams of a text without white space."""
    plain = "".join(text.split()).lower()
    return {plain[place : place + 5] for place in range(len(plain) - 4)}


@cache
def true_repeats(language: str) -> set[int]:
    """Places of texts that share 0.8 or more with an earlier one that stays; all are compared."""
    found: set[int] = set()
    everything = [grams(text) for text in texts(language)]
    for place, mine in enumerate(everything):
        for before, other in enumerate(everything[:place]):
            if before not in found and len(mine & other) >= 0.8 * len(mine | other):
                found.add(place)
                break
    return found


def table(everything: Sequence[str], first: int = 0) -> pa.Table:
    """Sound rows of as many briefs: nothing but the texts can give a repeat away."""
    names = [f"p/kind{place:05}" for place in range(first, first + len(everything))]
    return pa.table(
        {
            "draft_id": [f"{name}#m#0" for name in names],
            "brief_id": names,
            "split": ["train"] * len(names),
            "text": list(everything),
            "reason": pa.array([""] * len(names), pa.string()),
        }
    )


def sightings(rows: pa.Table) -> list[Sighting]:
    return [Sighting(**row) for row in sighted(rows).to_pylist()]


@pytest.mark.parametrize("language", ["zh", "ko", "en"])
def test_planted_near_duplicates_are_found_and_other_wordings_are_kept(language: str) -> None:
    rows, truth = table(texts(language)), true_repeats(language)
    found = find_repeats(sightings(rows))
    right = sum(rows["draft_id"][place].as_py() in found for place in truth)
    print(
        f"{language}: {rows.num_rows} texts, {len(truth)} repeat, {len(found)} found, {right} right"
    )
    assert len(truth) > 200
    assert rows.num_rows - len(truth) > 150
    assert right >= 0.95 * len(truth)
    assert right >= 0.95 * len(found)


def test_exact_near_and_held_out_have_names_of_their_own() -> None:
    text = next(text for text in texts("zh") if len(text) > 150)
    rows = table([text, text.replace("。", " 。\n"), text[:-8] + "。", "另外一段完全不同的话。"])
    found = find_repeats(sightings(rows))
    assert list(found.values()) == ["exact_duplicate", "near_duplicate"]
    reference = Sighting(**{**vars(sightings(rows)[2]), "draft_id": "x", "held_out": "golden"})
    assert list(find_repeats([*sightings(rows), reference]).values()) == ["leaks_golden"] * 3


def test_a_validation_row_stays_and_what_repeats_it_goes() -> None:
    text = texts("ko")[0]
    rows = table([text, text])
    rows = rows.set_column(2, "split", pa.array(["train", "val"]))
    assert find_repeats(sightings(rows)) == {"p/kind00000#m#0": "leaks_validation"}


def test_every_golden_text_is_held_out() -> None:
    golden = list(GOLDEN.values())
    copied = find_repeats([*held_out(GOLDEN), *sightings(table(golden))])
    assert list(copied.values()) == ["leaks_golden"] * len(golden)


def reasons(rows: list[dict[str, Any]], blocks: int) -> dict[str, str]:
    dataset = ray.data.from_items(rows, override_num_blocks=blocks).materialize()
    return {row["draft_id"]: row["reason"] for row in without_repeats(dataset, GOLDEN).take_all()}


def test_blocks_and_their_order_change_nothing(cluster: None) -> None:
    rows = table(texts("zh")).to_pylist()
    rows[3]["reason"] = "hype"
    golden = next(iter(GOLDEN.values()))
    rows.append({**table([golden], first=len(rows)).to_pylist()[0]})
    sound = [row for row in rows if not row["reason"]]
    expected = {row["draft_id"]: row["reason"] for row in rows}
    expected |= find_repeats([*held_out(GOLDEN), *sightings(pa.Table.from_pylist(sound))])
    assert reasons(rows, blocks=1) == expected
    for seed, blocks in ((1, 5), (2, 13)):
        shuffled = random.Random(seed).sample(rows, len(rows))
        assert reasons(shuffled, blocks) == expected
    assert expected["p/kind00003#m#0"] == "hype"
    assert "leaks_golden" in expected.values()


def test_nothing_sound_is_no_repeat(cluster: None) -> None:
    row = {**table(["什么都没有。"]).to_pylist()[0], "reason": "broken"}
    assert reasons([row], blocks=1) == {row["draft_id"]: "broken"}
