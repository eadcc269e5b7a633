"""Stages of small jobs in a real run folder: what is skipped, run again, refused and held."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import Field

from jobs.domain.brand import ROOT
from jobs.domain.errors import InputError, SettingsError, StageError
from jobs.runtime import command, lock
from jobs.runtime.briefs import read_briefs
from jobs.runtime.command import load, run_all, stages_of
from jobs.runtime.config import Section
from jobs.runtime.lock import only_one
from jobs.runtime.stage import Counts, Job, Stage
from jobs.runtime.storage import Folder

ALL = '{ job = "grow" }, { job = "mill" }, { job = "bake" }'


class Grow(Section):
    """Settings of the first job."""

    grains: int = Field(default=3, ge=0)


class Mill(Section):
    """Settings of the second job."""

    fineness: float = 1.0


class House:
    """Three jobs that write a number each and note that they ran, and the config they run by."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ran: list[str] = []
        self.counts: dict[str, Counts] = {}
        self.known = {
            "grow": self.job("grow", lambda stage: stage.settings(Grow).grains, grow=Grow),
            "mill": self.job("mill", self.doubled, ("grow",), mill=Mill),
            "bake": self.job("bake", lambda stage: 1, ("mill", "grow")),
        }

    def job(
        self,
        name: str,
        work: Callable[[Stage], int],
        reads: tuple[str, ...] = (),
        **sections: type[Section],
    ) -> Job:
        def main(stage: Stage) -> Counts:
            self.ran.append(stage.name)
            stage.folder.write_json("number.json", work(stage))
            return self.counts.get(stage.name, Counts(1, 1))

        return Job(name, main, sections, reads, needs_ray=False)

    def doubled(self, stage: Stage) -> int:
        return 2 * int(stage.input("grow").read_json("number.json"))

    def stages(self, *arguments: str, stages: str = ALL, more: str = "") -> list[Stage]:
        path = self.folder / "a.toml"
        path.write_text(
            f'run = "r"\nbrand = "yuansu"\nstorage = "{self.folder}"\nstages = [{stages}]\n{more}',
            encoding="utf-8",
        )
        return stages_of(load([str(path), *arguments], self.known), self.known)

    def run(self, *arguments: str, **config: str) -> list[str]:
        """Run the stages; which of them ran."""
        self.ran.clear()
        run_all(self.stages(*arguments, **config))
        return list(self.ran)

    def done(self, stage: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "r" / stage / "done.json").read_text())
        return found


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_what_is_done_is_skipped(house: House) -> None:
    assert house.run() == ["grow", "mill", "bake"]
    assert house.done("mill")["counts"]["out"] == 1
    assert house.run() == []
    (house.folder / "r" / "mill" / "done.json").unlink()
    assert house.run() == ["mill"]


def test_other_settings_are_named_and_run_again_only_when_asked(house: House) -> None:
    house.run()
    with pytest.raises(StageError) as caught:
        house.run("--grow.grains", "5")
    for part in ("'grow'", "settings.grow.grains: 3 -> 5", "--run NAME", "--redo"):
        assert part in str(caught.value)
    assert house.ran == []
    assert Folder(f"{house.folder}/r/grow").read_json("number.json") == 3
    # Downstream stages have not changed themselves; their input has.
    assert house.run("--grow.grains", "5", "--redo") == ["grow", "mill", "bake"]
    assert Folder(f"{house.folder}/r/mill").read_json("number.json") == 10
    assert house.run("--grow.grains", "5") == []
    assert house.run("--grow.grains", "5", "--run", "other") == ["grow", "mill", "bake"]


def test_a_later_stage_alone_is_run_again(house: House) -> None:
    house.run()
    assert house.run("--mill.fineness", "2", "--redo") == ["mill", "bake"]


def test_a_stage_notices_that_its_input_was_made_anew(house: House) -> None:
    house.run()
    house.run("--only", "grow", "--grow.grains", "4", "--redo")
    with pytest.raises(StageError, match=r"'mill'.*\n.*inputs\.grow"):
        house.run("--grow.grains", "4")
    assert house.run("--grow.grains", "4", "--redo") == ["mill", "bake"]


def test_a_refusal_comes_before_the_first_stage(house: House) -> None:
    house.run()
    house.ran.clear()
    (house.folder / "r" / "grow" / "done.json").unlink()
    with pytest.raises(StageError, match=r"mill\.fineness"):
        house.run("--mill.fineness", "3")
    assert house.ran == []


def test_running_again_leaves_nothing_of_the_old_run(house: House) -> None:
    house.run()
    Folder(f"{house.folder}/r/grow").write_json("old.json", 1)
    house.run("--grow.grains", "5", "--redo")
    assert Folder(f"{house.folder}/r/grow").names() == ["begun.json", "done.json", "number.json"]


def test_an_unfinished_stage_goes_on_only_with_its_own_settings(house: House) -> None:
    house.counts["grow"] = Counts(5, 1)  # fails after its work
    folder = Folder(f"{house.folder}/r/grow")
    for grains, kept in (("3", False), ("3", True), ("4", False)):
        with pytest.raises(StageError):
            house.run("--grow.grains", grains)
        assert ("checkpoint.json" in folder.names()) is kept
        folder.write_json("checkpoint.json", 1)


