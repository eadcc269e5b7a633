"""The same commands through `ray job submit`, against a `ray start --head` of this machine."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.conftest import CONFIG, ROOT

RAY = str(Path(sys.executable).with_name("ray"))
GCS, DASHBOARD = 6479, 8365
STAGES = '[{"job": "brief"}, {"job": "generate"}]'


@dataclass(frozen=True)
class Cluster:
    """A head node of our own."""

    environment: dict[str, str]
    storage: Path

    def submit(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """`ray job submit --working-dir . -- python -m jobs.pipeline ...`."""
        line = [RAY, "job", "submit", "--working-dir", ".", "--", sys.executable, "-m"]
        line += ["jobs.pipeline", CONFIG, "--storage", str(self.storage), *arguments]
        return subprocess.run(
            line, cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=600,
            check=False,
        )  # fmt: skip


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Started in the foreground, so that ending this one process ends the whole cluster."""
    address = f"http://127.0.0.1:{DASHBOARD}"
    environment = {**os.environ, "RAY_AUTH_MODE": "disabled", "RAY_ADDRESS": address}
    start = {name: value for name, value in environment.items() if name != "RAY_ADDRESS"}
    line = [RAY, "start", "--head", "--block", "--num-cpus=8", "--disable-usage-stats"]
    line += [f"--port={GCS}", f"--dashboard-port={DASHBOARD}", "--dashboard-host=127.0.0.1"]
    line += ["--node-ip-address=127.0.0.1", "--object-store-memory=300000000"]
    with subprocess.Popen(
        line, cwd=ROOT, env=start, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as head:
        try:
            wait_for_jobs(environment)
            yield Cluster(environment, tmp_path_factory.mktemp("submitted"))
        finally:
            head.terminate()
            head.wait(timeout=60)


def wait_for_jobs(environment: dict[str, str]) -> None:
    """Until the cluster takes jobs: each try waits by itself, twenty are plenty."""
    for _ in range(20):
        listed = subprocess.run(
            [RAY, "job", "list"], env=environment, capture_output=True, timeout=120, check=False
        )
        if listed.returncode == 0:
            return
    raise AssertionError("the head node takes no jobs")


def test_a_submitted_pipeline_runs_and_shows_its_stages(cluster: Cluster) -> None:
    done = cluster.submit("--stages", STAGES)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    assert "[2/2] generate: 48 of 48 rows" in done.stdout
    assert "succeeded" in done.stdout
    assert (cluster.storage / "smoke" / "generate" / "done.json").is_file()


def test_a_failing_pipeline_fails_its_job(cluster: Cluster) -> None:
    done = cluster.submit("--stages", STAGES, "--brief.products", "nowhere.csv", "--run", "bad")
    assert done.returncode != 0
    assert "there is no product list" in done.stdout
    assert "failed" in done.stdout
