"""What a tree of processes costs while it runs: CPU and memory by the part they play."""

import threading
from collections import defaultdict
from types import TracebackType

import psutil

EVERY_S = 0.5


def part_of(process: psutil.Process) -> str:
    """driver, caller (an actor that asks), raylet, gcs_server, other."""
    name: str = process.name()
    if name.startswith("ray::"):
        title = " ".join(process.cmdline())
        return "callers" if "MapBatches" in title or "MapWorker" in title else "workers"
    if name.startswith(("raylet", "gcs_server")):
        return name
    return "driver" if "-m" in process.cmdline() else "other"


class Usage(threading.Thread):
    """Samples a process and its descendants until the block ends."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.root = psutil.Process(pid)
        self.stopped = threading.Event()
        self.cpu_s: dict[tuple[str, int], float] = {}  # the last reading of each process
        self.mib: dict[str, float] = defaultdict(float)  # the heaviest process of each part
        self.mib_now: dict[int, float] = {}  # of each process that lives

    def __enter__(self) -> "Usage":
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stopped.set()
        self.join()

    def run(self) -> None:
        """Until stopped."""
        while not self.stopped.wait(EVERY_S):
            try:
                processes = [self.root, *self.root.children(recursive=True)]
            except psutil.NoSuchProcess:
                return
            self.mib_now = {process.pid: self._read(process) for process in processes}

    def _read(self, process: psutil.Process) -> float:
        """The memory of one process in MiB."""
        try:
            part, times, memory = part_of(process), process.cpu_times(), process.memory_info()
        except psutil.Error:  # it has ended since it was listed
            return self.mib_now.get(process.pid, 0.0)
        self.cpu_s[part, process.pid] = times.user + times.system
        # Pages of the object store count for every process that has touched them: left out.
        mib = float(memory.rss - memory.shared) / 2**20
        self.mib[part] = max(self.mib[part], mib)
        return mib

    def cpu_seconds(self) -> dict[str, float]:
        """The CPU time so far of each part, ended processes included."""
        sums: dict[str, float] = defaultdict(float)
        for (part, _), seconds in self.cpu_s.copy().items():
            sums[part] += seconds
        return dict(sums)

    def total_mib(self) -> float:
        """The memory of all of them now."""
        return sum(self.mib_now.values())
