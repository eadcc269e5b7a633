"""No key and no prompt ever shows: not in a log, an error, a record of a stage or a failed row.

The provider's errors repeat both, as some do; the run's folder, all of Ray's logs and all that the
command printed are searched for them.
"""

import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from jobs.domain.rows import Brief, Draft, Failed
from jobs.runtime.tables import read_rows
from tests.wire.faults import FAULTS
from tests.wire.journey import SECONDS, Journey
from tests.wire.provider import provider

KEY = "sk-canary-4f1d0c7e9b2a4855"
PROMPT = "canary-in-a-prompt-83b1e6"  # in the facts of every row, and so in every prompt
KEY_VARIABLE = "CANARY_KEY"
TAKES_FOR_EVER = {"http_429_for_a_day"}  # tests/code/test_faults.py is about it
ROWS_MAY_HOLD_IT = (Brief.__name__, Draft.__name__, "journal")


@dataclass(frozen=True)
class Left:
    """What a finished run left on disk."""

    journey: Journey
    ray_folder: Path

    def files(self) -> Iterator[Path]:
        """Every file in the run's storage and in Ray's session folders, sockets left out."""
        for folder in (self.journey.folder / "runs", self.ray_folder):
            yield from (path for path in folder.rglob("*") if path.is_file())
        yield self.journey.log

    def holding(self, text: str) -> list[str]:
        """The files that hold this text."""
        return [str(path) for path in self.files() if text.encode() in path.read_bytes()]


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Left]:
    faults = sorted(set(FAULTS) - TAKES_FOR_EVER)
    marks = {number: f"[[fault:{name}]]" for number, name in enumerate(faults)}
    # Ray's sockets lie in its folder, and their paths may not be long.
    ray_folder = Path(tempfile.mkdtemp(prefix="ray"))
    environment = {KEY_VARIABLE: KEY, "RAY_TMPDIR": str(ray_folder)}
    teacher = {"timeout_s": 1.0, "attempts": 2, "api_key_env": KEY_VARIABLE}
    with provider() as running:
        journey = Journey(
            tmp_path_factory.mktemp("secrets"), running.url, len(faults) + 20,
            teacher=teacher, marks=marks, flavour=PROMPT,
        ).prepare()  # fmt: skip
        profile = journey.profile(actors=1, in_flight=64)
        with journey.under_way("--profile", profile, **environment) as process:
            process.wait(SECONDS)
        yield Left(journey, ray_folder)
    shutil.rmtree(ray_folder)


def test_the_run_had_failures_to_speak_of(left: Left) -> None:
    failed = read_rows(Failed, left.journey.stage_folder())
    assert len(failed) > len(FAULTS) // 2
    assert list(left.ray_folder.rglob("*.log"))


def test_the_key_is_nowhere(left: Left) -> None:
    assert left.holding(KEY) == []


def test_prompts_are_in_the_tables_of_rows_and_in_the_journal_alone(left: Left) -> None:
    tables = re.compile(f"/({'|'.join(ROWS_MAY_HOLD_IT)})/")
    assert [path for path in left.holding(PROMPT) if not tables.search(path)] == []


def test_failed_rows_repeat_neither(left: Left) -> None:
    """A table is compressed, so its rows are read."""
    said = [repr(row) for row in read_rows(Failed, left.journey.stage_folder())]
    assert not [row for row in said if KEY in row or PROMPT in row]