@pytest.mark.parametrize(
    "counts", [Counts(3, 2), Counts(3, 3, dropped=1), Counts(3, 1, failed=1), Counts(0, 1)]
)
def test_counts_that_do_not_add_up(house: House, counts: Counts) -> None:
    house.counts["grow"] = counts
    with pytest.raises(StageError, match=f"grow: {counts.expected} rows were expected"):
        house.run()
    assert not (house.folder / "r" / "grow" / "done.json").exists()
    assert house.ran == ["grow"]


def test_counts_that_add_up(house: House) -> None:
    house.counts["grow"] = Counts(10, 5, dropped=3, failed=2, usd=None, notes={"a": 1})
    house.run("--only", "grow")
    counts = house.done("grow")["counts"]
    assert (counts["dropped"], counts["failed"], counts["usd"]) == (3, 2, None)


def test_a_run_folder_of_another_format(house: House) -> None:
    house.run()
    path = house.folder / "r" / "mill" / "done.json"
    path.write_text(json.dumps(house.done("mill") | {"format": 99}), encoding="utf-8")
    for arguments in ((), ("--redo",)):
        with pytest.raises(StageError, match=r"mill was written in format 99; this version reads"):
            house.run(*arguments)
    assert path.exists()


TWO = '{ job = "grow" }, { job = "grow", name = "grow_more" }, '


@pytest.mark.parametrize(
    ("stages", "read"),
    [
        (TWO + '{ job = "mill" }', "grow_more"),  # the last before it
        (TWO + '{ job = "mill", inputs = { grow = "grow" } }', "grow"),
        ('{ job = "grow" }, { job = "mill" }, { job = "grow", name = "late" }', "grow"),
    ],
)
def test_inputs_by_name_and_by_default(house: House, stages: str, read: str) -> None:
    [mill] = [stage for stage in house.stages(stages=stages) if stage.name == "mill"]
    assert mill.input("grow") == Folder(f"{house.folder}/r/{read}")
    assert list(mill.identity()["inputs"]) == [read]


@pytest.mark.parametrize(
    ("stages", "named"),
    [
        (TWO + '{ job = "mill", inputs = { grow = "grwo" } }', "'grwo', which is no stage before"),
        ('{ job = "mill", inputs = { grow = "grow" } }, { job = "grow" }', "no stage before"),
        (TWO + '{ job = "mill", inputs = { grwo = "grow" } }', "'grwo', which mill does not read"),
    ],
)
def test_inputs_that_cannot_be(house: House, stages: str, named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        house.run(stages=stages)
    assert house.ran == []


def test_an_input_that_no_stage_makes(house: House) -> None:
    with pytest.raises(StageError, match="'mill' needs what 'grow' writes.*Add"):
        house.run(stages='{ job = "mill" }')


HOLDER = """
import sys
from jobs.runtime.lock import only_one
from jobs.runtime.storage import Folder
with only_one(Folder(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_run_folder_has_one_holder_and_is_free_when_it_is_killed(house: House) -> None:
    folder = house.folder / "r"
    command_line = [sys.executable, "-c", HOLDER, str(folder)]
    with subprocess.Popen(
        command_line, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(StageError, match=rf"in use by process {holder.pid} on .*--run NAME"):
            house.run()
        assert house.run("--run", "other") == ["grow", "mill", "bake"]
        holder.kill()
    assert house.run() == ["grow", "mill", "bake"]


def test_a_lease_in_an_object_store(tmp_path: Path) -> None:
    far = Folder(f"file://{tmp_path}/r")
    with only_one(far), pytest.raises(StageError, match="in use by process"), only_one(far):
        pass
    with only_one(far):
        pass


def test_a_lease_is_renewed_while_it_is_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "LEASE_SECONDS", 0.6)
    far = Folder(f"file://{tmp_path}/r")
    with only_one(far):
        time.sleep(1.5)
        with pytest.raises(StageError, match="in use by process"), only_one(far):
            pass
    with only_one(far):
        pass


@pytest.mark.parametrize(
    ("job", "may"),
    [
        ("answer", True), ("examine", True), ("judge", True), ("evaluate", True),
        ("generate", False), ("sft", False),
    ],
)  # fmt: skip
def test_validation_briefs_are_for_few_jobs(house: House, job: str, may: bool) -> None:
    """A stage that may ask goes on to look for the table, which is not there."""
    house.known = {name: house.job(name, lambda stage: 1, ("brief",)) for name in ("brief", job)}
    *_, stage = house.stages(stages=f'{{ job = "brief" }}, {{ job = "{job}" }}')
    with pytest.raises(InputError if may else StageError, match="brief" if may else "dev"):
        read_briefs(stage, "dev", "val")
    with pytest.raises(InputError, match="no table Brief"):
        read_briefs(stage, "train", "dev")


def test_an_error_ends_the_command_with_one_message(
    house: House, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "discover", lambda: house.known)
    house.stages()
    with pytest.raises(SystemExit) as ended:
        command.start(arguments=[str(house.folder / "a.toml"), "--grow.grains", "-1"])
    assert ended.value.code == 1
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert "Traceback" not in said
