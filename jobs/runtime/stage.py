"""One stage of a run: what it reads and writes, whether it is done, and running it.

`runs/<run>/<stage>/done.json` is written last. It holds the settings and sources that shaped the
stage and the fingerprints of its inputs; while these are the same the stage is skipped.
"""

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, TypeVar

from jobs.domain.brand import ROOT, Guide, load_guide
from jobs.domain.errors import SettingsError, StageError
from jobs.domain.text import fingerprint
from jobs.runtime.config import Section, StageSpec, Whole, section_of
from jobs.runtime.profile import Profile, read_profile
from jobs.runtime.storage import Folder

FORMAT = 1  # of a run's folder; another number is refused
DONE = "done.json"
BEGUN = "begun.json"  # the identity of a stage when it was started

S = TypeVar("S", bound=Section)


@dataclass(frozen=True)
class Counts:
    """What went in and came out of a stage; `expected` rows must all be accounted for."""

    expected: int
    out: int
    dropped: int = 0
    failed: int = 0
    usd: float | None = 0.0  # paid by this stage of the run so far; None: the price is not known
    notes: dict[str, Any] = field(default_factory=dict)  # figures worth keeping

    def check(self, stage: str) -> None:
        """Raise StageError where a row was lost or doubled."""
        if self.out + self.dropped + self.failed != self.expected:
            raise StageError(
                f"{stage}: {self.expected} rows were expected but {self.out} came out, "
                f"{self.dropped} were dropped and {self.failed} failed. Nothing was marked as "
                f"done; run it again, and report this if it stays."
            )


@dataclass(frozen=True)
class Job:
    """What a job file declares of itself."""

    name: str
    main: Callable[["Stage"], Counts]
    sections: Mapping[str, type[Section]]  # settings that shape its result; its own has its name
    reads: tuple[str, ...] = ()  # jobs whose output it reads; those not in the config are left out
    reads_named: Callable[["Stage"], Sequence[str]] | None = None  # stages that settings name
    sources: tuple[str, ...] = ()  # files or folders whose content shapes it; {brand} is filled in
    files: Callable[["Stage"], Sequence[Path]] | None = None  # the same, where settings name them
    needs_ray: bool = True
    check: Callable[["Stage"], None] | None = None  # raises, before anything starts, what will fail


@dataclass(frozen=True)
class Stage:
    """A stage's place in a run: handed to the job's `main`."""

    job: Job
    spec: StageSpec
    config: Whole
    jobs: Mapping[str, Job]  # every job there is, by name

    @property
    def name(self) -> str:
        """The stage's folder name."""
        return self.spec.folder

    @cached_property
    def run_folder(self) -> Folder:
        """Where the whole run lies."""
        return Folder.at(self.config.storage) / self.config.run

    @cached_property
    def folder(self) -> Folder:
        """Where this stage writes."""
        return self.run_folder / self.name

    @property
    def stage_id(self) -> str:
        """Names this stage among all runs, for actors."""
        return f"{self.config.run}/{self.name}"

    @cached_property
    def profile(self) -> Profile:
        """Where it runs."""
        return read_profile(self.config.profile)

    @cached_property
    def guide(self) -> Guide:
        """The brand's guide."""
        return load_guide(self.config.brand)

    def settings(self, cls: type[S]) -> S:
        """The stage's own section: of its name, else of its job's."""
        own = getattr(self.config, self.name, None)
        return section_of(self.config, self.name if own is not None else self.job.name, cls)

    def section(self, name: str, cls: type[S]) -> S:
        """A section that several jobs share."""
        return section_of(self.config, name, cls)

    def inputs(self) -> dict[str, "Stage"]:
        """The stages it reads from, by job: named in its spec, else the last one before it.

        Those that its settings name stand there by their own names. Raises SettingsError.
        """
        before: dict[str, StageSpec] = {}
        by_name: dict[str, StageSpec] = {}
        for spec in self.config.stages:
            if spec.folder == self.name:
                break
            before[spec.job] = spec
            by_name[spec.folder] = spec
        for job in self.spec.inputs:
            if job not in self.job.reads:
                raise SettingsError(
                    f"stage {self.name!r} names an input {job!r}, which {self.job.name} does not "
                    f"read; it reads {', '.join(self.job.reads) or 'nothing'}. Correct its inputs."
                )
        chosen = {job: before[job] for job in self.job.reads if job in before}
        named = {name: name for name in (self.job.reads_named or _none)(self)}
        for key, wanted in {**self.spec.inputs, **named}.items():
            if wanted not in by_name:
                raise SettingsError(
                    f"stage {self.name!r} wants to read {key} from {wanted!r}, which is no stage "
                    f"before it; there are {', '.join(by_name)}."
                )
            chosen[key] = by_name[wanted]
        return {
            key: Stage(self.jobs[spec.job], spec, self.config, self.jobs)
            for key, spec in chosen.items()
        }

    def has_input(self, job: str) -> bool:
        """True where the config has a stage of that job before this one."""
        return job in self.inputs()

    def input(self, job: str) -> Folder:
        """Where the stage of `job` wrote. Raises StageError where the config has none."""
        stages = self.inputs()
        if job not in stages:
            raise StageError(
                f"stage {self.name!r} needs what {job!r} writes, but the config has no such stage "
                f'before it. Add [[stages]] job = "{job}".'
            )
        return stages[job].folder

    def identity(self) -> dict[str, Any]:
        """All that shapes the stage's result, as done.json keeps it."""
        settings: dict[str, Any] = {"brand": self.config.brand}
        for name, cls in self.job.sections.items():
            if not cls.shapes_result:
                continue
            value = self.settings(cls) if name == self.job.name else self.section(name, cls)
            # Of a section that another job has more of, what this job knows.
            known = None if type(value) is cls else set(cls.model_fields)
            settings[name] = value.model_dump(mode="json", include=known)
        sources = {name: _digest(name, self.config.brand) for name in self.job.sources}
        if self.job.files is not None:
            sources |= {path.name: _content_of(path) for path in self.job.files(self)}
        inputs = {stage.name: stage.fingerprint() for stage in self.inputs().values()}
        return {"settings": settings, "sources": sources, "inputs": inputs}

    def content_key(self) -> str:
        """Names the stage's content whatever the brand: for what several runs can share."""
        identity = self.identity()
        del identity["settings"]["brand"]
        return fingerprint(self.job.name, repr(identity))

    def fingerprint(self) -> str:
        """Names what the stage stands for; the same for the same identity."""
        return fingerprint(self.job.name, repr(self.identity()))

    def begun(self) -> dict[str, Any] | None:
        """The identity with which the stage was last started, None where it never was."""
        if not (self.folder / BEGUN).exists():
            return None
        identity: dict[str, Any] = self.folder.read_json(BEGUN)
        return identity

    def done(self) -> dict[str, Any] | None:
        """What done.json says, None where the stage has not finished."""
        if not (self.folder / DONE).exists():
            return None
        record: dict[str, Any] = self.folder.read_json(DONE)
        if record.get("format") != FORMAT:
            raise StageError(
                f"{self.folder.address} was written in format {record.get('format')}; this version "
                f"reads {FORMAT}. Choose another run name (--run NAME), or remove the folder."
            )
        return record


