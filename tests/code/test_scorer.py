"""A scorer gives what transformers gives each chat alone, whatever stands beside it in a batch."""

import json
import math
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from jobs.domain.errors import InputError
from jobs.domain.prompts import Message
from jobs.engines import scorer
from jobs.engines.scorer import Scorer
from tests.tiny_models import GOOD, tiny_model, toy_text


def chats(count: int) -> list[list[Message]]:
    draw = random.Random(1)
    return [
        [
            {"role": "user", "content": f"写广告{number}"},
            {"role": "assistant", "content": toy_text(draw, GOOD) * draw.randint(1, 4)},
        ]
        for number in range(count)
    ]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tiny_model(tmp_path_factory.mktemp("reward"))
    torch.manual_seed(3)
    loaded = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=1)
    torch.nn.init.normal_(loaded.score.weight)
    loaded.save_pretrained(folder)
    return folder


def alone(folder: Path, chat: list[Message]) -> float:
    """transformers' own score: one row, no padding, no attention mask, read at the last token."""
    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    loaded = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    ids = tokenizer.apply_chat_template(chat, return_dict=False)
    with torch.no_grad():
        hidden = loaded.model(input_ids=torch.tensor([ids])).last_hidden_state
        return float(hidden[0, -1] @ loaded.score.weight[0])


def test_scores_are_those_of_each_chat_alone(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(scorer.BATCH_TOKENS, "cpu", 512)  # several batches, of several widths
    given = chats(23)
    found = Scorer(str(model)).score(given)
    assert found == pytest.approx([alone(model, chat) for chat in given], abs=1e-5)
    assert max(found) - min(found) > 0.1


def test_no_chats_have_no_scores(model: Path) -> None:
    assert Scorer(str(model)).score([]) == []


def test_rewards_are_the_logistic_of_the_distance_from_the_centre(model: Path) -> None:
    given = chats(3)
    raw = Scorer(str(model)).score(given)
    centred = Scorer(str(model), centre=raw[0], scale=2.0).rewards(given)
    assert centred[0] == pytest.approx(0.5)
    assert centred[1:] == pytest.approx([1 / (1 + math.exp((raw[0] - s) / 2)) for s in raw[1:]])


def test_a_table_gets_both_columns(model: Path) -> None:
    given = chats(4)
    texts = [json.dumps(chat, ensure_ascii=False) for chat in given]
    table = Scorer(str(model), centre=1.0)(pa.table({"id": range(4), "messages": texts}))
    assert table.column_names == ["id", "messages", "score", "reward"]
    assert table["score"].to_pylist() == Scorer(str(model)).score(given)
    assert table["reward"].to_pylist() == Scorer(str(model), centre=1.0).rewards(given)


def test_a_model_with_more_labels_is_refused(model: Path, tmp_path: Path) -> None:
    two = AutoModelForSequenceClassification.from_pretrained(
        model, num_labels=2, ignore_mismatched_sizes=True
    )
    two.save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(model).save_pretrained(tmp_path)
    with pytest.raises(InputError, match="2 scores"):
        Scorer(str(tmp_path))


def test_a_scale_of_nothing_is_refused(model: Path) -> None:
    with pytest.raises(InputError, match="scale"):
        Scorer(str(model), scale=0.0)
