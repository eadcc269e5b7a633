"""Can repeats be found among 100,000 texts? Seconds, and the memory of the one task that looks.

python -m tests.bench.repeats [texts]: the offline teacher writes up the brand's products again and
again, so that many texts share most of their sentences. The ratio is 2 GB over the task's memory.
"""

import json
import resource
import sys
import time
from typing import Any

from jobs.cleaning.repeats import repeated, sighted
from jobs.domain.brand import brand_folder, facts_json, load_guide
from jobs.domain.catalog import read_products
from jobs.domain.golden import golden_by_brief
from jobs.domain.prompts import prompt_files, render_request
from jobs.domain.rows import Brief
from jobs.llm.offline.teacher import Teacher
from jobs.runtime.cluster import connect
from jobs.runtime.profile import read_profile

BRAND = "yuansu"
TEXTS = 100_000
MEMORY_MB = 2000


class Write:
    """The teacher in a worker: a row's number says which draft it writes."""

    def __init__(self) -> None:
        self.teacher = Teacher({}, seed=7)
        guide = load_guide(BRAND)
        self.chats: list[tuple[str, list[dict[str, str]]]] = []
        for product in read_products(brand_folder(BRAND) / "products.jsonl", guide.language):
            for kind in prompt_files("write", guide.language):
                brief_id, facts = (
                    f"{product.product_id}/{kind.name}",
                    facts_json(product, guide.name),
                )
                names = (brief_id, product.product_id, "train", False, BRAND, guide.language)
                chat = render_request(Brief(*names, kind.name, facts), guide)
                self.chats.append((brief_id, chat))

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        sample, place = divmod(row["id"], len(self.chats))
        brief_id, messages = self.chats[place]
        reply = self.teacher.reply({"model": "t", "messages": messages, "seed": int(sample)})
        draft_id = f"{brief_id}#t#{sample:04}"
        return {"draft_id": draft_id, "brief_id": brief_id, "split": "train", "text": reply.text}


def main() -> None:
    """Write, sign, search; the search runs in a task of its own, which reports its memory."""
    import ray

    connect(read_profile("laptop"))
    texts = int(sys.argv[1]) if len(sys.argv) > 1 else TEXTS
    numbers = ray.data.range(texts, override_num_blocks=texts // 1000 + 1)
    rows = numbers.map(Write, compute=ray.data.ActorPoolStrategy(size=2), num_cpus=1).materialize()
    began = time.monotonic()
    signed = rows.map_batches(sighted, batch_format="pyarrow").materialize()
    signing, began = time.monotonic() - began, time.monotonic()

    golden = golden_by_brief(BRAND)

    @ray.remote(num_cpus=1, max_calls=1)
    def measured(*parts: Any) -> tuple[int, float, float]:
        found = repeated._function(golden, *parts)
        memory_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        return len(found), time.process_time(), memory_mb

    found, cpu, memory_mb = ray.get(measured.remote(*signed.to_arrow_refs()))
    searching = time.monotonic() - began
    print(
        f"{texts} texts, {found} repeat another; signed in {signing:.0f} s, searched in "
        f"{searching:.0f} s, {cpu:.0f} s of CPU, {memory_mb:.0f} MB"
    )
    ratio = round(MEMORY_MB / memory_mb, 2)
    figures = {"seconds": round(signing + searching, 1), "memory_mb": round(memory_mb)}
    print(json.dumps({"name": "repeats", "ratio": ratio, "ok": ratio >= 1, **figures}))


if __name__ == "__main__":
    main()
