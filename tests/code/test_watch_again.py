"""A step that is done again after a kill: what is kept is of its last samples alone."""

from pathlib import Path

from jobs.runtime.storage import Folder
from jobs.training.grpo.watch import ALARMS, ROLLOUTS
from tests.code.test_watch import samples, watcher


def test_alarms_of_samples_that_were_drawn_anew_are_gone(tmp_path: Path) -> None:
    seen = watcher(tmp_path)
    seen._look(1, samples("paid_ad_fab", 60))
    seen._look(2, samples("paid_ad_fab", 120))
    assert Folder(str(tmp_path / ALARMS)).names() == ["00000002.json"]
    again = watcher(tmp_path)
    again._look(2, samples("paid_ad_fab", 61))
    assert Folder(str(tmp_path / ALARMS)).names() == []
    kept = (tmp_path / ROLLOUTS / "00000002.jsonl").read_text()
    assert kept.count('"tokens": 61') == 4
    assert kept.count("\n") == 3
