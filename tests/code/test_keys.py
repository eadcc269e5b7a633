"""API keys: the file, the command, and the ring that follows the file."""

import hashlib
import json
import logging
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from jobs.domain.brand import ROOT
from jobs.domain.errors import InputError
from serve.keyring import SHAPE, Key, KeyRing, read_keys
from serve.keys import add, main, revoke, table
from serve.quotas import Allowance

LIMITS = Allowance(requests_per_minute=5, tokens_per_minute=500, in_flight=2)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "secrets" / "keys.jsonl"


def test_a_key_is_found_as_it_was_added(path: Path) -> None:
    first, second = add(path, "anna", ["housestyle*"], LIMITS), add(path, "bo", ["*"], Allowance())
    ring = KeyRing(path)
    anna = ring.find(first)
    assert anna is not None
    assert (anna.name, anna.models, anna.allowance) == ("anna", ["housestyle*"], LIMITS)
    assert [key.name for key in read_keys(path)] == ["anna", "bo"]
    assert len({first, second}) == 2
    for wrong in (
        "",
        first[:-1],
        first + "A",
        first + "\n",
        first.upper(),
        first[3:],
        second[:20] + first[20:],
        anna.sha256,  # who has read the file has no key
        "hs-" + "\u0660" * 43,
        "hs-" + "\ud800" * 43,
        "x" * 10**6,
    ):
        assert ring.find(wrong) is None, wrong[:80]


@pytest.mark.parametrize(
    ("models", "allowed", "refused"),
    [
        (["housestyle"], ["housestyle"], ["housestyle:yuansu", "Housestyle", "", "xhousestyle"]),
        (["housestyle:*"], ["housestyle:yuansu", "housestyle:"], ["housestyle", "other:yuansu"]),
        (["a", "b"], ["a", "b"], ["ab", "*", "c"]),
        (["*"], ["anything", "a:b"], []),
    ],
)
def test_scopes(models: list[str], allowed: list[str], refused: list[str]) -> None:
    key = Key(name="anna", sha256="0" * 64, models=models, allowance=LIMITS, created="")
    assert [model for model in allowed + refused if key.may_use(model)] == allowed


