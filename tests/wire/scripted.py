"""A server that replies as a test says, and a run whose jobs ask it."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from jobs import answer, brief, compare, judge
from jobs.domain.brand import Guide
from jobs.domain.rows import Answer, Brief
from jobs.runtime.command import load, stages_of
from jobs.runtime.stage import Stage

JOBS = {job.name: job for job in (brief.JOB, answer.JOB, judge.JOB, compare.JOB)}
NAMES = {"zh": "晨露夜间精华液", "ko": "새벽빛 찻잔", "en": "Dawn Cup"}
TYPES = {"zh": ("paid_ad_fab", "ecommerce_long_form"), "ko": ("value_line",)}
MODELS = ("golden", "sft_secret_name")
TEXTS = {"zh": "温和修护，屏障更稳。", "ko": "새벽빛 찻잔에 고요가 머뭅니다."}

Reply = Callable[[dict[str, Any]], dict[str, Any]]


def house(language: str = "zh") -> Guide:
    """A guide whose every part can be told from the others."""
    return Guide("Kiln", language, "c", "PHILOSOPHY", "PERSONA", ("RULE",), ("WORD",), ("BANNED",))


def one_brief(kind: str = "paid_ad_fab", language: str = "zh", product: str = "p1") -> Brief:
    """A brief of validation; its facts are few."""
    facts: dict[str, Any] = {
        "brand": "Kiln",
        "name": NAMES[language],
        "category": "c",
        "effects": ["EFFECT"],
    }
    facts["size"] = f"{product} ml"  # no two products have one chat
    brand = {"zh": "yuansu", "ko": "gyeoldam"}.get(language, "kiln")
    shown = json.dumps(facts, ensure_ascii=False)
    return Brief(f"{product}/{kind}", product, "val", False, brand, language, kind, shown)


class Server:
    """Answers as `reply` says and keeps the bytes that it was sent."""

    def __init__(self, reply: Reply) -> None:
        self.reply, self.bodies, self.url = reply, list[bytes](), ""

    def asked(self) -> list[dict[str, Any]]:
        """The requests, in the order in which they came."""
        return [json.loads(body) for body in self.bodies]


@contextmanager
def serving(reply: Reply) -> Iterator[Server]:
    """A server in a thread of this process while the block runs."""
    server = Server(reply)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:  # noqa: N802
            body = self.rfile.read(int(self.headers["Content-Length"]))
            server.bodies.append(body)
            content = json.dumps(server.reply(json.loads(body))).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *arguments: Any) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    server.url = f"http://127.0.0.1:{http.server_port}/v1"
    Thread(target=http.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()


def prompt_in(request: dict[str, Any]) -> str:
    """The last thing that the job itself wrote: a repair repeats it as its first user message."""
    return str(request["messages"][1]["content"])


def judged_text(prompt: str) -> str:
    """The one text that the judge was shown."""
    fence = prompt.partition("<answer ")[2].partition(">")[0]
    return prompt.partition(f"<answer {fence}>\n")[2].partition(f"\n</answer {fence}>")[0]


def stages(
    folder: Path, brand: str, *lines: str, jobs: str = "brief answer judge compare"
) -> dict[str, Stage]:
    """The stages of a config of these jobs, by name; `lines` are further tables."""
    listed = ", ".join(f'{{ job = "{name}" }}' for name in jobs.split())
    head = [
        f'run = "r"\nbrand = "{brand}"\nstorage = {json.dumps(str(folder))}',
        f"stages = [{listed}]",
    ]
    path = folder / "c.toml"
    types = "[brief]\ncontent_types = " + json.dumps(
        [kind for kinds in TYPES.values() for kind in kinds]
    )
    path.write_text("\n".join([*head, types, *lines]) + "\n", encoding="utf-8")
    return {stage.name: stage for stage in stages_of(load([str(path)], JOBS), JOBS)}


def answers(language: str, models: tuple[str, ...] = MODELS, products: int = 2) -> list[Answer]:
    """Each model's answer to each kind of brief; no two texts are alike."""
    return [
        Answer(
            **vars(one_brief(kind, language, f"p{number}")),
            answer_id=f"p{number}/{kind}@{model}", model=model,
            text=f"{TEXTS[language]}{number}{kind[0]}{place}",
            finish_reason="stop", prompt_tokens=1, completion_tokens=1,
        )
        for number in range(products)
        for kind in TYPES[language]
        for place, model in enumerate(models)
    ]  # fmt: skip


def account(server: Server, table: str, model: str) -> str:
    """A table of a config: an account at this server."""
    return f'[{table}]\nbase_url = "{server.url}"\nmodel = "{model}"\nattempts = 1'
