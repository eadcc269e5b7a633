"""Serve a stand-in: python -m jobs.llm.offline teacher|judge|rater [--port N] [--settings JSON]"""

import argparse
import asyncio
import json
from typing import Any

from jobs.llm.offline.server import Answer, application, serve


def teacher(settings: dict[str, Any]) -> Answer:
    """The teacher's answers; `settings` has `seed` and the rates of planted defects."""
    from jobs.llm.offline.teacher import Teacher

    seed = settings.pop("seed", 0)
    written = Teacher(settings, seed=seed).reply

    def answer(body: dict[str, Any]) -> tuple[str, tuple[str, ...]]:
        reply = written(body)
        return reply.text, reply.planted

    return answer


def judge(settings: dict[str, Any]) -> Answer:
    """The judge's answers; it takes no settings."""
    from jobs.llm.offline.judge import reply

    return lambda body: (reply(body), ())


def rater(settings: dict[str, Any]) -> Answer:
    """The rater's answers; it takes no settings."""
    from jobs.llm.offline.rater import reply

    return lambda body: (reply(body), ())


def main() -> None:
    """Parse the command line and serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("role", choices=["teacher", "judge", "rater"])
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--settings", type=json.loads, default={})
    chosen = parser.parse_args()
    answer = {"teacher": teacher, "judge": judge, "rater": rater}[chosen.role](chosen.settings)
    asyncio.run(serve(application(answer), chosen.port))


if __name__ == "__main__":
    main()
