"""API keys as a gateway reads them: a file of their hashes, followed while it changes.

The file holds a key's SHA-256. That needs no salt and no slow function, for 256 random bits can be
neither guessed nor listed. `python -m serve.keys` writes it.
"""

import hashlib
import json
import logging
import os
import re
import stat
from collections import Counter
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from jobs.domain.errors import InputError
from serve.quotas import Allowance

PREFIX = "hs-"
SHAPE = re.compile(rf"{PREFIX}[A-Za-z0-9_-]{{43}}")  # 256 bits in URL-safe base64
# A group may read it: so Kubernetes shows a secret to a process that is not root.
FORBIDDEN = 0o037

log = logging.getLogger(__name__)


class Key(BaseModel):
    """One line of the file."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: str = Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")
    sha256: str = Field(pattern="^[0-9a-f]{64}$", repr=False)
    models: list[Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:*-]{1,128}$")]] = Field(min_length=1)
    allowance: Allowance
    created: str
    revoked: str | None = None

    def may_use(self, model: str) -> bool:
        """A model's name fits one of the key's patterns; * stands for any characters."""
        return any(fnmatchcase(model, pattern) for pattern in self.models)


class Mark(NamedTuple):
    """What changes when a file does. The time of change sees a chmod and a restored mtime too."""

    device: int
    inode: int
    size: int
    modified_ns: int
    changed_ns: int


class KeyRing:
    """The keys that are valid now; the file is read again whenever it has changed.

    A file that is broken, gone or open to others changes nothing: the last good keys stay valid,
    and the log says why, once. So a slip of the pen closes no endpoint; but neither does it revoke.

    Time tells nothing about a key. What is looked up is the SHA-256 of what a client sent, in a
    dictionary; what its comparisons could tell is about digests, and who could choose a digest
    could invert SHA-256. A key that was revoked is looked up in the same way as one that never was.
    """

    def __init__(self, path: Path) -> None:
        """Read the file. Raises InputError: an endpoint does not start without its keys."""
        self.path, self.mark = path, mark_of(path)
        self.keys = by_digest(read_keys(path))

    def find(self, secret: str) -> Key | None:
        """The valid key that a client sent, None for any other text."""
        self._follow()
        if not SHAPE.fullmatch(secret):
            return None
        return self.keys.get(hashlib.sha256(secret.encode()).digest())

    def _follow(self) -> None:
        mark = mark_of(self.path)
        if mark == self.mark:
            return
        self.mark = mark
        try:
            self.keys = by_digest(read_keys(self.path))
        except InputError as error:
            log.error("the keys read before stay valid: %s", error)
        else:
            log.info("%s was read again: %d valid keys", self.path, len(self.keys))


def mark_of(path: Path) -> Mark | None:
    """None where there is no file."""
    try:
        found = path.stat()
    except OSError:
        return None
    return Mark(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def by_digest(keys: Sequence[Key]) -> dict[bytes, Key]:
    """Those that were not revoked."""
    return {bytes.fromhex(key.sha256): key for key in keys if key.revoked is None}


def read_keys(path: Path) -> list[Key]:
    """All lines of the file. Raises InputError without showing what stands in them."""
    try:
        with path.open("rb") as handle:
            refuse_open_file(path, os.fstat(handle.fileno()))
            lines = handle.read().decode().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        problem = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise InputError(
            f"{path} cannot be read ({problem}); wanted a file of API keys. Write one with "
            f"`python -m serve.keys add NAME --file {path}`."
        ) from None
    keys = [read_line(path, number, line) for number, line in enumerate(lines, 1) if line.strip()]
    for owned in ("name", "sha256"):
        twice = [value for value, n in Counter(getattr(k, owned) for k in keys).items() if n > 1]
        if twice:
            numbers = [i for i, key in enumerate(keys, 1) if getattr(key, owned) == twice[0]]
            raise InputError(
                f"{path}: keys {' and '.join(map(str, numbers))} have one {owned}; wanted each "
                f"once. Remove one of the lines."
            )
    return keys


def read_line(path: Path, number: int, line: str) -> Key:
    """One key. Raises InputError."""
    try:
        return Key.model_validate(json.loads(line))
    except (json.JSONDecodeError, RecursionError):
        problem = "not a JSON object"
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        problem = f"{'.'.join(map(str, first['loc']))}: {first['msg'].lower()}"
    raise InputError(f"{path}, line {number}: {problem}. Correct the line, or remove it.")


def refuse_open_file(path: Path, found: os.stat_result) -> None:
    """Raise InputError if others can read the file, or may have written it."""
    mode = stat.S_IMODE(found.st_mode)
    if mode & FORBIDDEN:
        raise InputError(
            f"{path} has mode {mode:04o}, which lets others in; wanted 0600, or 0640 for a group "
            f"that reads it. Run `chmod 600 {path}`."
        )
    if found.st_uid not in (0, os.geteuid()):
        raise InputError(
            f"{path} belongs to user {found.st_uid}, who could add keys to it; wanted a file of "
            f"this process's user, {os.geteuid()}. Run `chown {os.geteuid()} {path}`."
        )
