"""The collect job: what files of every kind become, what is refused, and what training sees."""

import asyncio
import csv
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from aiohttp import web

from jobs import sft
from jobs.collect import main
from jobs.domain import brand
from jobs.domain.errors import InputError, PromptError, SettingsError
from jobs.domain.rows import Copy, Example, Exemplar, Failed, Pair, Refused
from jobs.runtime.command import discover, load, stages_of
from jobs.runtime.config import StageSpec
from jobs.runtime.stage import Counts, Stage
from jobs.runtime.tables import read_rows

GUIDE = """
name = "결담"
language = "ko"
category = "생활"
philosophy = "p"
persona = "p"
rules = ["r"]
encouraged = []
banned = []
"""
FIRST = "천천히 우린 차 한 잔, 오늘의 마음이 가라앉습니다."
SECOND = "손으로 배우는 한 시간은 오래 남는 선물이 됩니다."
CHAT = {"messages": [{"role": "user", "content": "안녕?"}, {"role": "assistant", "content": "네."}]}


class House:
    """A brand's folder, and the collect stage over some sources."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.brand = folder / "gyeol"
        self.brand.mkdir()
        (self.brand / "guide.toml").write_text(GUIDE, encoding="utf-8")

    def save(self, name: str, content: str | bytes) -> None:
        path = self.brand / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())

    def rows(self, name: str, *records: Any) -> None:
        self.save(name, "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in records))

    def stage(self, *sources: dict[str, str], **settings: Any) -> Stage:
        entries = [{"licence": "CC0-1.0", **one} for one in sources]
        tables = [
            "{" + ", ".join(f"{key} = {json.dumps(value)}" for key, value in one.items()) + "}"
            for one in entries
        ]
        lines = "".join(f"{key} = {json.dumps(value)}\n" for key, value in settings.items())
        config = self.folder / "a.toml"
        config.write_text(
            f'run = "r"\nbrand = "gyeol"\nstorage = "{self.folder}"\n'
            f'stages = [{{ job = "collect" }}]\n[collect]\n'
            f"sources = [{', '.join(tables)}]\n{lines}",
            encoding="utf-8",
        )
        known = discover()
        [stage] = stages_of(load([str(config)], known), known)
        return stage

    def collect(self, *sources: dict[str, str], **settings: Any) -> tuple[Stage, Counts]:
        stage = self.stage(*sources, **settings)
        assert stage.job.check
        stage.job.check(stage)
        counts = main(stage)
        counts.check("collect")
        return stage, counts


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    monkeypatch.setattr(brand, "BRANDS", tmp_path)
    return House(tmp_path)


def refused(stage: Stage) -> dict[str, str]:
    return {row.place: row.reason for row in read_rows(Refused, stage.folder)}


def test_texts_of_every_kind_of_file(house: House) -> None:
    house.save("a.txt", f"{FIRST}\n\n{SECOND}\n".encode("cp949"))
    house.save("b.md", "# 제목\n\n바람이 지나는 자리에 차를 놓습니다.\n\n<!-- 메모 -->\n")
    house.save("c.csv", "﻿text,title\n한 장의 편지가 저녁을 바꿉니다.,편지\n")
    house.rows("d.jsonl", {"text": "오래된 사진 속에서 봄이 걸어옵니다."})
    house.save("e.json", json.dumps([{"text": "작은 씨앗 하나가 창가를 바꿉니다."}]))
    house.save("f.html", "<html><title>빵</title><p>갓 구운 빵 냄새로 아침을 엽니다.</p></html>")
    files = ("a.txt", "b.md", "c.csv", "d.jsonl", "e.json", "f.html")
    stage, counts = house.collect(*({"at": name} for name in files), {"at": "a.txt", "title": "x"})
    rows = {row.source: row for row in read_rows(Exemplar, stage.folder)}
    places = "a.txt:1 a.txt:3 b.md:3 c.csv:2 d.jsonl:1 e.json:1 f.html:1"
    assert sorted(rows) == places.split()
    assert rows["a.txt:3"].text == SECOND
    assert rows["c.csv:2"].title == "편지"
    assert {row.licence for row in rows.values()} == {"CC0-1.0"}
    assert {row.language for row in rows.values()} == {"ko"}
    assert counts.dropped == 2  # the second reading of a.txt


def test_what_is_no_example_is_refused_with_its_reason(house: House) -> None:
    texts = [
        FIRST,
        "짧다",
        "가나다 " * 30,
        "An English line, for the most part.",
        "깨진 \ufffd 글입니다 여기.",
    ]
    house.rows("a.jsonl", *({"text": text} for text in texts), {"text": FIRST.upper() + " "},
               {"text": FIRST.replace("한 잔", "두 잔")})  # fmt: skip
    stage, counts = house.collect({"at": "a.jsonl", "content_type": "paid_ad_fab"}, max_chars=60)
    [row] = read_rows(Exemplar, stage.folder)
    assert (row.text, row.content_type) == (FIRST, "paid_ad_fab")
    assert refused(stage) == {
        "a.jsonl:2": "too_short",
        "a.jsonl:3": "too_long",
        "a.jsonl:4": "other_language",
        "a.jsonl:5": "garbled",
        "a.jsonl:6": "repeated",
        "a.jsonl:7": "near_duplicate",
    }
    assert counts.notes["reasons"]["repeated"] == 1


def test_own_data_becomes_rows_and_bad_rows_are_listed(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    house.rows(
        "chats.jsonl", CHAT, {"messages": []}, CHAT, CHAT | {"messages": CHAT["messages"][:1]}
    )
    house.save("chats.jsonl", (house.brand / "chats.jsonl").read_bytes() + b'{"messages": \n')
    house.rows(
        "pairs.jsonl",
        {"prompt": "쓰세요.", "chosen": "좋은 글", "rejected": "나쁜 글", "kind": "weak"},
    )
    with (house.brand / "alpaca.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerows(
            [["instruction", "input", "output"], ["요약", "긴\n글", "짧은 글"], ["요약", "글", ""]]
        )
    turns = [{"from": "human", "value": "왜요?"}, {"from": "gpt", "value": "그래서요."}]
    table = pa.Table.from_pylist([{"conversations": turns}, {"conversations": turns[:1]}])
    pq.write_table(table, house.brand / "share.parquet")
    own = {"product_id": "p1", "text": "컵입니다.", "facts": {"name": "컵"}}
    house.rows("own.jsonl", own | {"content_type": "paid_ad_fab"}, own | {"content_type": "poem"})
    names = ("chats.jsonl", "pairs.jsonl", "alpaca.csv", "share.parquet", "own.jsonl")
    stage, counts = house.collect(*({"at": name} for name in names))
    examples = {row.source: row for row in read_rows(Example, stage.folder)}
    assert {place: row.completion for place, row in examples.items()} == {
        "chats.jsonl:1": "네.",
        "alpaca.csv:3": "짧은 글",
        "share.parquet:1": "그래서요.",
    }
    assert json.loads(examples["alpaca.csv:3"].prompt) == [
        {"role": "user", "content": "요약\n긴\n글"}
    ]
    [pair] = read_rows(Pair, stage.folder)
    assert (pair.chosen, pair.rejected, pair.kind, pair.brief_id) == (
        "좋은 글",
        "나쁜 글",
        "weak",
        "",
    )
    [copy] = read_rows(Copy, stage.folder)
    assert copy.brief_id == "p1/paid_ad_fab"
    assert json.loads(copy.facts) == {"brand": "결담", "name": "컵"}
    listed = sorted(place for place, reason in refused(stage).items() if reason == "bad_row")
    chats = ["chats.jsonl:2", "chats.jsonl:4", "chats.jsonl:5"]
    assert listed == ["alpaca.csv:4", *chats, "own.jsonl:2", "share.parquet:2"]
    assert refused(stage)["chats.jsonl:3"] == "repeated"
    said = capsys.readouterr().out
    assert "chats.jsonl:5: not JSON" in said
    assert "own.jsonl:2: content_type 'poem'; known are" in said
    assert (counts.out, counts.dropped) == (5, 7)


def test_a_named_format_is_kept_to(house: House) -> None:
    house.rows("a.jsonl", {"text": FIRST, "prompt": "쓰세요.", "completion": SECOND})
    stage, _ = house.collect({"at": "a.jsonl", "format": "texts"})
    assert [row.text for row in read_rows(Exemplar, stage.folder)] == [FIRST]
    stage, _ = house.collect({"at": "a.jsonl"})
    assert [row.completion for row in read_rows(Example, stage.folder)] == [SECOND]


@pytest.mark.parametrize(
    ("name", "content", "error", "message"),
    [
        ("none.csv", None, InputError, "there is no"),
        ("a.docx", "x", InputError, "ends in '.docx'; wanted .txt"),
        ("a.jsonl", '{"question": 1}\n', InputError, "a.jsonl: columns question fit no format"),
        ("a.json", "{", InputError, "a.json:1: not JSON"),
        ("a.parquet", "x", InputError, "is not a Parquet file"),
        ("a.jsonl", '{"text": ""}\n', InputError, "no source had anything to use"),
        ("a.txt", b"\xff\xff", InputError, "none of utf-8-sig, cp949"),
    ],
)
def test_a_source_that_cannot_be_used(
    house: House, name: str, content: Any, error: type[Exception], message: str
) -> None:
    if content is not None:
        house.save(name, content)
    with pytest.raises(error) as caught:
        house.collect({"at": name})
    assert message in str(caught.value)


def test_an_address_holds_no_password(house: House) -> None:
    with pytest.raises(SettingsError, match="an address with a user or password") as caught:
        house.stage({"at": "https://me:secret@example.org/"})
    assert "//...@example.org" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_an_unknown_content_type_is_refused_before_the_start(house: House) -> None:
    house.save("a.txt", FIRST)
    with pytest.raises(PromptError, match="poem"):
        house.collect({"at": "a.txt", "content_type": "poem"})


async def test_pages_that_cannot_be_had_are_failed_rows(house: House) -> None:
    async def page(_: web.Request) -> web.Response:
        return web.Response(text=f"<html><p>{FIRST}</p></html>", content_type="text/html")

    app = web.Application()
    app.router.add_get("/good", page)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    address = f"http://127.0.0.1:{runner.addresses[0][1]}"
    sources = [{"at": f"{address}/good"}, {"at": f"{address}/none"}, {"at": "ftp://x/"}]
    web_settings = {"pause_s": 0.0, "allow_private_hosts": True}
    settings = {f"web.{key}": value for key, value in web_settings.items()}
    stage, counts = await asyncio.to_thread(house.collect, *sources, **settings)
    await runner.cleanup()
    [row] = read_rows(Exemplar, stage.folder)
    assert (row.text, row.source) == (FIRST, f"{address}/good")
    failed = {row.row_id: row.error for row in read_rows(Failed, stage.folder)}
    assert failed == {f"{address}/none": "http_404", "ftp://x/": "bad_scheme"}
    assert (counts.expected, counts.out, counts.failed) == (3, 1, 2)


def test_training_sees_own_copies_and_chats_without_any_other_stage(house: House) -> None:
    own = {"product_id": "p1", "text": "하얀 컵입니다.", "facts": {"name": "하얀 컵"}}
    house.rows("own.jsonl", own | {"content_type": "paid_ad_fab"})
    house.rows("chats.jsonl", CHAT)
    stage, _ = house.collect({"at": "own.jsonl"}, {"at": "chats.jsonl"}, dev_share=0.0)
    spec = StageSpec(job="sft")
    config = stage.config.model_copy(update={"stages": (*stage.config.stages, spec)})
    learner = Stage(stage.jobs["sft"], spec, config, stage.jobs)
    copy, chat = sft.chats(learner, "train")
    assert copy["completion"] == [{"role": "assistant", "content": "하얀 컵입니다."}]
    assert copy["prompt"][0]["role"] == "system"
    assert '"name":"하얀 컵"' in copy["prompt"][1]["content"]
    assert chat == {"prompt": CHAT["messages"][:1], "completion": CHAT["messages"][1:]}
    assert sft.chats(learner, "dev") == []
    other, same = sft.chats(learner, "train", renamed=1.0)
    assert other["completion"] != copy["completion"]
    assert other["completion"][0]["content"].endswith("컵입니다.")
    assert same == chat  # a chat has no names to change
