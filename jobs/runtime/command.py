"""The command line of every job: read the config, find the stage, run it, say how it ended."""

import ctypes
import importlib
import pkgutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jobs
from jobs.domain.brand import ROOT
from jobs.domain.errors import HousestyleError, SettingsError
from jobs.runtime.cluster import connect
from jobs.runtime.config import Section, Whole, read_config
from jobs.runtime.lock import only_one
from jobs.runtime.profile import read_profile
from jobs.runtime.stage import Job, Stage, is_done, run_stage


def discover() -> dict[str, Job]:
    """Every job: the modules directly in jobs/ that declare a JOB."""
    found = {}
    for module in pkgutil.iter_modules(jobs.__path__):
        if not module.ispkg and module.name != "pipeline":
            job = getattr(importlib.import_module(f"jobs.{module.name}"), "JOB", None)
            if isinstance(job, Job):
                found[job.name] = job
    return found


def load(arguments: Sequence[str], known: dict[str, Job]) -> Whole:
    """The config that the arguments name. Raises SettingsError."""
    if not arguments or arguments[0].startswith("-"):
        raise SettingsError("wanted a config first: python -m jobs.<job> configs/demo.toml [...]")
    sections: dict[str, type[Section]] = {}
    for job in known.values():
        for name, cls in job.sections.items():
            if not issubclass(sections.get(name, Section), cls):  # else a fuller one is there
                sections[name] = cls
    config = read_config(Path(arguments[0]), list(arguments[1:]), sections)
    read_profile(config.profile)  # a wrong one is said now, not at the first stage that needs Ray
    for spec in config.stages:
        if spec.job not in known:
            raise SettingsError(
                f"{arguments[0]} has a stage of job {spec.job!r}; jobs are {', '.join(known)}."
            )
    names = [spec.folder for spec in config.stages]
    if len(set(names)) < len(names):
        raise SettingsError(f"{arguments[0]} has two stages of one name: {', '.join(names)}.")
    return config


def stages_of(config: Whole, known: dict[str, Job], job: str = "") -> list[Stage]:
    """The config's stages in order; with `job` or `only`, those alone. Raises SettingsError."""
    stages = [Stage(known[spec.job], spec, config, known) for spec in config.stages]
    chosen = [
        stage
        for stage in stages
        if (not job or stage.job.name == job) and (not config.only or stage.name == config.only)
    ]
    if not chosen:
        names = ", ".join(stage.name for stage in stages)
        raise SettingsError(f"no stage {config.only or job!r} in the config; it has {names}.")
    return chosen


def commit() -> str:
    """The repository's commit, empty where there is none (a submitted working directory)."""
    done = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip()


def run_all(stages: Sequence[Stage]) -> None:
    """Decide what to skip before anything starts, then run the rest in order."""
    with only_one(stages[0].run_folder):
        for stage in stages:  # every refusal comes before the first second of work
            stage.identity()
            if not is_done(stage) and stage.job.check:
                stage.job.check(stage)
        for position, stage in enumerate(stages, 1):
            label = f"[{position}/{len(stages)}] {stage.name}"
            if is_done(stage):
                print(f"{label}: done before, skipped", flush=True)
                continue
            print(f"{label}: begins", flush=True)
            if stage.job.needs_ray:
                connect(stage.profile)
            record = run_stage(stage, commit())
            print(f"{label}: {summary(record)}", flush=True)
            give_memory_back()


def give_memory_back() -> None:
    """Return what a stage held and freed to the system: allocators keep it, for ever often."""
    import pyarrow

    pyarrow.default_memory_pool().release_unused()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc has it
    if trim is not None:
        trim(0)


def summary(record: dict[str, Any]) -> str:
    """A stage's one closing line."""
    counts = record["counts"]
    parts = [f"{counts['out']} of {counts['expected']} rows"]
    parts += [f"{counts[name]} {name}" for name in ("dropped", "failed") if counts[name]]
    if counts["usd"] is None:
        parts.append("price not known")
    elif counts["usd"]:
        parts.append(f"${counts['usd']:.2f}")
    parts += [f"{key} {value}" for key, value in counts["notes"].items() if not _is_long(value)]
    return f"{', '.join(parts)} in {record['seconds']} s"


def _is_long(value: Any) -> bool:
    return len(str(value)) > 60


def speaking(action: Callable[[], None]) -> None:
    """Run it; a HousestyleError ends the process with status 1 and its message alone."""
    try:
        action()
    except HousestyleError as error:
        # An error raised in a Ray worker carries its cause; its own text is a traceback.
        print(f"error: {getattr(error, 'cause', error)}", file=sys.stderr, flush=True)
        raise SystemExit(1) from None


def start(job: str = "", arguments: Sequence[str] | None = None) -> None:
    """Run a job's stages, or all with no job; exits 1 with one message on bad input."""

    def action() -> None:
        known = discover()
        config = load(sys.argv[1:] if arguments is None else arguments, known)
        run_all(stages_of(config, known, job))

    speaking(action)
