"""Own data: each format by an example from its documentation, and what is wrong with bad rows."""

from typing import Any

import pytest

from jobs.domain.errors import RowError
from jobs.sources.formats import Chat, House, Preference, Sample, read_as, recognised

ASKED = {"role": "user", "content": "하늘은?"}
SYSTEM = {"role": "system", "content": "짧게 답합니다."}
BLUE = {"role": "assistant", "content": "파란색"}
GREEN = {"role": "assistant", "content": "초록색"}


def turn(speaker: Any, value: str) -> dict[str, Any]:
    return {"from": speaker, "value": value}


SAME_CHAT: list[tuple[str, dict[str, Any]]] = [
    ("trl", {"prompt": ASKED["content"], "completion": BLUE["content"]}),
    ("trl", {"prompt": [ASKED], "completion": [BLUE]}),
    ("trl", {"prompt": ASKED, "completion": BLUE}),
    ("trl", {"messages": [ASKED, BLUE], "id": 7}),
    ("trl", {"messages": [ASKED, {**BLUE, "content": [{"type": "text", "text": "파란색"}]}]}),
    (
        "trl",
        {
            "messages": '[{"role": "user", "content": "하늘은?"}, '
            '{"role": "assistant", "content": "파란색"}]'
        },
    ),
    ("sharegpt", {"conversations": [turn("human", ASKED["content"]), turn("gpt", "파란색")]}),
    ("alpaca", {"instruction": ASKED["content"], "input": "", "output": "파란색"}),
    ("alpaca", {"instruction": "하늘은?", "input": None, "output": "파란색", "history": []}),
]


@pytest.mark.parametrize(("name", "record"), SAME_CHAT)
def test_one_chat_in_every_format(name: str, record: dict[str, Any]) -> None:
    assert recognised(record) == name
    assert read_as(name, record) == Chat([ASKED], "파란색")


SAME_PREFERENCE: list[tuple[str, dict[str, Any]]] = [
    ("trl", {"prompt": ASKED["content"], "chosen": "파란색", "rejected": "초록색"}),
    ("trl", {"prompt": [ASKED], "chosen": [BLUE], "rejected": [GREEN]}),
    ("trl", {"chosen": [ASKED, BLUE], "rejected": [ASKED, GREEN]}),
    (
        "sharegpt",
        {
            "conversations": [turn("human", ASKED["content"])],
            "chosen": turn("gpt", "파란색"),
            "rejected": turn("gpt", "초록색"),
        },
    ),
    (
        "alpaca",
        {"instruction": ASKED["content"], "chosen": "파란색", "rejected": "초록색"},
    ),
]


@pytest.mark.parametrize(("name", "record"), SAME_PREFERENCE)
def test_one_preference_in_every_format(name: str, record: dict[str, Any]) -> None:
    assert recognised(record) == name
    assert read_as(name, record) == Preference([ASKED], "파란색", "초록색")


def test_a_long_chat_keeps_its_turns() -> None:
    more = {"role": "user", "content": "밤에는?"}
    whole = Chat([SYSTEM, ASKED, BLUE, more], "검은색")
    turns = [
        turn("human", ASKED["content"]),
        turn("gpt", "파란색"),
        turn("human", "밤에는?"),
    ]
    record = {"system": SYSTEM["content"], "conversations": [*turns, turn("gpt", "검은색")]}
    assert read_as("sharegpt", record) == whole
    record = {"instruction": "밤에는?", "output": "검은색", "system": SYSTEM["content"]}
    history = [[ASKED["content"], "파란색"]]
    assert read_as("alpaca", {**record, "history": history}) == whole


def test_an_input_stands_below_its_instruction() -> None:
    record = {"instruction": "요약하세요.", "input": "긴 글", "output": "짧은 글"}
    assert read_as("alpaca", record) == Chat(
        [{"role": "user", "content": "요약하세요.\n긴 글"}], "짧은 글"
    )


def test_our_own_formats() -> None:
    assert read_as("texts", {"text": "따뜻한 글", "title": "제목"}) == Sample("따뜻한 글", "제목")
    record = {
        "product_id": 7,
        "content_type": "paid_ad_fab",
        "text": "글",
        "facts": '{"name": "컵"}',
    }
    assert recognised(record) == "copies"
    assert read_as("copies", record) == House("글", "7", "paid_ad_fab", {"name": "컵"})


@pytest.mark.parametrize(
    ("name", "record", "message"),
    [
        ("trl", {"prompt": "x"}, "no completion"),
        ("trl", {"prompt": "x", "completion": "  "}, "no completion"),
        ("trl", {"prompt": "x", "completion": 3}, "completion is '3'; wanted a list of turns"),
        ("trl", {"messages": "안녕"}, "messages is '안녕'; wanted a list of turns"),
        ("trl", {"messages": [ASKED]}, "ends with user; wanted an answer"),
        ("trl", {"messages": [BLUE]}, "before the answer comes nothing"),
        ("trl", {"messages": [SYSTEM, BLUE]}, "before the answer comes system"),
        ("trl", {"messages": [ASKED, SYSTEM, ASKED, BLUE]}, "system message after the first"),
        ("trl", {"messages": [{"role": "tool", "content": "x"}, BLUE]}, "a turn of 'tool'"),
        ("trl", {"messages": [ASKED, {"role": "assistant"}]}, "messages is 'None'; wanted text"),
        ("trl", {"chosen": "a", "rejected": "b"}, "before the answer comes nothing"),
        ("trl", {"prompt": "x", "chosen": "a"}, "no rejected"),
        ("trl", {"prompt": "x", "chosen": "a", "rejected": "a "}, "are the same text"),
        ("trl", {"chosen": [ASKED, BLUE], "rejected": [{**ASKED, "content": "?"}, BLUE]}, "differ"),
        ("sharegpt", {"conversations": []}, "no conversations"),
        ("sharegpt", {"conversations": [turn("robot", "x")]}, "a turn from 'robot'"),
        ("sharegpt", {"conversations": ["x"]}, "a turn from 'x'"),
        ("sharegpt", {"conversations": [turn("human", "x")]}, "ends with user"),
        ("alpaca", {"instruction": "x", "output": None}, "no output"),
        (
            "sharegpt",
            {"conversations": [{"from": ["human"], "value": "x"}]},
            "a turn from ['human']",
        ),
        ("alpaca", {"instruction": "x", "output": "y", "history": ["z"]}, "wanted [question"),
        (
            "alpaca",
            {"instruction": "x", "output": "y", "history": 5},
            "history is '5'; wanted",
        ),
        ("alpaca", {"instruction": {"a": 1}, "output": "y"}, "instruction is"),
        ("alpaca", {"instruction": "x", "input": 3, "output": "y"}, "input is '3'; wanted text"),
        ("copies", {"text": "x", "facts": "컵", "product_id": 1}, "wanted a JSON object"),
        ("texts", {"text": [1]}, "wanted text"),
    ],
)
def test_a_bad_row_says_what_was_wanted(name: str, record: dict[str, Any], message: str) -> None:
    with pytest.raises(RowError) as caught:
        read_as(name, record)
    assert message in str(caught.value)


def test_columns_of_no_format() -> None:
    with pytest.raises(RowError, match="answer, question fit no format; known are sharegpt"):
        recognised({"question", "answer"})
