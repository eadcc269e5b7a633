"""Tables and folders: whole or not at all, with the columns that rows.py declares."""

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import ray

from jobs.domain import rows as row_types
from jobs.domain.errors import InputError
from jobs.domain.rows import Answer, Brief, Copy, Failed, Verdict
from jobs.runtime import storage, tables
from jobs.runtime.storage import Folder
from jobs.runtime.tables import (
    brief_columns,
    conform,
    read_dataset,
    read_rows,
    read_table,
    schema_of,
    write_rows,
)

TYPES = [kind for kind in vars(row_types).values() if isinstance(kind, type)]
ARROW = {str: "string", int: "int64", float: "double", bool: "bool"}


def brief(number: int) -> Brief:
    facts = json.dumps({"name": f"烟酰胺净润精华液{number}"}, ensure_ascii=False)
    return Brief(f"b{number}", f"p{number}", "val", number % 2 == 0, "y", "zh", "paid_ad", facts)


def failed(number: int) -> Failed:
    return Failed(f"b{number}#m", "judge", "超时", "一行\n“引号”, \u2028 and 🌿")


@pytest.fixture
def stage(tmp_path: Path) -> Folder:
    return Folder(str(tmp_path / "run" / "stage"))


def test_schemas_by_hand() -> None:
    assert str(schema_of(Verdict)).splitlines() == [
        "answer_id: string not null",
        "brief_id: string not null",
        "product_id: string not null",
        "new_hero: bool not null",
        "content_type: string not null",
        "model: string not null",
        "metric: string not null",
        "judge: string not null",
        "score: double not null",
        "reason: string not null",
        "journal_key: string not null",
    ]


@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind.__name__)
def test_no_column_may_be_null(kind: type) -> None:
    schema = schema_of(kind)
    assert schema.names == [entry.name for entry in fields(kind)]
    assert [str(column.type) for column in schema] == [ARROW[e.type] for e in fields(kind)]
    assert not any(column.nullable for column in schema)


def test_an_empty_table_keeps_its_schema(stage: Folder) -> None:
    assert write_rows([], Answer, stage) == 0
    assert read_table(Answer, stage).schema.equals(schema_of(Answer))
    assert read_rows(Answer, stage) == []
    with pytest.raises(InputError, match=r"Answer in .*stage is empty.*done\.json"):
        read_dataset(Answer, stage)


def test_what_is_written_is_read(stage: Folder) -> None:
    written = [failed(2), failed(0), failed(1)]
    assert write_rows(written, Failed, stage) == 3
    assert read_rows(Failed, stage) == [failed(0), failed(1), failed(2)]  # by their first column
    assert read_table(Failed, stage).schema.equals(schema_of(Failed))
    assert write_rows([brief(1)], Brief, stage) == 1
    assert read_rows(Brief, stage) == [brief(1)]


def test_writing_again_replaces(stage: Folder) -> None:
    write_rows([failed(0), failed(1)], Failed, stage)
    write_rows([failed(7)], Failed, stage)
    assert read_rows(Failed, stage) == [failed(7)]
    assert len(list((Path(stage.address) / "Failed").iterdir())) == 2


def test_files_without_a_manifest_are_no_table(stage: Folder) -> None:
    write_rows([failed(0)], Failed, stage)
    (Path(stage.address) / "Failed" / "table.json").unlink()
    for read in (read_rows, read_table, read_dataset):
        with pytest.raises(InputError, match=r"no table Failed in .*Run the stage 'stage' first"):
            read(Failed, stage)


def test_a_file_that_no_manifest_names_is_not_read(stage: Folder) -> None:
    write_rows([failed(0)], Failed, stage)
    stray = pa.Table.from_pylist([vars(failed(9))], schema=schema_of(Failed))
    pq.write_table(stray, Path(stage.address) / "Failed" / "stray.parquet")
    assert read_rows(Failed, stage) == [failed(0)]


def test_a_missing_column_is_named() -> None:
    table = pa.Table.from_pylist([{"row_id": "a", "step": "b"}])
    with pytest.raises(InputError, match=r"Failed lack error, message; they have row_id, step\."):
        conform(table, Failed)


def test_columns_are_chosen_ordered_and_cast() -> None:
    @dataclass(frozen=True)
    class Row:
        name: str
        count: int
        score: float

    table = pa.table(
        {
            "other": [1],
            "score": pa.array([2], pa.int32()),
            "count": pa.array([3], pa.int8()),
            "name": pa.array(["名"], pa.large_string()),
        }
    )
    shaped = conform(table, Row)
    assert shaped.schema.equals(schema_of(Row))
    assert shaped.to_pylist() == [{"name": "名", "count": 3, "score": 2.0}]


