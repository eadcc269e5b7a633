"""Benches: `python -m tests.bench.<name>`; the last line is JSON with name, ratio, ok.

What a bench measured is kept in `results/<name>.json` with the commit and the machine.
"""

import json
import os
import platform
import time
from pathlib import Path
from typing import Any

import psutil

from jobs.runtime.command import commit

RESULTS = Path(__file__).parent / "results"


def machine() -> dict[str, Any]:
    """What the figures depend on, the load by others included."""
    return {
        "cores": len(os.sched_getaffinity(0)),
        "processor": platform.machine(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        "load": round(os.getloadavg()[1], 1),
        "python": platform.python_version(),
    }


def conclude(name: str, ratio: float, ok: bool, **figures: Any) -> None:
    """Keep the result and print it as the bench's last line."""
    line = {"name": name, "ratio": round(ratio, 3), "ok": ok, **figures}
    kept = {**line, "commit": commit(), "date": time.strftime("%Y-%m-%d"), "machine": machine()}
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps(kept, indent=1) + "\n"
    (RESULTS / f"{name}.json").write_text(text, encoding="utf-8")
    print(json.dumps(line), flush=True)
