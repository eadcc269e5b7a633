"""Pairs: lengths that tell nothing, and degrade and pair over the offline servers."""

import asyncio
import json
import random
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from jobs.domain.balance import BIN, Lengths, best_threshold, clue, clues, surplus
from jobs.domain.brand import brand_folder, facts_json, load_guide
from jobs.domain.catalog import read_products
from jobs.domain.errors import InputError, StageError
from jobs.domain.prompts import render_brief, render_request
from jobs.domain.rows import Brief, Copy, Dropped, Failed, Negative, Pair
from jobs.domain.text import char_count
from jobs.llm.offline.teacher import Teacher
from jobs.pair import refuse_clue
from jobs.runtime.command import discover, load, stages_of
from jobs.runtime.pairs import pairs
from jobs.runtime.stage import Stage
from jobs.runtime.tables import read_rows, write_rows
from tests.wire.steps import completion, playing, says

TYPES = ("paid_ad_bab", "paid_ad_fab", "social_media_educational")
OWN = Pair(
    "zz", "", "train", "zh", '[{"role":"user","content":"?"}]', "好", "坏", "own", "a:1", "CC0"
)


def skewed(count: int, seed: int = 0) -> list[Lengths]:
    """Pairs whose worse text is mostly the shorter one, differently in each kind."""
    rng, found = random.Random(seed), []
    for number in range(count):
        kind, chosen = rng.choice(["weak", "false"]), rng.randint(60, 400)
        drift = rng.gauss(-0.1 if kind == "weak" else 0.06, 0.1)
        found.append(Lengths(f"n{number}", kind, chosen, max(1, round(chosen * (1 + drift)))))
    return found


def test_balancing_leaves_as_many_longer_as_shorter_of_each_kind_and_size() -> None:
    every = skewed(2000)
    gone = surplus(every, seed=0)
    left = [pair for pair in every if pair.name not in gone]
    assert len(left) > 600
    for kind in ("weak", "false"):
        for size in range(20):
            for low in (32, 64, 128, 256):
                longer = [
                    pair.rejected > pair.chosen
                    for pair in left
                    if pair.kind == kind
                    and pair.rejected != pair.chosen
                    and low <= pair.chosen < 2 * low
                    and size * BIN
                    <= abs(pair.rejected - pair.chosen) / pair.chosen
                    < (size + 1) * BIN
                ]
                assert longer.count(True) == longer.count(False), (kind, size, low)
    even = {pair.name for pair in every if pair.rejected == pair.chosen}
    assert even
    assert not even & gone
    assert surplus(every[::-1], seed=0) == gone
    assert surplus(every, seed=1) != gone
    assert surplus(left, seed=0) == set()


def test_a_classifier_finds_the_skew_and_nothing_after_it_is_gone() -> None:
    every = skewed(2000)
    gone = surplus(every, seed=0)
    before, after = clues(every), clues([one for one in every if one.name not in gone])
    assert before["weak"]["accuracy"] > 0.75
    assert before["false"]["accuracy"] > 0.65
    assert max(told["accuracy"] for told in after.values()) < 0.55
    assert before["weak"]["mean_gap"] == pytest.approx(-0.1, abs=0.01)
    assert abs(after["weak"]["mean_gap"]) < 0.01
    assert before["all"]["pairs"] == 2000
    assert clues(every[::-1]) == before


def test_short_texts_that_grow_do_not_make_up_for_long_ones_that_shrink() -> None:
    """As many longer as shorter, by equal shares of their length; a threshold tells them all."""
    every = [Lengths(f"s{n}", "weak", 60, 66) for n in range(300)]
    every += [Lengths(f"l{n}", "weak", 500, 450) for n in range(300)]
    assert clue(every)["by_difference"] > 0.7
    assert len(surplus(every, seed=0)) == 600


def test_the_length_of_one_text_alone_can_tell_too() -> None:
    """No difference is larger than another, yet worse texts have one length of two."""
    told = clue([Lengths(f"n{n}", "weak", 100 if n % 2 else 102, 101) for n in range(400)])
    assert told["by_difference"] < 0.6
    told = clue([Lengths(f"n{n}", "weak", 100, 130) for n in range(400)])
    assert told["by_length"] == 1.0
    assert clue([])["accuracy"] == 0.5
    assert clue([Lengths("one", "weak", 1, 2)])["accuracy"] == 0.5


def test_the_best_threshold_is_the_one_that_trying_all_finds() -> None:
    rng = random.Random(2)
    for _ in range(200):
        points = [(rng.randint(0, 6), rng.random() < 0.5) for _ in range(rng.randint(1, 12))]

        def right(rule: tuple[float, bool], points: list[tuple[int, bool]] = points) -> int:
            return sum(((seen > rule[0]) == rule[1]) == truth for seen, truth in points)

        every = [(edge, above) for edge in range(-1, 7) for above in (True, False)]
        assert right(best_threshold(points)) == max(map(right, every))


