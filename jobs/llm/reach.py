"""From an account's settings to an endpoint that answers: starts the offline stand-in if asked."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from pydantic import Field

from jobs.domain.brand import ROOT
from jobs.domain.errors import SettingsError, StageError
from jobs.domain.text import fingerprint
from jobs.llm.api import Api, api_key
from jobs.llm.budget import Budget, PurseActor
from jobs.llm.client import Endpoint
from jobs.llm.merging import BY_BATCH, merge, spent_by_stage
from jobs.runtime.config import Section
from jobs.runtime.stage import Stage
from jobs.runtime.storage import Folder

ACCOUNT = "account.json"  # in a model's journal: whose replies lie there


class Offline(Section):
    """The offline teacher: shares of what it writes in which it plants a defect, and its seed."""

    seed: int = 0
    stray_tag: float = Field(default=0.06, ge=0, le=1)
    flat: float = Field(default=0.06, ge=0, le=1)
    no_call_to_action: float = Field(default=0.06, ge=0, le=1)
    banned_word: float = Field(default=0.03, ge=0, le=1)
    false_fact: float = Field(default=0.03, ge=0, le=1)
    near_duplicate: float = Field(default=0.02, ge=0, le=1)
    mend_failure: float = Field(default=0.05, ge=0, le=1)
    repeated_pair: float = Field(default=0.08, ge=0, le=1, description="of proposed pairs")
    broken_json: float = Field(default=0.05, ge=0, le=1, description="of replies with pairs")
    bad_negative: float = Field(default=0.08, ge=0, le=1, description="of negatives: no good pair")


def source_digest(folder: str) -> str:
    """Names a stand-in by its files: its replies in the journal are those of this version."""
    root = ROOT / "jobs" / "llm" / "offline" / folder
    files = sorted(path for path in root.rglob("*") if path.is_file() and path.suffix != ".pyc")
    return fingerprint(*(path.read_bytes().hex() for path in files))


def check_key(role: str) -> Callable[[Stage], None]:
    """A job's check that the section `role` has its key. The check raises SettingsError."""

    def check(stage: Stage) -> None:
        api = stage.section(role, Api)
        api_key(api)
        check_budget(stage, api)

    return check


def check_budget(stage: Stage, api: Api) -> None:
    """Raises SettingsError where a budget is set for a model whose price is not known."""
    if stage.section("budget", Budget).usd is not None and api.price is None:
        raise SettingsError(
            f"[budget] usd is set, but the price of {api.model!r} at {api.base_url} is not known. "
            f"Add it to configs/prices/models.toml, or take the budget out."
        )


def purse(stage: Stage, journals: Folder, usd: float) -> Any:
    """An actor that holds what the budget leaves after all that the run has paid so far."""
    spent = 0.0
    for name in journals.folders():
        folder = journals / name
        account = folder.read_json(ACCOUNT)
        price = Api(**account).price
        for stage_id, sums in spent_by_stage(folder).items():
            if price is not None and stage_id.startswith(f"{stage.config.run}/"):
                spent += price.usd(sums.usage, batch=stage_id.endswith(BY_BATCH))
    return PurseActor.remote(usd - spent)


@contextmanager
def reach(stage: Stage, role: str) -> Iterator[Endpoint]:
    """The endpoint of the section `role` (teacher, judge or rater) while the block runs.

    Raises SettingsError for a missing key, StageError where the stand-in does not start.
    """
    api = stage.section(role, Api)
    api_key(api)
    journals = Folder(stage.run_folder.address.rpartition("/")[0]) / "journal"
    folder = journals / fingerprint(api.base_url, api.model)
    if not (folder / ACCOUNT).exists():
        folder.write_json(ACCOUNT, {"base_url": api.base_url, "model": api.model})
    merge(folder)
    usd = stage.section("budget", Budget).usd
    paying: dict[str, Any] = {"stage_id": stage.stage_id, "price": api.price}
    if not api.is_offline:
        if usd is not None:
            paying |= {"purse": purse(stage, journals, usd), "budget_usd": usd}
        yield Endpoint(api, api.base_url, api.base_url, folder, **paying)
        return
    settings = stage.section("offline", Offline).model_dump() if role == "teacher" else {}
    name = f"offline/{role}/{source_digest(role)}/{fingerprint(json.dumps(settings))}"
    command = [sys.executable, "-m", "jobs.llm.offline", role, "--settings", json.dumps(settings)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            line = process.stdout.readline() if process.stdout else ""
            if not line.startswith("port "):
                raise StageError(f"the offline {role} did not start; its message is above.")
            url = f"http://127.0.0.1:{int(line[5:])}/v1"
            yield Endpoint(api, url, name, folder, **paying)
        finally:
            process.terminate()
