"""Make, list and revoke API keys.

    python -m serve.keys add anna --models 'housestyle*' --requests-per-minute 60
    python -m serve.keys list
    python -m serve.keys revoke anna

A key is printed once, when it is made, and lies nowhere: the file holds its hash. Endpoints that
read the file follow it without being started again.
"""

import argparse
import fcntl
import hashlib
import os
import secrets
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from jobs.domain.errors import InputError
from serve.keyring import PREFIX, Key, read_keys
from serve.quotas import Allowance

# Outside the repository: neither committed nor carried along as Ray's working directory.
FILE = "~/.config/housestyle/keys.jsonl"


@contextmanager
def changing(path: Path) -> Iterator[list[Key]]:
    """The keys of a file, to be changed in place; written when the block ends without an error.

    One process at a time; readers see the file as it was or as it is, never half of it.
    """
    path = path.expanduser().resolve()  # of a link, the file that it leads to is replaced
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = os.open(path.with_name(f"{path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        keys = read_keys(path) if path.exists() else []
        yield keys
        replace(path, "".join(f"{key.model_dump_json()}\n" for key in keys))
    finally:
        os.close(lock)


def replace(path: Path, text: str) -> None:
    """Write a file of mode 0600 in one step, on the disk when this returns."""
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(handle)
        Path(draft).replace(path)
    finally:
        Path(draft).unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    os.fsync(folder)  # else a power cut could bring a revoked key back
    os.close(folder)


def now() -> str:
    """This second, in UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def add(path: Path, name: str, models: list[str], allowance: Allowance) -> str:
    """Write a new key to the file and return it, the only time. Raises InputError."""
    secret = PREFIX + secrets.token_urlsafe(32)
    digest = hashlib.sha256(secret.encode()).hexdigest()
    try:
        key = Key(name=name, sha256=digest, models=models, allowance=allowance, created=now())
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(
            f"{first['loc'][0]}: found {first['input']!r}; wanted letters, digits, '.', '_' and "
            f"'-', for models ':' and '*' too. Choose another."
        ) from None
    with changing(path) as keys:
        if any(other.name == name for other in keys):
            raise InputError(f"{path} has a key {name!r} already. Choose another name.")
        keys.append(key)
    return secret


def revoke(path: Path, name: str) -> None:
    """End a key's life; its line stays, so that its name is not given again. Raises InputError."""
    with changing(path) as keys:
        for position, key in enumerate(keys):
            if key.name == name and key.revoked is None:
                keys[position] = key.model_copy(update={"revoked": now()})
                return
        names = ", ".join(key.name for key in keys if key.revoked is None) or "none"
        raise InputError(f"{path} has no valid key {name!r}; there are {names}.")


def table(keys: Sequence[Key]) -> str:
    """What may be known of each key, in columns."""
    rows: list[tuple[str, ...]] = [
        ("name", "models", "requests/min", "tokens/min", "in flight", "created", "revoked")
    ]
    for key in keys:
        limits = (str(value) for value in key.allowance.model_dump().values())
        rows.append((key.name, ",".join(key.models), *limits, key.created, key.revoked or "-"))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def main(arguments: Sequence[str]) -> None:
    """Add, list or revoke."""
    parser = argparse.ArgumentParser(prog="python -m serve.keys", description="API keys.")
    actions = parser.add_subparsers(dest="action", required=True)
    place = argparse.ArgumentParser(add_help=False)
    place.add_argument("--file", type=Path, default=Path(FILE), help=f"default: {FILE}")
    adding = actions.add_parser("add", parents=[place], help="make a key and show it once")
    adding.add_argument("name", help="who or what it is for: kept, listed and logged")
    adding.add_argument("--models", nargs="+", default=["*"], help="names or patterns; default: *")
    for name, field in Allowance.model_fields.items():
        option = f"--{name.replace('_', '-')}"
        adding.add_argument(option, type=int, default=field.default, help=f"{field.default}")
    actions.add_parser("list", parents=[place], help="all keys, without any secret")
    revoking = actions.add_parser("revoke", parents=[place], help="end a key's life")
    revoking.add_argument("name")
    chosen = parser.parse_args(arguments)
    path = chosen.file.expanduser()
    if chosen.action == "add":
        limits = {name: getattr(chosen, name) for name in Allowance.model_fields}
        secret = add(path, chosen.name, chosen.models, allowance_of(limits))
        print(f"the key of {chosen.name!r}, shown this once:", file=sys.stderr)
        print(secret)
    elif chosen.action == "revoke":
        revoke(path, chosen.name)
        print(f"{chosen.name!r} is revoked; endpoints that read {path} refuse it from now on")
    else:
        print(table(read_keys(path)))


def allowance_of(limits: dict[str, int]) -> Allowance:
    """The limits of a key. Raises InputError."""
    try:
        return Allowance(**limits)
    except ValidationError as error:
        first = error.errors()[0]
        option = str(first["loc"][0]).replace("_", "-")
        raise InputError(f"--{option} {first['input']}: wanted 1 or more. Correct it.") from None


if __name__ == "__main__":
    from jobs.runtime.command import speaking  # brings Ray, which takes a second

    speaking(lambda: main(sys.argv[1:]))
