"""Folders on a disk or in an object store, by pyarrow's file systems."""

import io
import json
import os
import posixpath
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyarrow import fs

from jobs.domain.text import fingerprint

READ_AT_ONCE = 2**20  # bytes


@dataclass(frozen=True)
class Folder:
    """A place that files are written to: a local path, or s3://bucket/path, gs://bucket/path."""

    address: str

    def __truediv__(self, name: str) -> "Folder":
        return Folder(posixpath.join(self.address, name))

    @classmethod
    def at(cls, address: str) -> "Folder":
        """A folder by its address; a local one is made absolute, as workers run elsewhere."""
        here = cls(address)
        return cls(str(here.local_path())) if here.is_local else here

    @property
    def is_local(self) -> bool:
        """True where the address is a path of this machine."""
        return "://" not in self.address

    def resolve(self) -> tuple[fs.FileSystem, str]:
        """pyarrow's file system and the path in it."""
        if self.is_local:
            return fs.LocalFileSystem(), str(Path(self.address).absolute())
        filesystem, path = fs.FileSystem.from_uri(self.address)
        return filesystem, path

    def local_path(self) -> Path:
        """The folder as a path. Raises ValueError for an object store."""
        if not self.is_local:
            raise ValueError(f"{self.address} is not on this machine")
        return Path(self.address).absolute()

    def fetch(self) -> Path:
        """The folder on this machine: itself, or a copy of an object store's, made once.

        The copy is known by what lies there now: a stage that was run again is copied again.
        """
        if self.is_local:
            return self.local_path()
        filesystem, path = self.resolve()
        found = filesystem.get_file_info(fs.FileSelector(path, recursive=True))
        listing = sorted(f"{info.path} {info.size} {info.mtime_ns}" for info in found)
        copy = Path(tempfile.gettempdir()) / "housestyle" / fingerprint(self.address, *listing)
        if not copy.exists():
            draft = copy.with_name(f"{copy.name}.{uuid.uuid4().hex[:8]}")
            draft.mkdir(parents=True)
            fs.copy_files(path, str(draft), source_filesystem=filesystem)
            try:
                draft.rename(copy)
            except OSError:  # another process of this machine was first: actors start together
                if not copy.exists():
                    raise
                shutil.rmtree(draft)
        return copy

    def publish(self, folder: Path) -> None:
        """Take over a finished local folder: renamed on a disk, copied to an object store."""
        if self.is_local:
            target = self.local_path()
            target.parent.mkdir(parents=True, exist_ok=True)
            draft = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}")
            shutil.copytree(folder, draft)
            self.delete()
            draft.rename(target)
        else:
            self.delete()
            filesystem, path = self.resolve()
            fs.copy_files(str(folder), path, destination_filesystem=filesystem)

    def exists(self) -> bool:
        """True where a file or folder of this address is there."""
        filesystem, path = self.resolve()
        return bool(filesystem.get_file_info(path).type != fs.FileType.NotFound)

    def names(self) -> list[str]:
        """Names of the files directly in the folder, sorted; empty where there is no folder.

        Files that `write_bytes` had not finished when its process was killed are left out.
        """
        filesystem, path = self.resolve()
        found = filesystem.get_file_info(fs.FileSelector(path, allow_not_found=True))
        files = (info.base_name for info in found if info.type == fs.FileType.File)
        return sorted(name for name in files if not name.startswith("."))

    def folders(self) -> list[str]:
        """Names of the folders directly in the folder, sorted; empty where there is none."""
        filesystem, path = self.resolve()
        found = filesystem.get_file_info(fs.FileSelector(path, allow_not_found=True))
        return sorted(info.base_name for info in found if info.type == fs.FileType.Directory)

    def delete(self) -> None:
        """Remove the folder with all in it; nothing happens where there is none."""
        filesystem, path = self.resolve()
        if filesystem.get_file_info(path).type == fs.FileType.Directory:
            filesystem.delete_dir(path)

    def write_bytes(self, name: str, content: bytes) -> None:
        """Publish one file whole or not at all, durable on return."""
        filesystem, path = self.resolve()
        filesystem.create_dir(path)
        if not self.is_local:
            with filesystem.open_output_stream(posixpath.join(path, name)) as stream:
                stream.write(content)
            return
        target = Path(path) / name
        draft = target.with_name(f".{name}.{uuid.uuid4().hex[:8]}")
        with draft.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(target)

    def read_bytes(self, name: str) -> bytes:
        """The content of one file. Raises FileNotFoundError."""
        filesystem, path = self.resolve()
        with filesystem.open_input_stream(posixpath.join(path, name)) as stream:
            return bytes(stream.read())

    def read_lines(self, name: str) -> Iterator[bytes]:
        """The lines of one file with their ends, one at a time. Raises FileNotFoundError."""
        filesystem, path = self.resolve()
        with filesystem.open_input_stream(posixpath.join(path, name)) as stream:
            yield from io.BufferedReader(stream, READ_AT_ONCE)

    def read_part(self, name: str, start: int, length: int) -> bytes:
        """`length` bytes of one file from byte `start` on. Raises FileNotFoundError."""
        filesystem, path = self.resolve()
        with filesystem.open_input_file(posixpath.join(path, name)) as stream:
            stream.seek(start)
            return bytes(stream.read(length))

    def delete_file(self, name: str) -> None:
        """Remove one file; nothing happens where there is none."""
        filesystem, path = self.resolve()
        with suppress(FileNotFoundError):
            filesystem.delete_file(posixpath.join(path, name))

    def write_json(self, name: str, value: Any) -> None:
        """Publish a value as readable JSON."""
        text = json.dumps(value, ensure_ascii=False, indent=1, sort_keys=False) + "\n"
        self.write_bytes(name, text.encode())

    def read_json(self, name: str) -> Any:
        """The value in a JSON file. Raises FileNotFoundError."""
        return json.loads(self.read_bytes(name))
