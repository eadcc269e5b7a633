"""The real jobs against a provider: a product list, a config and a profile in a folder."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jobs.domain.brand import ROOT
from jobs.runtime.command import discover, load, stages_of
from jobs.runtime.stage import Stage
from jobs.runtime.storage import Folder

CONTENT_TYPE = "paid_ad_fab"
SECONDS = 900  # no run of a test takes as long
ROLES = ["角质层", "屏障", "皮脂膜", "水油平衡", "毛孔", "肤色", "肤质", "泛红"]


@dataclass(frozen=True)
class Journey:
    """One storage and what runs in it; `rows` briefs are written up, each of its own product."""

    folder: Path
    url: str
    rows: int
    stages: tuple[str, ...] = ("brief", "generate")
    teacher: Mapping[str, Any] = field(default_factory=dict)  # settings of [teacher]
    marks: Mapping[int, str] = field(default_factory=dict)  # put into the facts of these rows
    flavour: str = ""  # put into the facts of every row: journeys of two flavours share no request

    def prepare(self) -> "Journey":
        """Write product list and config."""
        self.folder.mkdir(parents=True, exist_ok=True)
        products = [self._product(number) for number in range(self.rows)]
        products.append({**self._product(self.rows), "split": "val"})
        lines = "\n".join(json.dumps(product, ensure_ascii=False) for product in products)
        (self.folder / "products.jsonl").write_text(lines, encoding="utf-8")
        teacher = {"base_url": self.url, "model": "wire", **self.teacher}
        self.config.write_text(
            f'run = "run"\nbrand = "yuansu"\nstorage = {json.dumps(str(self.folder / "runs"))}\n'
            f"stages = [{', '.join(f'{{ job = {json.dumps(name)} }}' for name in self.stages)}]\n"
            f"[brief]\nproducts = {json.dumps(str(self.folder / 'products.jsonl'))}\n"
            f'content_types = ["{CONTENT_TYPE}"]\n'
            f"[teacher]\n{table(teacher)}",
            encoding="utf-8",
        )
        return self

    def _product(self, number: int) -> dict[str, Any]:
        role = ROLES[number % len(ROLES)]
        return {
            "product_id": f"p-{number:06d}",
            "name": f"第{number}号{role}护理面霜",
            "category": "面霜",
            "ingredients": [{"name": "依克多因", "role": f"帮助{role}保持稳定"}],
            "effects": ["修护屏障"],
            "texture": f"轻润{self.flavour}{self.marks.get(number, '')}",
            "split": "dev" if number == 0 else "train",
        }

    @property
    def config(self) -> Path:
        """The config's path."""
        return self.folder / "config.toml"

    def profile(self, *, actors: int, in_flight: int, cpus: int = 8, store_mb: int = 200) -> str:
        """A profile of this shape, as `--profile` takes it."""
        path = self.folder / f"profile_{actors}_{in_flight}"
        path.with_suffix(".toml").write_text(
            f"[ray]\nlogical_cpus = {cpus}\nobject_store_mb = {store_mb}\ndata_cpus = 2\n"
            f"[api]\nactors = {actors}\nin_flight = {in_flight}\n",
            encoding="utf-8",
        )
        return str(path)

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """`python -m jobs.pipeline`, begun; what it says goes to log.txt in the folder."""
        line = [sys.executable, "-m", "jobs.pipeline", str(self.config), *arguments]
        inherited = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
        with self.log.open("a", encoding="utf-8") as log:
            return subprocess.Popen(
                line, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT, text=True,
                env={**inherited, "PYTHONUNBUFFERED": "1", **environment},
            )  # fmt: skip

    @contextmanager
    def under_way(self, *arguments: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
        """The same while the block runs; what still runs then is killed."""
        process = self.start(*arguments, **environment)
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def finish(self, *arguments: str, **environment: str) -> dict[str, Any]:
        """Run it to its end. Returns done.json of the last stage; fails with the log's end."""
        with self.under_way(*arguments, **environment) as process:
            status = process.wait(SECONDS)
        assert status == 0, self.log.read_text(encoding="utf-8")[-4000:]
        return self.done(*arguments)

    def done(self, *arguments: str, stage: str = "") -> dict[str, Any]:
        """done.json of a stage, by default the last, of the run that the arguments name."""
        found = self.stage(*arguments, name=stage or self.stages[-1]).done()
        assert found is not None, self.log.read_text(encoding="utf-8")[-4000:]
        return found

    def stage(self, *arguments: str, name: str = "generate") -> Stage:
        """A stage of the run, as the jobs see it."""
        known = discover()
        config = load([str(self.config), *arguments], known)
        return next(stage for stage in stages_of(config, known) if stage.name == name)

    def stage_folder(self, name: str = "generate") -> Folder:
        """Where a stage of the first run wrote."""
        return self.stage(name=name).folder

    @property
    def log(self) -> Path:
        """All that the runs said."""
        return self.folder / "log.txt"


def table(settings: Mapping[str, Any]) -> str:
    """Lines of a TOML table of plain values, which TOML writes as JSON does."""
    return "".join(f"{key} = {json.dumps(value)}\n" for key, value in settings.items())
