"""What a learner sees of its samples: lengths are held against those of their own content type."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from jobs.domain.brand import load_guide
from jobs.domain.errors import StageError
from jobs.domain.rewards import example
from jobs.runtime.storage import Folder
from jobs.training.grpo.settings import Alarms, Rewards
from jobs.training.grpo.watch import ALARMS, ROLLOUTS, Seen, Watcher

BRIEF = vars(example("").brief)


def watcher(folder: Path, *, fatal: bool = False) -> Watcher:
    weights = {"no_repetition": 1.0, "rater": 1.0}
    task: Any = SimpleNamespace(
        stage_id="test", folder=Folder(str(folder)), guide=load_guide("yuansu"), dev=[],
        scorer=None, rater=None, alarms=Alarms(fatal=fatal), rewards=Rewards(weights=weights),
    )  # fmt: skip
    return Watcher(task)


def samples(kind: str, tokens: int, rated: float | None = 0.5) -> list[Seen]:
    brief = json.dumps({**BRIEF, "content_type": kind}, ensure_ascii=False)
    rewards = {"no_repetition": 1.0, "rater": rated}
    return [Seen(brief, "写一篇", "温和地洗脸。", "stop", 0, tokens, rewards, 0.0)] * 4


def test_a_step_of_long_texts_is_no_drift(tmp_path: Path) -> None:
    seen = watcher(tmp_path)
    seen._look(1, [*samples("paid_ad_fab", 60), *samples("social_media_review", 240)])
    seen._look(2, samples("social_media_review", 260))
    seen._look(3, samples("paid_ad_fab", 55))
    assert Folder(str(tmp_path / ALARMS)).names() == []
    seen._look(4, samples("paid_ad_fab", 120))
    assert Folder(str(tmp_path / ALARMS)).names() == ["00000004.json"]
    assert len(Folder(str(tmp_path / ROLLOUTS)).names()) == 4


def test_a_fatal_alarm_stops_the_run(tmp_path: Path) -> None:
    seen = watcher(tmp_path, fatal=True)
    seen._look(1, samples("paid_ad_fab", 60))
    with pytest.raises(StageError, match="step 2: length_drift: 2.000 times"):
        seen._look(2, samples("paid_ad_fab", 120))


def test_a_rater_that_fails_too_often_stops_the_run(tmp_path: Path) -> None:
    seen = watcher(tmp_path)
    for step in range(1, 5):
        seen._look(step, samples("paid_ad_fab", 60, rated=None))
    with pytest.raises(StageError, match="100% of the rater's calls failed over 5 steps"):
        seen._look(5, samples("paid_ad_fab", 60, rated=None))