def test_no_secret_lies_anywhere(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        secret = add(path, "anna", ["*"], LIMITS)
        ring = KeyRing(path)
        ring.find(secret)
        revoke(path, "anna")
        ring.find(secret)
    digest = hashlib.sha256(secret.encode()).hexdigest()
    for text in (caplog.text, repr(read_keys(path)), table(read_keys(path))):
        assert secret not in text
        assert digest not in text
    written = [found.read_bytes() for found in path.parent.iterdir()]
    assert secret.encode() not in b"".join([*written, pickle.dumps(ring)])
    assert digest.encode() in path.read_bytes()


def test_the_file_is_its_owners_alone(path: Path) -> None:
    add(path, "anna", ["*"], LIMITS)
    path.chmod(0o640)
    assert len(read_keys(path)) == 1  # a group may read it
    add(path, "bo", ["*"], LIMITS)
    assert {oct(found.stat().st_mode & 0o777) for found in path.parent.iterdir()} == {"0o600"}
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert sorted(found.name for found in path.parent.iterdir()) == [path.name, f"{path.name}.lock"]


@pytest.mark.parametrize("mode", [0o604, 0o644, 0o602, 0o620, 0o666, 0o601])
def test_a_file_open_to_others_is_refused(path: Path, mode: int) -> None:
    add(path, "anna", ["*"], LIMITS)
    path.chmod(mode)
    for read in (read_keys, KeyRing, lambda found: add(found, "bo", ["*"], LIMITS)):
        with pytest.raises(InputError, match=f"has mode 0{mode:o}.*chmod 600 {path}"):
            read(path)


@pytest.mark.skipif(os.geteuid() != 0, reason="root alone can give a file away")
def test_a_strangers_file_is_refused(path: Path) -> None:
    add(path, "anna", ["*"], LIMITS)
    os.chown(path, 4711, -1)
    with pytest.raises(InputError, match="belongs to user 4711.*chown 0"):
        read_keys(path)


def rewrite(change: Callable[[dict[str, object]], object]) -> Callable[[Path], object]:
    """A change to the first line's object."""

    def apply(path: Path) -> None:
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        change(lines[0])
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))

    return apply


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "no JSON": (lambda path: path.write_text('{"name": "zoe-4711'), "line 1: not a JSON object"),
    "an array": (lambda path: path.write_text("[4711]\n"), "line 1"),
    "deep": (lambda path: path.write_text("[" * 100_000), "line 1: not a JSON object"),
    "bytes": (lambda path: path.write_bytes(b"\xff\xfe4711"), "not UTF-8"),
    "a secret in clear": (
        rewrite(lambda line: line.update(secret="hs-zoe-4711")),
        "line 1: secret: extra inputs",
    ),
    "no hash": (rewrite(lambda line: line.update(sha256="4711")), "line 1: sha256"),
    "no limit": (rewrite(lambda line: line.update(allowance={"in_flight": 0})), "in_flight"),
    "one name twice": (rewrite(lambda line: line.update(name="bo")), "1 and 2 have one name"),
    "gone": (lambda path: path.unlink(), "No such file"),
    "open to others": (lambda path: path.chmod(0o644), "chmod 600"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_file_changes_nothing_until_it_is_whole(
    path: Path, caplog: pytest.LogCaptureFixture, case: str
) -> None:
    spoil, complaint = BROKEN[case]
    secret, other = add(path, "anna", ["*"], LIMITS), add(path, "bo", ["*"], LIMITS)
    ring, whole = KeyRing(path), path.read_text()
    spoil(path)
    with pytest.raises(InputError, match=complaint):
        KeyRing(path)
    for _ in range(3):
        assert ring.find(secret) is not None
    assert len(caplog.records) == 1, "said once, not at every request"
    assert complaint in caplog.text
    assert "4711" not in caplog.text, "what stands in the file stays there"
    path.write_text("".join(whole.splitlines(keepends=True)[1:]))
    path.chmod(0o600)
    assert ring.find(secret) is None
    assert ring.find(other) is not None


def test_a_running_ring_follows_the_command(path: Path) -> None:
    first = add(path, "anna", ["*"], LIMITS)
    ring = KeyRing(path)
    second = add(path, "bo", ["*"], LIMITS)
    assert ring.find(second) is not None
    revoke(path, "anna")
    assert ring.find(first) is None
    assert ring.find(second) is not None


def test_a_link_stays_one(path: Path, tmp_path: Path) -> None:
    """As Kubernetes lays secrets out."""
    add(path, "anna", ["*"], LIMITS)
    link = tmp_path / "keys"
    link.symlink_to(path)
    ring = KeyRing(link)
    assert ring.find(add(link, "bo", ["*"], LIMITS)) is not None
    assert link.is_symlink()
    assert len(read_keys(path)) == 2


def test_names_are_given_once(path: Path) -> None:
    add(path, "anna", ["*"], LIMITS)
    revoke(path, "anna")
    before = path.read_bytes()
    for attempt in (
        lambda: add(path, "anna", ["*"], LIMITS),
        lambda: add(path, "an na", ["*"], LIMITS),
        lambda: add(path, "bo", ["a b"], LIMITS),
        lambda: add(path, "bo", [], LIMITS),
        lambda: revoke(path, "anna"),
        lambda: revoke(path, "bo"),
    ):
        with pytest.raises(InputError, match=r"Choose another|no valid key"):
            attempt()
    assert path.read_bytes() == before


ADDING = """
import sys, pathlib
from serve.keys import add
from serve.quotas import Allowance
print("ready", flush=True)
sys.stdin.readline()
for number in range(10):
    print(add(pathlib.Path(sys.argv[1]), f"{sys.argv[2]}-{number}", ["*"], Allowance()))
"""


def test_eight_processes_lose_no_key(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    add(path, "first", ["*"], LIMITS)
    ring = KeyRing(path)
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", ADDING, str(path), str(number)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(8)
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("\n")
        writer.stdin.flush()
    while any(writer.poll() is None for writer in writers):
        ring.find("")  # reads whatever is there
    secrets = [line for writer in writers for line in writer.communicate()[0].split()]
    assert len(set(secrets)) == 80
    assert all(ring.find(secret) is not None for secret in secrets)
    assert len(read_keys(path)) == 81
    assert "stay valid" not in caplog.text, "a reader saw half a file"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "serve.keys", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = ("--file", str(path))
    done = run("add", "anna", "--models", "a", "b:*", "--requests-per-minute", "7", *place)
    secret = done.stdout.strip()
    assert SHAPE.fullmatch(secret), "the key and nothing else, to be piped into a secret store"
    assert secret not in done.stderr
    key = KeyRing(path).find(secret)
    assert key is not None
    assert (key.models, key.allowance) == (["a", "b:*"], Allowance(requests_per_minute=7))
    failed = run("add", "anna", *place)
    assert (failed.returncode, failed.stdout) == (1, "")
    assert failed.stderr.startswith("error: ")
    main(["revoke", "anna", *place])
    main(["list", *place])
    shown = capsys.readouterr().out
    assert "anna" in shown
    assert "a,b:*" in shown
    assert key.sha256[:8] not in shown
    assert KeyRing(path).find(secret) is None
    with pytest.raises(InputError, match="--in-flight 0: wanted 1 or more"):
        main(["add", "bo", "--in-flight", "0", *place])
