"""A brand's folder: its guide, its golden texts, and the briefs that its product list becomes."""

import json
from pathlib import Path
from typing import Any

import pytest

from jobs.brief import BriefSettings, main, split_of
from jobs.domain import brand, golden
from jobs.domain.brand import Product, brand_folder, load_guide
from jobs.domain.errors import InputError, SettingsError
from jobs.domain.rows import Brief
from jobs.runtime.command import discover, load, stages_of
from jobs.runtime.stage import Stage
from jobs.runtime.tables import read_rows

GUIDE = """
name = "Kiln"
language = "zh"
category = "杯"
philosophy = "p"
persona = "p"
rules = ["r"]
encouraged = []
banned = []
"""


@pytest.fixture
def brands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A brands folder of its own, with one brand `kiln`."""
    monkeypatch.setattr(brand, "BRANDS", tmp_path)
    monkeypatch.setattr(brand, "ROOT", tmp_path)
    (tmp_path / "kiln").mkdir()
    (tmp_path / "kiln" / "guide.toml").write_text(GUIDE, encoding="utf-8")
    return tmp_path


def test_a_brand_that_is_not_there(brands: Path) -> None:
    with pytest.raises(InputError, match=r"brands/glaze/guide\.toml; brands here: kiln"):
        brand_folder("glaze")


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ('rules = ["r"]', 'rules = "r"', "rules = 'r'; wanted a list of texts"),
        ('name = "Kiln"', "name = 3", "name = '3'; wanted text"),
        ("banned = []", "baned = []", "wanted exactly"),
        ('name = "Kiln"', "name = Kiln", "cannot be read"),
    ],
)
def test_a_guide_that_does_not_fit(brands: Path, old: str, new: str, named: str) -> None:
    (brands / "kiln" / "guide.toml").write_text(GUIDE.replace(old, new), encoding="utf-8")
    with pytest.raises(InputError, match=named):
        load_guide("kiln")


def test_golden_texts(brands: Path) -> None:
    path = brands / "kiln" / "golden.jsonl"
    with pytest.raises(InputError, match=r"kiln has no golden\.jsonl"):
        golden.read_golden("kiln")
    line = '{"product_id":"a","content_type":"paid_ad_bab","text":"温和\u2028。"}\n'
    path.write_text(line, encoding="utf-8")
    assert golden.read_golden("kiln") == {("a", "paid_ad_bab"): "温和\u2028。"}
    path.write_text(line * 2, encoding="utf-8")
    with pytest.raises(InputError, match=r"golden\.jsonl:2: a second text"):
        golden.read_golden("kiln")
    path.write_text(line + '{"product_id":"b"}\n', encoding="utf-8")
    with pytest.raises(InputError, match=r"golden\.jsonl:2: wanted an object"):
        golden.read_golden("kiln")


SPLITS = ("train", "dev", "val")


def made_of(product_id: str, split: str, *names: str) -> dict[str, Any]:
    parts = [{"name": name, "role": "r"} for name in names]
    about = {"name": f"杯{product_id}", "category": "杯", "effects": ["保温"]}
    return {"product_id": product_id, "ingredients": parts, "split": split} | about


def product(product_id: str, split: str = "") -> Product:
    return brand.product_of(made_of(product_id, split, "烟酰胺"))


def test_splits_follow_the_list_then_the_id_and_never_move() -> None:
    settings = BriefSettings(content_types=("paid_ad_bab",), dev_share=0.1, val_share=0.2)
    assert split_of(product("a", "dev"), settings) == "dev"
    found = {f"p{number}": split_of(product(f"p{number}"), settings) for number in range(1000)}
    shares = {name: list(found.values()).count(name) / 1000 for name in ("train", "dev", "val")}
    assert abs(shares["val"] - 0.2) < 0.04
    assert abs(shares["dev"] - 0.1) < 0.03
    # Written down once: a change of the rule would move every user's products.
    assert [found[f"p{number}"] for number in range(8)] == [
        "val", "train", "dev", "train", "val", "train", "train", "val"
    ]  # fmt: skip


def brief_stage(brands: Path, rows: list[dict[str, Any]], products: str = "") -> Stage:
    """A run's brief stage on a product list of these rows."""
    products = products or str(brands / "kiln" / "products.jsonl")
    lines = [json.dumps(one, ensure_ascii=False) + "\n" for one in rows]
    Path(products).write_text("".join(lines), encoding="utf-8")
    config = brands / "a.toml"
    config.write_text(
        f'run = "r"\nbrand = "kiln"\nstorage = "{brands}"\nstages = [{{ job = "brief" }}]\n'
        f'[brief]\ncontent_types = ["paid_ad_bab", "paid_ad_fab"]\nproducts = "{products}"\n',
        encoding="utf-8",
    )
    known = discover()
    [stage] = stages_of(load([str(config)], known), known)
    return stage


def briefs_of(brands: Path, rows: list[dict[str, Any]]) -> list[Brief]:
    """What the brief job makes of a product list."""
    stage = brief_stage(brands, rows)
    counts = main(stage)
    briefs = read_rows(Brief, stage.folder)
    assert counts.expected == counts.out == len(briefs)
    return briefs


def test_a_changed_list_is_noticed_wherever_it_lies(brands: Path) -> None:
    rows = [made_of(name, split, "烟酰胺") for name, split in zip("abc", SPLITS, strict=True)]
    elsewhere = str(brands / "elsewhere.jsonl")
    before = brief_stage(brands, rows, elsewhere).identity()
    assert brief_stage(brands, rows, elsewhere).identity() == before
    rows[0]["name"] = "另一只杯"
    assert brief_stage(brands, rows, elsewhere).identity() != before


def test_a_new_hero_is_in_no_product_that_was_learned_from(brands: Path) -> None:
    briefs = briefs_of(
        brands,
        [
            made_of("t1", "train", "烟酰胺", "甘油"),
            made_of("d1", "dev", "泛醇"),
            made_of("v1", "val", "烟酰胺"),  # a train product's hero
            made_of("v2", "val", "甘油"),  # a train product's second ingredient
            made_of("v3", "val", "泛醇"),  # a dev product's hero
            made_of("v4", "val", "角鲨烷", "烟酰胺"),
            made_of("v5", "val", "角鲨烷"),  # known from another val product alone
        ],
    )
    heroes = {brief.product_id: brief.new_hero for brief in briefs}
    assert [name for name, is_new in heroes.items() if is_new] == ["v4", "v5"]
    assert len(briefs) == 14
    assert {brief.split for brief in briefs if brief.product_id == "v4"} == {"val"}
    assert {brief.brief_id for brief in briefs if brief.product_id == "t1"} == {
        "t1/paid_ad_bab",
        "t1/paid_ad_fab",
    }
    assert json.loads(briefs[0].facts)["brand"] == "Kiln"


def test_a_split_without_a_product_is_refused(brands: Path) -> None:
    with pytest.raises(SettingsError, match="no product is in split 'val'"):
        briefs_of(brands, [made_of("t1", "train", "烟酰胺"), made_of("d1", "dev", "甘油")])