def _none(stage: Stage) -> Sequence[str]:
    return ()


def _digest(source: str, brand: str) -> str:
    """The content of a file, or of all files of a folder."""
    path = ROOT / source.format(brand=brand)
    files = (
        sorted(entry for entry in path.rglob("*") if entry.is_file()) if path.is_dir() else [path]
    )
    contents = [
        part
        for entry in files
        if entry.is_file() and entry.suffix != ".pyc"
        for part in (entry.relative_to(ROOT).as_posix(), _content_of(entry))
    ]
    return fingerprint(*contents)


def _content_of(path: Path) -> str:
    """A file's SHA-256, empty where there is none."""
    if not path.is_file():
        return ""
    state = path.stat()
    return _sha256(path, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=4096)
def _sha256(path: Path, changed_ns: int, size: int) -> str:
    """Read in parts, and once: a list may be long, and each stage asks for those before it."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def differences(done: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """The dotted keys in which two identities differ, with both values.

    >>> differences({"settings": {"sft": {"epochs": 1}}}, {"settings": {"sft": {"epochs": 2}}})
    ['settings.sft.epochs: 1 -> 2']
    """
    found = []
    for key in sorted({*done, *now}):
        before, after = done.get(key), now.get(key)
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            found += [f"{key}.{line}" for line in differences(before, after)]
        elif before != after:
            found.append(f"{key}: {before} -> {after}")
    return found


def is_done(stage: Stage) -> bool:
    """True: skip it. False: run it. Raises StageError where settings changed and `redo` is off."""
    record = stage.done()
    if record is None:
        return False
    changed = differences(record["identity"], stage.identity())
    if changed and not stage.config.redo:
        lines = "\n  ".join(changed)
        raise StageError(
            f"stage {stage.name!r} in {stage.run_folder.address} is finished with other settings:\n"
            f"  {lines}\nChoose another run name (--run NAME), or run it again with --redo."
        )
    return not changed


def run_stage(stage: Stage, commit: str) -> dict[str, Any]:
    """Run a stage and write its done.json. Raises what the job raises; then it is not done.

    What an interrupted run left is kept, so that a training goes on from its last checkpoint; but
    not where it began with other settings or inputs.
    """
    began, identity = time.monotonic(), stage.identity()
    if stage.done() is not None or stage.begun() != identity:
        stage.folder.delete()
    stage.folder.write_json(BEGUN, identity)
    counts = stage.job.main(stage)
    counts.check(stage.name)
    record = {
        "format": FORMAT,
        "job": stage.job.name,
        "stage": stage.name,
        "identity": identity,
        "counts": asdict(counts),
        "seconds": round(time.monotonic() - began, 1),
        "commit": commit,
    }
    stage.folder.write_json(DONE, record)
    return record