def stages(
    folder: Path, jobs: tuple[str, ...] = ("clean", "degrade", "pair"), more: str = ""
) -> dict[str, Stage]:
    config = folder / "a.toml"
    listed = ", ".join(f'{{ job = "{job}" }}' for job in jobs)
    config.write_text(
        f'run = "r"\nbrand = "yuansu"\nstorage = "{folder}"\nstages = [{listed}]\n{more}',
        encoding="utf-8",
    )
    known = discover()
    return {stage.job.name: stage for stage in stages_of(load([str(config)], known), known)}


def copies(count: int) -> list[Copy]:
    """Copies by the offline teacher; the last product's are validation's, and must stay there."""
    guide, writer = load_guide("yuansu"), Teacher({}, seed=5)
    every = read_products(brand_folder("yuansu") / "products.jsonl", "zh")
    found = []
    for number, product in enumerate(list(every)[: count + 1]):
        split = "val" if number == count else "dev" if number == 0 else "train"
        for name in TYPES:
            where, facts = f"{product.product_id}/{name}", facts_json(product, guide.name)
            brief = Brief(where, product.product_id, split, False, "yuansu", "zh", name, facts)
            text = writer.reply({"messages": render_request(brief, guide)}).text
            found.append(Copy(**vars(brief), draft_id=f"{where}#m#0", text=text, passes="",
                              journal_key=""))  # fmt: skip
    return found


def made(folder: Path, count: int, more: str = "") -> dict[str, Stage]:
    """Copies written, degrade run."""
    found = stages(folder, more=more)
    write_rows(copies(count), Copy, found["clean"].folder)
    counts = found["degrade"].job.main(found["degrade"])
    counts.check("degrade")
    assert counts.failed == 0
    return found


def test_from_copies_to_pairs(cluster: None, tmp_path: Path) -> None:
    found = made(tmp_path, 6, more="[degrade]\nnegatives = 3\n")
    wanted = {copy.draft_id: copy for copy in copies(6) if copy.split != "val"}
    negatives = {row.negative_id: row for row in read_rows(Negative, found["degrade"].folder)}
    kinds = ("weak", "exaggerated", "false")
    assert set(negatives) == {f"{name}!{kind}" for name in wanted for kind in kinds}
    assert {row.split for row in negatives.values()} == {"train", "dev"}
    assert {row.model for row in negatives.values()} == {"offline"}

    counts = found["pair"].job.main(found["pair"])
    counts.check("pair")
    assert counts.expected == len(negatives)
    rows, dropped = (read_rows(table, found["pair"].folder) for table in (Pair, Dropped))
    assert len(rows) + len(dropped) == len(negatives)
    assert len({row.pair_id for row in rows}) == len(rows) > 10
    guide = load_guide("yuansu")
    by_text = {(row.text, row.kind): row for row in negatives.values()}
    for row in rows:
        negative = by_text[row.rejected, row.kind]
        copy = wanted[negative.draft_id]
        brief = Brief(**{key: vars(copy)[key] for key in Brief.__dataclass_fields__})
        assert (row.chosen, row.split, row.brief_id) == (copy.text, copy.split, copy.brief_id)
        assert json.loads(row.prompt) == render_brief(brief, guide)
        assert abs(char_count(row.rejected) / char_count(row.chosen) - 1) <= 0.3
    for lost in dropped:
        assert lost.text == negatives[lost.draft_id].text
        assert lost.reason
    figures = found["pair"].folder.read_json("pairs.json")
    assert figures["kinds"] == Counter(row.kind for row in rows)
    assert Counter(
        {(kind, why): n for kind, one in figures["reasons"].items() for why, n in one.items()}
    ) == Counter((row.draft_id.rpartition("!")[2], row.reason) for row in dropped)
    assert figures["lengths"]["all"]["pairs"] == len(rows)
    assert {name: told["pairs"] for name, told in figures["words"].items()} == {
        "all": len(rows),
        **figures["kinds"],
    }
    longer = Counter(char_count(row.rejected) - char_count(row.chosen) > 0 for row in rows
                     if char_count(row.rejected) != char_count(row.chosen))  # fmt: skip
    assert longer[True] == longer[False]
    [paid] = counts.notes["paid"]
    asked = len(negatives) - sum(
        row.reason in ("length_gap", "too_alike", "unusable", "too_many_false")
        or row.reason.startswith("also_")
        for row in dropped
    )
    assert asked <= paid["calls"] < 2 * asked


