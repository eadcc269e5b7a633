"""Starting the provider in a process of its own and reading its ledger."""

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from jobs.domain.brand import ROOT
from tests.wire.manners import Manners


@dataclass(frozen=True)
class Running:
    """A provider that answers."""

    port: int
    pid: int

    @property
    def url(self) -> str:
        """Its base URL, as a config names it."""
        return f"http://127.0.0.1:{self.port}/v1"

    def ledger(self) -> dict[str, Any]:
        """What it would bill by now."""
        address = f"http://127.0.0.1:{self.port}/test/ledger"
        with urllib.request.urlopen(address, timeout=30) as reply:
            account: dict[str, Any] = json.load(reply)
        return account


@contextmanager
def provider(manners: Manners | None = None, cores: Sequence[int] = ()) -> Iterator[Running]:
    """A provider on loopback while the block runs, on these cores if any are named."""
    line = [
        sys.executable,
        "-m",
        "tests.wire",
        "--manners",
        (manners or Manners()).model_dump_json(),
    ]
    with subprocess.Popen(line, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            if cores:
                os.sched_setaffinity(process.pid, cores)
            said = process.stdout.readline() if process.stdout else ""
            if not said.startswith("port "):
                raise RuntimeError("the provider did not start; its message is above.")
            yield Running(int(said[5:]), process.pid)
        finally:
            process.kill()
