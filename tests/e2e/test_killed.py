"""A pipeline killed in the middle of a paid stage, and started again."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from jobs.domain.rows import Copy, Draft
from jobs.runtime.storage import Folder
from jobs.runtime.tables import read_rows
from tests.e2e.conftest import CONFIG, ROOT, Journey, command

STAGES = '[{"job": "brief"}, {"job": "generate"}, {"job": "clean"}]'


def table(storage: Path, stage: str, row_type: type) -> list[Any]:
    """A stage's rows in the order of their ids."""
    rows = read_rows(row_type, Folder(str(storage / "smoke" / stage)))
    return sorted(rows, key=lambda row: str(row.draft_id))


def test_killed_and_started_again_it_ends_with_the_same_tables(
    journey: Journey, tmp_path: Path
) -> None:
    line = [sys.executable, "-m", "jobs.pipeline", CONFIG, "--storage", str(tmp_path)]
    line += ["--stages", STAGES]
    with subprocess.Popen(
        line, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as first:
        assert first.stdout is not None
        for text in first.stdout:
            if "generate: begins" in text:
                break
        os.kill(first.pid, signal.SIGKILL)
    assert not (tmp_path / "smoke" / "generate" / "done.json").exists()

    again = command("jobs.pipeline", CONFIG, "--storage", str(tmp_path), "--stages", STAGES)
    assert again.returncode == 0, again.stderr[-2000:]
    assert "brief: done before, skipped" in again.stdout
    assert table(tmp_path, "generate", Draft) == table(journey.storage, "generate", Draft)
    assert table(tmp_path, "clean", Copy) == table(journey.storage, "clean", Copy)
