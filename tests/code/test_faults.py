"""Forty ways in which a provider goes wrong, each met by the real client on a real Ray.

A row ends as a reply or as a row with a named error; whatever happens to one row, its neighbours
get their replies. The rows of one family are asked in one fan-out, with sound rows among them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import ray.data

from jobs.llm.asking import Question, ask_all
from jobs.llm.reach import reach
from jobs.runtime.profile import ApiShape
from tests.wire.faults import FAULTS
from tests.wire.journey import Journey
from tests.wire.provider import Running, provider

ATTEMPTS = 3
TIMEOUT_S = 1.0
SOUND_ROWS = 30
WITHIN_S = 60  # of one family's fan-out: a client that waits for ever fails, it does not hang
REPLY = ""  # the name of the error where there is none


@dataclass(frozen=True)
class Case:
    """What one faulty row has to come to."""

    marker: str  # a name in FAULTS; `*2`: the first two attempts alone
    ends: tuple[str, ...]  # errors that are right; REPLY where a reply is
    sent: tuple[int, ...]  # requests that are right

    @property
    def name(self) -> str:
        """The fault's name."""
        return self.marker.partition("*")[0]


def once(marker: str, *ends: str) -> Case:
    """Trying again cannot help."""
    return Case(marker, ends, (1,))


def retried(marker: str, *ends: str) -> Case:
    """All attempts are used."""
    return Case(marker, ends, (ATTEMPTS,))


def judged(marker: str, *ends: str) -> Case:
    """The provider has answered, and bills it: to ask again or not is the client's choice."""
    return Case(marker, ends, tuple(range(1, ATTEMPTS + 1)))


def passing(name: str) -> Case:
    """The fault is gone at the third attempt."""
    return Case(f"{name}*2", (REPLY,), (3,))


FAMILIES = {
    "status": [
        once("http_400", "http_400"),
        once("http_401", "http_401"),
        once("http_404", "http_404"),
        *(retried(f"http_{status}", f"http_{status}") for status in (408, 409, 429, 500, 503)),
        retried("http_429_date", "http_429"),
        *(passing(f"http_{status}") for status in (408, 409, 429, 500, 503)),
        passing("http_429_date"),
    ],
    "content": [
        judged("error_in_200", "error_in_reply"),
        judged("no_choices", "empty_choices"),
        judged("no_message", "malformed_reply"),
        judged("null_content", "empty_reply"),
        judged("empty_text", "empty_reply"),
        judged("blank_text", "empty_reply"),
        once("cut_at_length", "cut_off"),
        once("content_filter", "content_filter"),
        once("refusal", "refused"),
        once("no_usage", REPLY),
    ],
    "types": [
        judged("null_choices", "empty_choices", "malformed_reply"),
        judged("choices_are_text", "malformed_reply"),
        judged("content_is_a_number", "malformed_reply"),
        judged("lone_surrogate", "malformed_reply", REPLY),
    ],
    "bytes": [
        retried("html_page", "malformed_reply"),
        retried("broken_json", "malformed_reply"),
        retried("json_list", "malformed_reply"),
        retried("empty_body", "malformed_reply"),
        judged("wrong_content_type", "malformed_reply", REPLY),
        *(passing(name) for name in ("html_page", "broken_json")),
    ],
    "encoding": [
        retried("deep_json", "malformed_reply"),
        retried("not_utf8", "malformed_reply"),
        retried("lying_gzip", "malformed_reply", "connection"),
        *(passing(name) for name in ("not_utf8", "lying_gzip")),
    ],
    "connection": [
        retried("cut_json", "connection", "malformed_reply"),
        retried("reset", "connection"),
        retried("hang", "timeout"),
        retried("slow_drip", "timeout"),
        *(passing(name) for name in ("cut_json", "reset", "hang", "slow_drip")),
    ],
    "size": [judged("oversized", "oversized_reply")],
    "patience": [judged("http_429_for_a_day", "http_429")],
}
CASES = [(family, case) for family, cases in FAMILIES.items() for case in cases]
each_case = pytest.mark.parametrize(
    ("family", "case"), CASES, ids=[case.marker for _, case in CASES]
)


class Ended:
    """What each family's rows came to: asked when first looked at, then remembered."""

    def __init__(self, running: Running, folder: Path) -> None:
        self.running = running
        settings = {"timeout_s": TIMEOUT_S, "attempts": ATTEMPTS}
        self.journey = Journey(folder, running.url, rows=1, teacher=settings).prepare()
        self.families: dict[str, dict[str, dict[str, Any]]] = {}

    def rows(self, family: str) -> dict[str, dict[str, Any]]:
        """The rows of a family by their marker; sound rows are called sound-0, sound-1, ..."""
        if family not in self.families:
            rows: dict[str, dict[str, Any]] = {}
            markers = [case.marker for case in FAMILIES[family]]
            asking = Thread(target=lambda: rows.update(self._ask(markers)), daemon=True)
            asking.start()
            asking.join(WITHIN_S)
            self.families[family] = dict(rows)
        assert self.families[family], f"asking {family!r} raised, or took over {WITHIN_S} s"
        return self.families[family]

    def _ask(self, markers: list[str]) -> dict[str, dict[str, Any]]:
        names = [*markers, *(f"sound-{number}" for number in range(SOUND_ROWS))]
        rows = [{"name": name, "prompt": f"{name} {fault_in(name)}"} for name in names]
        question = Question(chat, named, "generate")
        with reach(self.journey.stage(), "teacher") as endpoint:
            replied = ask_all(
                ray.data.from_items(rows),
                endpoint,
                question,
                shape=ApiShape(actors=1, in_flight=64),
            )
        return {row["name"]: row for row in replied.take_all()}


def fault_in(name: str) -> str:
    """The marker that the provider looks for."""
    return "" if name.startswith("sound-") else f"[[fault:{name}]]"


def chat(row: dict[str, Any]) -> list[dict[str, str]]:
    return [{"role": "user", "content": row["prompt"]}]


def named(row: dict[str, Any]) -> str:
    return str(row["name"])


@pytest.fixture(scope="module")
def ended(cluster: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ended]:
    with provider() as running:
        yield Ended(running, tmp_path_factory.mktemp("faults"))


@each_case
def test_a_faulty_row_ends_as_a_reply_or_as_a_named_error(
    ended: Ended, family: str, case: Case
) -> None:
    row = ended.rows(family)[case.marker]
    assert row["error"] in case.ends
    assert row["reply"] or row["error"] != REPLY
    assert (row["row_id"], row["step"]) == (case.marker, "generate")
    assert case.marker + " " not in row["message"], "the message repeats the prompt"


@each_case
def test_attempts_are_spent_where_they_can_help(ended: Ended, family: str, case: Case) -> None:
    ended.rows(family)
    assert ended.running.ledger()["begun_by_fault"][case.marker] in case.sent


@pytest.mark.parametrize("family", FAMILIES)
def test_a_faulty_row_costs_its_neighbours_nothing(ended: Ended, family: str) -> None:
    rows = ended.rows(family)
    sound = [row for name, row in rows.items() if name.startswith("sound-")]
    assert [row["error"] for row in sound] == [REPLY] * SOUND_ROWS
    assert len({row["reply"] for row in sound}) == SOUND_ROWS


def test_the_table_has_every_fault() -> None:
    assert {case.name for _, case in CASES} == set(FAULTS)
