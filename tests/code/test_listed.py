"""Own copies about products of the brand's list: none of a validation product is learned from."""

import json
from pathlib import Path
from typing import Any

import pytest

from jobs import sft
from jobs.domain import brand
from jobs.domain.brand import Product
from jobs.domain.rows import Brief, Copy
from jobs.runtime.command import discover, load, stages_of
from jobs.runtime.stage import Counts, Stage
from jobs.runtime.tables import read_rows
from jobs.sources.listed import in_their_splits
from tests.code.test_collect import GUIDE

KIND = "paid_ad_fab"
PARTS = [{"name": "흙", "role": "보온"}]
LISTED = [
    {
        "product_id": "k-1",
        "name": "파란 컵",
        "category": "컵",
        "ingredients": PARTS,
        "split": "val",
    },
    {
        "product_id": "k-2",
        "name": "하얀 컵",
        "category": "컵",
        "ingredients": PARTS,
        "split": "dev",
    },
    {
        "product_id": "k-3",
        "name": "붉은 컵",
        "category": "컵",
        "ingredients": PARTS,
        "split": "train",
    },
]


def own(product_id: str, name: str) -> dict[str, Any]:
    facts = {"name": name}
    text = f"{product_id}, {name}입니다."
    return {"product_id": product_id, "content_type": KIND, "text": text, "facts": facts}


class House:
    """A brand with a product list and own copies, and its stages."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.brand = folder, folder / "gyeol"
        self.brand.mkdir()
        (self.brand / "guide.toml").write_text(GUIDE, encoding="utf-8")

    def save(self, name: str, records: list[dict[str, Any]]) -> None:
        lines = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
        (self.brand / name).write_text(lines, encoding="utf-8")

    def stages(self, *jobs: str, brief: str = "") -> dict[str, Stage]:
        listed = ", ".join(f'{{ job = "{job}" }}' for job in jobs)
        (self.folder / "a.toml").write_text(
            f'run = "r"\nbrand = "gyeol"\nstorage = "{self.folder}"\nstages = [{listed}]\n'
            '[collect]\nsources = [{ at = "own.jsonl", licence = "CC0-1.0" }]\n'
            f'[brief]\ncontent_types = ["{KIND}"]\n{brief}',
            encoding="utf-8",
        )
        known = discover()
        config = load([str(self.folder / "a.toml")], known)
        return {stage.job.name: stage for stage in stages_of(config, known)}


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    monkeypatch.setattr(brand, "BRANDS", tmp_path)
    return House(tmp_path)


def collected(stage: Stage) -> tuple[dict[str, str], Counts]:
    """product_id -> split of the copies."""
    counts = stage.job.main(stage)
    counts.check("collect")
    return {row.product_id: row.split for row in read_rows(Copy, stage.folder)}, counts


def test_no_copy_about_a_validation_product_is_learned_from(house: House) -> None:
    house.save("products.jsonl", LISTED)
    named = {
        "k-1": "other", "a": "파란 컵", "b": " 파란\u200b컵", "c": "결담 파란 컵",  # of val
        "k-2": "하얀 컵", "d": "하얀 컵",  # of dev
        "k-3": "붉은 컵", "e": "초록 컵", "f": "파란 컵 세트",  # of train, or of no listed product
    }  # fmt: skip
    house.save("own.jsonl", [own(*one) for one in named.items()])
    stages = house.stages("collect", "sft")
    splits, counts = collected(stages["collect"])
    assert {name for name, split in splits.items() if split == "val"} == {"k-1", "a", "b", "c"}
    assert {splits["k-2"], splits["d"]} == {"dev"}
    assert counts.notes["of validation products"] == 4
    learned = [
        chat["completion"][0]["content"]
        for split in ("train", "dev")
        for chat in sft.chats(stages["sft"], split)
    ]
    texts = {own(*one)["text"] for one in named.items()}
    gone = {own(name, named[name])["text"] for name in ("k-1", "a", "b", "c")}
    assert sorted(learned) == sorted(texts - gone)


def test_where_the_list_has_no_split_both_jobs_give_the_same(house: House) -> None:
    plain = [{**LISTED[0], "product_id": f"k-{n}", "name": f"컵 {n}"} for n in range(60)]
    house.save("products.jsonl", [{**one, "split": ""} for one in plain])
    house.save("own.jsonl", [own(f"k-{number}", "x") for number in range(60)])
    stages = house.stages("collect", "brief", brief="val_share = 0.4\ndev_share = 0.2\n")
    splits, _ = collected(stages["collect"])
    stages["brief"].job.main(stages["brief"])
    briefs = read_rows(Brief, stages["brief"].folder)
    assert splits == {row.product_id: row.split for row in briefs}
    assert set(splits.values()) == {"train", "dev", "val"}


def test_other_shares_make_the_stage_another_and_other_content_types_do_not(house: House) -> None:
    house.save("products.jsonl", LISTED)
    before, more, kinds = (
        house.stages("collect", "brief", brief=text)["collect"].identity()
        for text in ("", "val_share = 0.4\n", "train_products = 3\n")
    )
    assert before != more
    assert before == kinds


def test_proposed_products_are_not_in_the_list(house: House) -> None:
    house.save("products.jsonl", LISTED)
    house.save("own.jsonl", [own("k-1", "파란 컵")])
    splits, _ = collected(house.stages("collect", "propose")["collect"])
    assert set(splits.values()) <= {"train", "dev"}


def test_the_id_of_one_product_and_the_name_of_another_hold_out_more() -> None:
    products = [(Product("a", "컵", "c"), "dev"), (Product("b", "잔", "c"), "val")]
    products += [(Product("c", "컵", "c"), "train")]

    def split(product_id: str, name: str, ours: str = "train") -> str:
        facts = json.dumps({"name": name})
        copy = Copy("x", product_id, ours, False, "b", "ko", KIND, facts, "d", "t", "", "")
        [found] = in_their_splits([copy], products, "결담")
        return found.split

    assert split("a", "잔") == "val"
    assert split("b", "컵") == "val"
    assert split("c", "컵") == "dev"  # two listed products have this name
    assert split("c", "") == "train"
    assert split("c", "", ours="dev") == "train"
    assert split("z", "솥", ours="dev") == "dev"
