"""One pipeline at a time on one run folder."""

import fcntl
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from jobs.domain.errors import StageError
from jobs.runtime.storage import Folder

LEASE = "lease.json"
LEASE_SECONDS = 900.0  # an object store has no lock that dies with its holder


@contextmanager
def only_one(run_folder: Folder) -> Iterator[None]:
    """Hold the run folder. Raises StageError naming the other holder.

    On a disk the kernel's file lock is used: it ends with the process, however that ends. In an
    object store a lease file is written; it counts for 15 minutes and is renewed in time.
    """
    if run_folder.is_local:
        with _file_lock(run_folder):
            yield
    else:
        with _lease(run_folder):
            yield


@contextmanager
def _file_lock(run_folder: Folder) -> Iterator[None]:
    path = run_folder.local_path()
    path.mkdir(parents=True, exist_ok=True)
    with (path / ".lock").open("a+") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            handle.seek(0)
            raise _taken(run_folder, handle.read().strip() or "another process") from error
        handle.truncate(0)
        handle.write(f"process {os.getpid()} on {socket.gethostname()}")
        handle.flush()
        yield


@contextmanager
def _lease(run_folder: Folder) -> Iterator[None]:
    if (run_folder / LEASE).exists():
        lease = run_folder.read_json(LEASE)
        if time.time() - lease["taken"] < LEASE_SECONDS:
            raise _taken(run_folder, lease["holder"])
    mine = {
        "holder": f"process {os.getpid()} on {socket.gethostname()}",
        "id": uuid.uuid4().hex,
        "taken": time.time(),
    }
    run_folder.write_json(LEASE, mine)
    if run_folder.read_json(LEASE)["id"] != mine["id"]:
        raise _taken(run_folder, "another process")
    ended = threading.Event()

    def renew() -> None:
        while not ended.wait(LEASE_SECONDS / 3):
            with suppress(OSError):  # the next time, then: there are two more before it ends
                run_folder.write_json(LEASE, {**mine, "taken": time.time()})

    renewing = threading.Thread(target=renew, daemon=True)
    renewing.start()
    try:
        yield
    finally:
        ended.set()
        renewing.join()
        run_folder.write_json(LEASE, {**mine, "taken": 0.0})


def _taken(run_folder: Folder, holder: str) -> StageError:
    return StageError(
        f"{run_folder.address} is in use by {holder}. Wait for it, or choose another run name "
        f"(--run NAME)."
    )