def test_without_a_rater_rules_alone_decide(cluster: None, tmp_path: Path) -> None:
    found = made(tmp_path, 3, more="[degrade]\nkinds = ['false']\n[pair]\nask = false\n")
    assert {row.kind for row in read_rows(Negative, found["degrade"].folder)} == {"false"}
    counts = found["pair"].job.main(found["pair"])
    counts.check("pair")
    assert counts.notes["paid"] == []
    reasons = Counter(row.reason for row in read_rows(Dropped, found["pair"].folder))
    assert not [reason for reason in reasons if reason.startswith("rater_")]


async def test_a_rater_that_cannot_be_read_makes_failed_rows_and_no_pair(
    cluster: None, tmp_path: Path
) -> None:
    found = await asyncio.to_thread(made, tmp_path, 3)
    async with playing() as server:
        server.steps = [says(completion("it seems fine to me"))]
        rater = f'[rater]\nbase_url = "{server.url}"\nmodel = "m"\n'
        pair = stages(tmp_path, more=rater)["pair"]
        counts = await asyncio.to_thread(pair.job.main, pair)
    counts.check("pair")
    failed = read_rows(Failed, pair.folder)
    assert counts.out == 0
    assert counts.failed == len(failed) > 0
    assert {row.error for row in failed} == {"wrong_shape"}
    names = {row.negative_id for row in read_rows(Negative, found["degrade"].folder)}
    assert {row.row_id for row in failed} <= names


def test_negatives_whose_copies_are_gone_are_refused(cluster: None, tmp_path: Path) -> None:
    found = made(tmp_path, 2)
    write_rows(copies(2)[:1], Copy, found["clean"].folder)
    with pytest.raises(Exception, match="have no copy.*Run degrade again"):
        found["pair"].job.main(found["pair"])


def test_without_copies_there_is_nothing_to_degrade(tmp_path: Path) -> None:
    found = stages(tmp_path)
    write_rows([], Copy, found["clean"].folder)
    with pytest.raises(InputError, match="needs copies"):
        found["degrade"].job.main(found["degrade"])


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("[degrade]\nnegatives = 4\n", "wants 4 negatives"),
        ('[degrade]\nkinds = ["weak", "weak"]\n', "Name each once"),
        ('[degrade]\nkinds = ["dull"]\n', "prompts/degrade/dull.zh.md"),
        (
            '[teacher]\nbase_url = "http://x"\nmodel = "m"\napi_key_env = "NO_SUCH_KEY"\n',
            "NO_SUCH_KEY",
        ),
    ],
)
def test_degrade_is_refused_before_anything_is_paid(
    tmp_path: Path, more: str, message: str
) -> None:
    stage = stages(tmp_path, more=more)["degrade"]
    assert stage.job.check
    with pytest.raises(Exception, match=message.replace("[", "\\[")):
        stage.job.check(stage)


def test_pairs_that_length_tells_apart_are_refused(tmp_path: Path) -> None:
    told = {"all": {"pairs": 1000, "accuracy": 0.55}, "weak": {"pairs": 300, "accuracy": 0.63}}
    pair = stages(tmp_path)["pair"]
    with pytest.raises(StageError, match=r"63% of 300 pairs \(weak\).*allow_length_clue"):
        refuse_clue(pair, told)
    refuse_clue(pair, {"weak": {"pairs": 200, "accuracy": 0.63}})
    refuse_clue(stages(tmp_path, more="[pair]\nallow_length_clue = true\n")["pair"], told)


def test_pairs_of_the_run_come_first_then_the_users_own(tmp_path: Path) -> None:
    found = stages(tmp_path, ("collect", "clean", "degrade", "pair", "dpo"),
                   more='[collect]\nsources = [{ at = "a.jsonl", licence = "CC0" }]\n')  # fmt: skip
    reader = found["dpo"]
    mine = [replace(OWN, pair_id=name, kind="weak", split=split, source="")
            for name, split in (("b", "train"), ("a", "train"), ("c", "dev"))]  # fmt: skip
    write_rows(mine, Pair, found["pair"].folder)
    write_rows([OWN, replace(OWN, pair_id="a"), replace(OWN, pair_id="d", split="dev")], Pair,
               found["collect"].folder)  # fmt: skip
    assert [row.pair_id for row in pairs(reader, "train")] == ["a", "b", "zz"]
    assert [row.pair_id for row in pairs(reader, "dev")] == ["c", "d"]
    with pytest.raises(StageError, match="'val'"):
        pairs(reader, "val")
    alone = stages(tmp_path, ("collect", "dpo"),
                   more='[collect]\nsources = [{ at = "a.jsonl", licence = "CC0" }]\n')  # fmt: skip
    assert [row.pair_id for row in pairs(alone["dpo"], "train")] == ["a", "zz"]