def test_null_is_refused(stage: Folder) -> None:
    values: dict[str, Any] = dict.fromkeys(schema_of(Failed).names, "x") | {"error": None}
    table = pa.Table.from_pylist([values])
    with pytest.raises(ValueError, match="null"):
        conform(table, Failed)
    with pytest.raises(pa.ArrowInvalid, match="null"):
        write_rows([Failed(**values)], Failed, stage)
    assert not (stage / "Failed" / "table.json").exists()


def test_a_later_row_holds_its_brief() -> None:
    row = {**vars(brief(3)), "draft_id": "d", "text": "t", "passes": "", "journal_key": ""}
    assert Copy(**row).text == "t"
    assert Brief(**brief_columns(row)) == brief(3)


def test_an_interrupted_write_leaves_the_old_file(
    stage: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.write_bytes("a.json", b"old")

    def full(descriptor: int) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(storage.os, "fsync", full)
    with pytest.raises(OSError, match="no space"):
        stage.write_bytes("a.json", b"new")
    with pytest.raises(OSError, match="no space"):
        stage.write_bytes("b.json", b"new")
    assert stage.read_bytes("a.json") == b"old"
    assert stage.names() == ["a.json"]


@pytest.mark.parametrize("prefix", ["", "file://"])  # a disk, and as an object store is handled
def test_publish_replaces_the_whole_folder(tmp_path: Path, prefix: str) -> None:
    target = Folder(f"{prefix}{tmp_path}/out/model")
    for name in ("first", "second"):
        made = tmp_path / name
        (made / "sub").mkdir(parents=True)
        (made / f"{name}.bin").write_text(name, encoding="utf-8")
        (made / "sub" / "both.json").write_text(f'"{name}"', encoding="utf-8")
        target.publish(made)
        assert target.names() == [f"{name}.bin"]
        assert (target / "sub").read_json("both.json") == name
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["model"]


def test_fetch_copies_once_and_again_when_it_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage.tempfile, "gettempdir", lambda: str(tmp_path / "cache"))
    assert Folder(str(tmp_path)).fetch() == tmp_path
    far = Folder(f"file://{tmp_path}/far")
    far.write_bytes("a.txt", b"one")
    (far / "sub").write_bytes("b.txt", b"two")
    copy = far.fetch()
    assert copy != tmp_path / "far"
    assert (copy / "a.txt").read_bytes() == b"one"
    assert (copy / "sub" / "b.txt").read_bytes() == b"two"
    assert far.fetch() == copy
    far.write_bytes("a.txt", b"another")
    assert (far.fetch() / "a.txt").read_bytes() == b"another"


def test_two_that_fetch_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage.tempfile, "gettempdir", lambda: str(tmp_path / "cache"))
    far = Folder(f"file://{tmp_path}/far")
    far.write_bytes("a.txt", b"one")
    copy_files = storage.fs.copy_files

    def while_another_does(*arguments: Any, **options: Any) -> None:
        monkeypatch.setattr(storage.fs, "copy_files", copy_files)
        far.fetch()
        copy_files(*arguments, **options)

    monkeypatch.setattr(storage.fs, "copy_files", while_another_does)
    copy = far.fetch()
    assert (copy / "a.txt").read_bytes() == b"one"
    assert list(copy.parent.iterdir()) == [copy]


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    nowhere = Folder(str(tmp_path / "nowhere"))
    assert not nowhere.exists()
    assert nowhere.names() == []
    nowhere.delete()
    with pytest.raises(FileNotFoundError):
        nowhere.read_json("a.json")


def test_rows_are_written_in_files_of_a_bounded_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "ROWS_IN_A_FILE", 3)
    stage = Folder(str(tmp_path))
    assert write_rows((failed(number) for number in range(8)), Failed, stage) == 8
    assert len(list((tmp_path / "Failed").glob("*.parquet"))) == 3
    assert sorted(read_rows(Failed, stage), key=str) == sorted(map(failed, range(8)), key=str)


def test_one_process_reads_a_small_tables_footers(stage: Folder, cluster: None) -> None:
    brief = Brief("a", "p", "train", False, "b", "zh", "t", "{}")
    tables.write_rows([brief], Brief, stage)
    before = footer_readers()
    assert tables.read_dataset(Brief, stage).take_all() == [asdict(brief)]
    assert footer_readers() - before == 1  # Ray Data's own default is 16


def footer_readers() -> int:
    """How many there were so far."""
    actors = [entry["ActorClassName"] for entry in ray._private.state.actors().values()]
    return actors.count("FooterReader")
