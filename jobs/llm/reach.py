"""From an account's settings to an endpoint that answers: starts the offline stand-in if asked."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pydantic import Field

from jobs.domain.brand import ROOT
from jobs.domain.errors import StageError
from jobs.domain.text import fingerprint
from jobs.llm.api import Api, api_key
from jobs.llm.client import Endpoint
from jobs.runtime.config import Section
from jobs.runtime.stage import Stage


class Offline(Section):
    """The offline teacher: shares of drafts in which it plants a defect, and its seed."""

    seed: int = 0
    stray_tag: float = Field(default=0.06, ge=0, le=1)
    flat: float = Field(default=0.06, ge=0, le=1)
    no_call_to_action: float = Field(default=0.06, ge=0, le=1)
    banned_word: float = Field(default=0.03, ge=0, le=1)
    false_fact: float = Field(default=0.03, ge=0, le=1)
    near_duplicate: float = Field(default=0.02, ge=0, le=1)
    mend_failure: float = Field(default=0.05, ge=0, le=1)


def source_digest(folder: str) -> str:
    """Names a stand-in by its files: its replies in the journal are those of this version."""
    root = ROOT / "jobs" / "llm" / "offline" / folder
    files = sorted(path for path in root.rglob("*") if path.is_file() and path.suffix != ".pyc")
    return fingerprint(*(path.read_bytes().hex() for path in files))


def check_key(role: str) -> Callable[[Stage], None]:
    """A job's check that the section `role` has its key. The check raises SettingsError."""

    def check(stage: Stage) -> None:
        api_key(stage.section(role, Api))

    return check


@contextmanager
def reach(stage: Stage, role: str) -> Iterator[Endpoint]:
    """The endpoint of the section `role` (teacher or judge) while the block runs.

    Raises SettingsError for a missing key, StageError where the stand-in does not start.
    """
    api = stage.section(role, Api)
    api_key(api)
    journal = stage.run_folder.address.rpartition("/")[0] + "/journal"
    folder = type(stage.run_folder)(journal) / fingerprint(api.base_url, api.model)
    if not api.is_offline:
        yield Endpoint(api, api.base_url, api.base_url, folder)
        return
    settings = stage.section("offline", Offline).model_dump() if role == "teacher" else {}
    name = f"offline/{role}/{source_digest(role)}/{fingerprint(json.dumps(settings))}"
    command = [sys.executable, "-m", "jobs.llm.offline", role, "--settings", json.dumps(settings)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            line = process.stdout.readline() if process.stdout else ""
            if not line.startswith("port "):
                raise StageError(f"the offline {role} did not start; its message is above.")
            yield Endpoint(api, f"http://127.0.0.1:{int(line[5:])}/v1", name, folder)
        finally:
            process.terminate()
