"""Product lists as people save them, and what is said of a list that is wrong."""

import csv
import io
import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from jobs.domain.catalog import read_products
from jobs.domain.errors import InputError
from jobs.domain.listing import records


def row(product_id: str, **changes: Any) -> dict[str, Any]:
    return {
        "product_id": product_id,
        "name": f"烟酰胺精华{product_id}",
        "category": "精华液",
        "ingredients": [
            {"name": "烟酰胺", "role": "调节皮脂", "concentration": "5%"},
            {"name": "神经酰胺", "role": "补充脂质"},
        ],
        "effects": ["匀净肤色", "改善毛孔"],
        "price": "189元",
    } | changes


KOREAN = {
    "name": "나이아신 세럼",
    "category": "세럼",
    "ingredients": [{"name": "나이아신아마이드", "role": "피지 조절", "concentration": "5%"}],
    "effects": ["모공 개선", "피부결 개선"],
}


def as_csv(rows: list[dict[str, Any]]) -> str:
    def cell(value: Any) -> str:
        if not isinstance(value, list):
            return str(value)
        parts = ["|".join(entry.values()) if isinstance(entry, dict) else entry for entry in value]
        return "; ".join(parts)

    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows({key: cell(value) for key, value in one.items()} for one in rows)
    return text.getvalue()


def as_json(rows: list[dict[str, Any]]) -> str:
    return json.dumps(rows, ensure_ascii=False, indent=1)


def as_jsonl(rows: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(one, ensure_ascii=False) + "\r\n" for one in rows)


def saved(folder: Path, rows: list[dict[str, Any]], ending: str, encoding: str = "utf-8") -> Path:
    text = {"csv": as_csv, "json": as_json, "jsonl": as_jsonl}[ending](rows)
    path = folder / f"list.{ending}"
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize("ending", ["csv", "json", "jsonl"])
@pytest.mark.parametrize(
    ("language", "encoding"),
    [("zh", "utf-8"), ("zh", "utf-8-sig"), ("zh", "gb18030"), ("ko", "utf-8-sig"), ("ko", "cp949")],
)
def test_each_ending_and_encoding_reads_the_same(
    tmp_path: Path, ending: str, language: str, encoding: str
) -> None:
    changes = KOREAN | {"price": "18900원"} if language == "ko" else {}
    rows = [row("a", **changes, split="val"), row("b", **changes, split="")]
    first, second = read_products(saved(tmp_path, rows, ending, encoding), language)
    assert (first.product_id, first.split, second.split) == ("a", "val", "")
    assert first.name == rows[0]["name"]
    assert first.effects == tuple(rows[0]["effects"])
    assert first.ingredients[0].concentration == "5%"
    assert [entry.name for entry in second.ingredients] == [
        entry["name"] for entry in rows[1]["ingredients"]
    ]
    assert first.suited_for == ()


def test_marks_inside_a_text_end_no_line(tmp_path: Path) -> None:
    rows = [row("a", texture="清透\u2028水感"), row("b", texture="清透\u0085水感")]
    for ending in ("json", "jsonl"):
        products = read_products(saved(tmp_path, rows, ending), "zh")
        assert [product.texture for product in products] == [one["texture"] for one in rows]


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_a_long_list_is_not_held_as_text(tmp_path: Path, ending: str) -> None:
    path = saved(
        tmp_path, [row(f"p{number}", texture="轻" * 500) for number in range(4000)], ending
    )
    size = path.stat().st_size
    tracemalloc.start()
    assert sum(1 for _ in records(path, "zh")) == 4000
    assert len({product.texture for product in read_products(path, "zh")}) == 1
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < size / 2


