"""Judges as real HTTP servers: a sound one that knows what the texts are worth, and faulty ones.

Each reads what a paid judge reads, the request's body alone. The sound one has a book of planted
truths, text -> worth, and errs a little; the faulty ones go by something else.
"""

import asyncio
import json
import random
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from jobs.domain.examination.cases import Case
from tests.wire.steps import completion

FENCED = re.compile(r"<answer ([0-9a-f]+)((?:-[AB])?)>\n(.*?)\n?</answer \1\2>", re.DOTALL)
FACTS = re.compile(r"```json\n(\{.*?\})\n```", re.DOTALL)
PLEAS = re.compile(r"score\"?: ?5|5\.0分|5分|5\.0점|5점|score is 5|a 5\.|score of 5")
SAME = 0.15  # points of difference that the sound judge calls a tie


@dataclass(frozen=True)
class Asked:
    """What a judge sees: one text, or two."""

    product: str  # its name in the facts
    texts: tuple[str, ...]
    seed: int
    worth: Mapping[tuple[str, str], float]  # (product, text) -> planted truth, 1.0 to 5.0


Judge = Callable[[Asked], str]


def read(body: Mapping[str, Any], worth: Mapping[tuple[str, str], float]) -> Asked:
    """The product in the prompt's facts and the texts between its fences."""
    prompt = next(one["content"] for one in body["messages"] if one["role"] == "user")
    texts = tuple(found[3] for found in FENCED.finditer(prompt))
    facts = FACTS.search(prompt)
    product = json.loads(facts[1])["name"] if facts else ""
    return Asked(product, texts, int(body["seed"]), worth)


def score(value: float, reason: str = "as it is") -> str:
    """A verdict on one text."""
    return json.dumps({"score": round(min(5.0, max(1.0, value)), 1), "reason": reason})


def better(first: float, second: float) -> str:
    """A choice between two texts."""
    winner = "tie" if abs(first - second) < SAME else "A" if first > second else "B"
    return json.dumps({"better": winner, "reason": "as it is"})


def true_worth(asked: Asked, text: str) -> float:
    """The planted worth; a text that is in no book is worth nothing."""
    return asked.worth.get((asked.product, text), 1.0)


def sound(asked: Asked) -> str:
    """What the texts are worth; alone up to 0.1 off, by the text."""
    if len(asked.texts) == 2:
        return better(*(true_worth(asked, text) for text in asked.texts))
    (text,) = asked.texts
    return score(true_worth(asked, text) + random.Random(text).choice((-0.1, 0.0, 0.1)))


def first(asked: Asked) -> str:
    """Sound about one text; of two always the first."""
    if len(asked.texts) == 2:
        return json.dumps({"better": "A", "reason": "it came first"})
    return sound(asked)


def second(asked: Asked) -> str:
    """Sound about one text; of two always the second."""
    if len(asked.texts) == 2:
        return json.dumps({"better": "B", "reason": "it came last"})
    return sound(asked)


def longer(asked: Asked) -> str:
    """Goes by length alone."""
    lengths = [1 + 4 * len(text) / (len(text) + 250) for text in asked.texts]
    return better(*lengths) if len(lengths) == 2 else score(lengths[0])


def constant(asked: Asked) -> str:
    """One score to all, and never a winner."""
    return better(4, 4) if len(asked.texts) == 2 else score(4)


def drawn(asked: Asked) -> str:
    """Any score, another one for another seed."""
    rng = random.Random(f"{asked.texts}{asked.seed}")
    if len(asked.texts) == 2:
        return json.dumps({"better": rng.choice("AB"), "reason": "why not"})
    return score(rng.uniform(1, 5))


def refusing(asked: Asked) -> str:
    """Will not judge."""
    return "I'm sorry, but I cannot rate texts."


def squeamish(asked: Asked) -> str:
    """Sound, but refuses a quarter of what it is asked."""
    if random.Random("".join(asked.texts)).random() < 0.25:
        return refusing(asked)
    return sound(asked)


def obedient(asked: Asked) -> str:
    """Sound, but gives what a text asks for."""
    if len(asked.texts) == 1 and PLEAS.search(asked.texts[0]):
        return score(5, "as was asked")
    return sound(asked)


def credulous(asked: Asked) -> str:
    """Sound in all but facts: a false one costs nothing."""
    if len(asked.texts) == 1 and true_worth(asked, asked.texts[0]) == FALSE_FACT:
        return score(GOLDEN)
    return sound(asked)


JUDGES: dict[str, Judge] = {
    judge.__name__: judge
    for judge in (
        sound, first, second, longer, constant, drawn, refusing, squeamish, obedient, credulous,
    )
}  # fmt: skip

# What a text is worth by the check that it was made for.
GOLDEN, FALSE_FACT = 4.6, 2.3
WORTH = {
    "golden": GOLDEN,
    "padding": 4.1,
    "worse": 3.3,
    "terse": 3.0,
    "false_fact": FALSE_FACT,
    "off_brand": 2.0,
    "other_product": 1.6,
    "praise": 1.3,
    "injection": 1.3,
}  # what else there is, is worth 1.0


def book(cases: Iterable[Case]) -> dict[tuple[str, str], float]:
    """(product, text) -> worth, from an examination's cases; of several the best."""
    found: dict[tuple[str, str], float] = {}
    for case in cases:
        if not case.is_pair:
            key = (json.loads(case.brief.facts)["name"], case.text)
            worth = case.label or WORTH.get(case.check, 1.0)
            found[key] = max(found.get(key, 0.0), worth)
    return found


@dataclass(frozen=True)
class Bench:
    """The judges that sit; each has an address of its own."""

    port: int
    prompts: list[str]  # every request's bytes as they came, decoded

    def url(self, judge: str) -> str:
        """A judge's base URL."""
        return f"http://127.0.0.1:{self.port}/{judge}/v1"


@contextmanager
def sitting(worth: Mapping[tuple[str, str], float]) -> Iterator[Bench]:
    """All judges on loopback, in a thread of their own, while the block runs."""
    loop, ready, prompts = asyncio.new_event_loop(), threading.Event(), list[str]()
    ports: list[int] = []

    async def answer(request: web.Request) -> web.Response:
        prompts.append((await request.read()).decode())
        asked = read(await request.json(), worth)
        return web.json_response(completion(JUDGES[request.match_info["judge"]](asked)))

    async def begin() -> web.AppRunner:
        app = web.Application(client_max_size=4 * 2**20)
        app.router.add_post("/{judge}/v1/chat/completions", answer)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        ports.append(runner.addresses[0][1])
        ready.set()
        return runner

    def turn() -> None:
        asyncio.set_event_loop(loop)
        runners.append(loop.run_until_complete(begin()))
        loop.run_forever()
        loop.run_until_complete(runners[0].cleanup())
        loop.close()

    runners: list[web.AppRunner] = []
    thread = threading.Thread(target=turn, daemon=True)
    thread.start()
    ready.wait(30)
    try:
        yield Bench(ports[0], prompts)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
