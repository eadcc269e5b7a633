"""One run of the smoke journey, shared by all tests that look at what it left."""

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CONFIG = "configs/smoke.toml"
SMOKE_SECONDS = 900  # it takes about two minutes on two quiet cores


@dataclass(frozen=True)
class Journey:
    """A finished run."""

    storage: Path
    output: str
    extensions: Path  # where torch puts the kernels that it compiles

    @property
    def folder(self) -> Path:
        """The run's folder."""
        return self.storage / "smoke"


def command(module: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m module ...` from the repository root, as a person would."""
    line: Sequence[str] = (sys.executable, "-m", module, *arguments)
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", **variables}
    environment.pop("RAY_ADDRESS", None)
    return subprocess.run(
        line, cwd=ROOT, capture_output=True, text=True, timeout=SMOKE_SECONDS, env=environment,
        check=False,
    )  # fmt: skip


@pytest.fixture(scope="session")
def journey(tmp_path_factory: pytest.TempPathFactory) -> Journey:
    """The smoke config's stages, run by the pipeline in a storage of their own."""
    storage, extensions = (tmp_path_factory.mktemp(name) for name in ("storage", "extensions"))
    done = command(
        "jobs.pipeline", CONFIG, "--storage", str(storage), TORCH_EXTENSIONS_DIR=str(extensions)
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return Journey(storage, done.stdout + done.stderr, extensions)