@pytest.mark.parametrize(
    ("bad", "named"),
    [
        ({"name": " "}, "no name"),
        ({"product_id": ""}, "no product_id"),
        ({"product_id": 17}, "no product_id"),
        ({"category": None}, "no category"),
        ({"ingredients": []}, "no ingredients"),
        ({"ingredients": "烟酰胺"}, "ingredients is a str; wanted a list"),
        ({"ingredients": [{"name": "烟酰胺"}]}, "without name or role"),
        ({"ingredients": [{"name": "a", "role": "b", "share": "5%"}]}, "'share'; known are"),
        ({"ingredients": [{"name": "a", "role": "b", "concentration": 5}]}, "not all text"),
        ({"effects": "匀净"}, "effects is a str; wanted a list"),
        ({"effects": [1]}, "effects holds 1; wanted text"),
        ({"price": 189}, "price is 189; wanted text"),
        ({"split": "test"}, "split 'test'; wanted train, dev, val"),
        ({"colour": "red"}, "unknown column 'colour'; known are category, effects"),
        ({"product_id": "a"}, "product_id 'a' is on line 1 already"),
    ],
)
def test_a_bad_row_is_named_with_file_and_line(
    tmp_path: Path, bad: dict[str, Any], named: str
) -> None:
    path = saved(tmp_path, [row("a"), row("b"), row("c") | bad], "jsonl")
    with pytest.raises(InputError) as caught:
        read_products(path, "zh")
    assert f"list.jsonl:3: {named}" in str(caught.value) or (
        "list.jsonl:3: an ingredient" in str(caught.value) and named in str(caught.value)
    )
    assert str(caught.value).startswith("1 bad product rows; correct them")


HEAD = "product_id,name,category,ingredients,effects\n"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (
            HEAD + "a,晨露,精华,烟酰胺|调节,匀净\nb,,精华,烟酰胺|调节,匀净\n",
            ["list.csv:3: no name"],
        ),
        (HEAD + "a,晨露,精华,烟酰胺,匀净\n", ["list.csv:2: an ingredient without name or role"]),
        (HEAD + "a,晨露,精华,烟酰胺|调节,匀净,多余\n", ["list.csv:2: unknown column", "多余"]),
        (HEAD.replace("name", "nmae") + "a,晨露,精华,烟酰胺|调节,匀净\n", ["'nmae'; known are"]),
        (HEAD, ["has no product"]),
        ("", ["has no product"]),
        (
            HEAD
            + "a,晨露,精华,甘油|保湿,滋润\nb,晚霜,面霜,甘油|保湿,滋润\na,夜霜,精华,甘油|保,匀净\n",
            ["list.csv:4", "'a' is on line 2"],
        ),
    ],
)
def test_a_bad_csv(tmp_path: Path, text: str, named: list[str]) -> None:
    path = tmp_path / "list.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_products(path, "zh")
    assert not [part for part in named if part not in str(caught.value)], str(caught.value)


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_each_line_end_of_a_csv(tmp_path: Path, line_end: str) -> None:
    path = tmp_path / "list.csv"
    text = (
        HEAD
        + 'a,"晨露\n夜",精华,烟酰胺|调节|5%;甘油|保湿,匀净；滋润,,\n\nb,晚霜,面霜,甘油|保湿,滋润\n'
    )
    path.write_bytes(text.replace("\n", line_end).encode())
    first, second = read_products(path, "zh")
    assert [entry.concentration for entry in first.ingredients] == ["5%", ""]
    assert first.effects == ("匀净", "滋润")
    assert second.product_id == "b"


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    wrong = tmp_path / "list.jsonl"
    wrong.write_bytes(b"\xff\xfe\x00{")
    with pytest.raises(InputError, match="none of utf-8-sig, gb18030. Save it as UTF-8"):
        read_products(wrong, "zh")
    wrong.write_text('{"product_id": "a"\n', encoding="utf-8")
    with pytest.raises(InputError, match=r"list\.jsonl:1: not JSON"):
        read_products(wrong, "zh")
    with pytest.raises(InputError, match="there is no product list"):
        read_products(tmp_path / "other.csv", "zh")
    (tmp_path / "list.xlsx").write_text("x", encoding="utf-8")
    with pytest.raises(InputError, match="wanted .csv, .json or .jsonl"):
        read_products(tmp_path / "list.xlsx", "zh")
