"""A small run as its stages would leave it, written without running them."""

import functools
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from jobs.domain.rows import Answer, Brief, Comparison, Copy, Draft, Dropped, Failed, Probe, Verdict
from jobs.reporting.funnel import Losses, as_records, funnel
from jobs.reporting.scores import scoreboard
from jobs.runtime.command import discover, load, stages_of
from jobs.runtime.stage import DONE, FORMAT, Stage
from jobs.runtime.tables import write_rows
from tests.finished_learning import LEARNED

FACTS = json.dumps(
    {
        "name": "烟酰胺净润精华液",
        "ingredients": [{"name": "烟酰胺", "role": "匀净肤色", "concentration": "5%"}],
        "price": "189元",
    },
    ensure_ascii=False,
)
SCORES = {  # brief -> model -> score; paid_ad_bab of ys-2 was not judged for base
    ("ys-1", "paid_ad_bab"): {"golden": 5.0, "sft": 4.0, "base": 2.0},
    ("ys-2", "paid_ad_bab"): {"golden": 4.0, "sft": 3.0},
    ("ys-1", "paid_ad_fab"): {"golden": 4.5, "sft": 4.5, "base": 1.0},
    ("ys-2", "paid_ad_fab"): {"golden": 4.5, "sft": 2.5, "base": 3.0},
}
MODELS = ["golden", "sft", "base"]
CANDIDATES = [
    {"name": "golden", "source": "golden", "guided": False, "account": ""},
    {"name": "sft", "source": "merge", "guided": False, "account": ""},
    {"name": "base", "source": "base", "guided": False, "account": ""},
]
HOSTILE = '</p><script>alert("x")</script><img src="https://example.org/a.png">' + "字" * 60
HOSTILE_REASON = "</details><b onclick='x()'>理由</b>"
UNFIT_REASON = "it prefers what stands <b>first</b>"
LOST_DRAFT = "ys-9/paid_ad_bab#m#1"
FULL = (
    *("brief", "generate", "clean", "pretrain", "sft", "answer", "examine", "judge", "compare"),
    *("evaluate", "report"),
)
PREFERRED = (  # FULL with what is learned from pairs and from the policy's own samples
    *("brief", "generate", "clean", "degrade", "pair", "pretrain", "sft", "reward", "dpo", "grpo"),
    *("merge", "answer", "examine", "judge", "compare", "evaluate", "report"),
)
SHORT = ("answer", "judge", "evaluate", "report")  # own answers judged, nothing trained


def config(folder: Path, jobs: Sequence[str], run: str = "small") -> list[Stage]:
    """The stages of a config, none of them done."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{run}.toml"
    stages = "".join(f'[[stages]]\njob = "{job}"\n' for job in jobs)
    head = f'run = "{run}"\nbrand = "yuansu"\nstorage = "{folder}"\n'
    path.write_text(head + stages, encoding="utf-8")
    known = discover()
    return stages_of(load([str(path)], known), known)


def brief(product: str, kind: str, split: str = "val") -> dict[str, Any]:
    """A brief's columns."""
    return {
        "brief_id": f"{product}/{kind}", "product_id": product, "split": split,
        "new_hero": product == "ys-2", "brand": "yuansu", "language": "zh",
        "content_type": kind, "facts": FACTS,
    }  # fmt: skip


def answers() -> list[Answer]:
    """Three models' answers; the base's try to break out of the page."""
    return [
        Answer(
            **brief(*key), answer_id=f"{'/'.join(key)}@{model}", model=model,
            text=HOSTILE if model == "base" else "字" * (60 if model == "golden" else 30),
            finish_reason="reference" if model == "golden" else "stop",
            prompt_tokens=1, completion_tokens=1,
        )
        for key in SCORES
        for model in MODELS
    ]  # fmt: skip


def verdicts(lift: float = 0.0) -> list[Verdict]:
    """A verdict for each of SCORES; sft's is raised by `lift`."""
    return [
        Verdict(
            answer_id=f"{product}/{kind}@{model}", brief_id=f"{product}/{kind}", product_id=product,
            new_hero=product == "ys-2", content_type=kind, model=model, metric="paid_ad",
            judge="judge", score=score + (lift if model == "sft" else 0), reason=HOSTILE_REASON,
            journal_key="k",
        )
        for (product, kind), scores in SCORES.items()
        for model, score in scores.items()
    ]  # fmt: skip


def finish(stage: Stage, seed: int = 7, own: dict[str, Any] | None = None, **counts: Any) -> None:
    """Mark a stage as done; `own` are more settings of its section."""
    filled = {"expected": 1, "out": 1, "dropped": 0, "failed": 0, "usd": 0.0, "notes": {}} | counts
    inputs = {read.name: "0" for read in stage.inputs().values()}
    settings = {"brand": "yuansu", stage.job.name: {"seed": seed, **(own or {})}}
    identity = {"settings": settings, "sources": {}, "inputs": inputs}
    record = {"format": FORMAT, "job": stage.job.name, "stage": stage.name, "identity": identity}
    stage.folder.write_json(DONE, record | {"counts": filled, "seconds": 60.0, "commit": "abc"})


def write_up(stage: Stage) -> dict[str, Any]:
    """Two drafts of one train brief, of which one is dropped."""
    shared = brief("ys-9", "paid_ad_bab", "train")
    kept = LOST_DRAFT.replace("#1", "#0")
    if stage.job.name == "generate":
        drafts = [
            Draft(**shared, draft_id=name, sample=at, model="m", text=HOSTILE, journal_key="k")
            for at, name in enumerate((kept, LOST_DRAFT))
        ]
        write_rows(drafts, Draft, stage.folder)
        lost = Failed("ys-9/paid_ad_bab#m#2", "generate", "http_500", "it said <nothing>")
        write_rows([lost], Failed, stage.folder)
        return {"expected": 20, "out": 19, "failed": 1, "usd": None}
    write_rows(
        [Copy(**shared, draft_id=kept, text="净", passes="", journal_key="k")], Copy, stage.folder
    )
    dropped = Dropped(**shared, draft_id=LOST_DRAFT, text=HOSTILE, reason="stray_tag", passes="a")
    write_rows([dropped], Dropped, stage.folder)
    write_rows([], Failed, stage.folder)
    reasons = {"banned_word": 3, "near_duplicate": 1}
    cell = {"copies": 15, "chars": 88.4, "facts_named": 0.515, "encouraged": 1.25}
    cell |= {"distinct": 0.7, "self_bleu": 0.3, "sampled": 15}
    notes = {
        "reasons": reasons,
        "funnel": as_records(funnel(Losses(10, 20, 1, reasons, 0))),
        "figures": {"paid_ad_pas": cell},
        "warnings": ["<b>copies</b> are alike"],
    }
    return {"expected": 19, "out": 15, "dropped": 4, "usd": 1.25, "notes": notes}


def compare(stage: Stage) -> None:
    """Both orders of one pair, and a pair that could not be judged."""
    name = "ys-1/paid_ad_bab"
    rows = [
        Comparison(
            f"{name}@{first}>{second}#pair", name, "ys-1", False, "paid_ad_bab", first, second,
            "pair", "judge", winner, HOSTILE_REASON, "k",
        )
        for first, second, winner in (("sft", "base", "first"), ("base", "sft", "second"))
    ]  # fmt: skip
    write_rows(rows, Comparison, stage.folder)
    lost = Failed("ys-2/paid_ad_bab@sft>base#pair", "compare", "no_verdict", "judge said <that>")
    write_rows([lost], Failed, stage.folder)


def examine(stage: Stage) -> None:
    """One question that was answered rightly and one that was not."""
    rows = [
        Probe(f"order/{at}#judge", "order", "judge", HOSTILE, "", "tie", "first", passed, "r", "k")
        for at, passed in enumerate((True, False))
    ]
    write_rows(rows, Probe, stage.folder)


def whole_board(offline: bool, lift: float, *, full: bool) -> dict[str, Any]:
    """scoreboard.json with everything that a run can have, or with the least."""
    who = {"model": "m", "offline": offline, "hash": "0123456789abcdef"}
    board = scoreboard(verdicts(lift), MODELS)
    board |= {"judge": who | {"rubrics": {"paid_ad": 1}, "failed": 1}, "teacher": who}
    if not full:
        return board
    rate = {"wins": 3, "losses": 1, "ties": 1, "n": 5, "rate": 0.7, "low": 0.4, "high": 0.9}
    check = {"name": "order_bias", "found": 0.91, "wanted": "at most 0.6", "passed": False, "n": 8}
    fitness = {
        "fit": False,
        "reasons": [UNFIT_REASON],
        "checks": [check],
        "notes": [],
        "warnings": [],
    }
    return board | {
        "win_rates": {"sft": {"base": rate | {"length_controlled": 0.65}}},
        "bradley_terry": {
            "sft": {"strength": 0.4, "low": 0.1, "high": 0.7},
            "base": {"strength": -0.4, "low": None, "high": None},
        },
        "order": {"n": 5, "consistent": 0.8, "first_share": None, "p": None},
        "rules": {"facts_named": {"sft": {"mean": 0.5, "n": 4, "low": None, "high": None}}},
        "agreement": {"rubric": {"alpha": 0.71, "judges": 2, "n": 11}},
        "examination": {"judge": fitness},
        "costs": {"sft": {"usd_per_1000": 0.0, "seconds_per_1000": 75.0}},
    }  # fmt: skip


def train(stage: Stage) -> None:
    """A training's log."""
    curve = [{"loss": 3.0, "step": 5, "reward": 0.1}, {"loss": 1.0, "step": 9, "reward": 0.4}]
    stage.folder.write_json("curve.json", [*curve, {"eval_loss": 1.5, "step": 9}])


def judge(stage: Stage, lift: float) -> None:
    """Verdicts, and the answer that could not be judged."""
    write_rows(verdicts(lift), Verdict, stage.folder)
    lost = Failed("ys-2/paid_ad_bab@base", "judge", "no_verdict", "judge said <nothing>")
    write_rows([lost], Failed, stage.folder)


def fill(stage: Stage, offline: bool = True, lift: float = 0.0, *, full: bool = True) -> None:
    """What each stage would have left in its folder."""
    job = stage.job.name
    writers: dict[str, Callable[[], Any]] = {
        "brief": lambda: write_rows([Brief(**brief(*k)) for k in SCORES], Brief, stage.folder),
        "generate": lambda: write_up(stage),
        "clean": lambda: write_up(stage),
        "sft": lambda: train(stage),
        "answer": lambda: write_rows(answers(), Answer, stage.folder),
        "examine": lambda: examine(stage),
        "judge": lambda: judge(stage, lift),
        "compare": lambda: compare(stage),
        "evaluate": lambda: stage.folder.write_json(
            "scoreboard.json", whole_board(offline, lift, full=full)
        ),
        **{
            name: functools.partial(leave, stage, brief("ys-9", "paid_ad_bab", "train"), HOSTILE)
            for name, leave in LEARNED.items()
        },
    }
    counts = writers.get(job, dict)()
    told = counts if isinstance(counts, dict) else {}
    own = {"candidates": CANDIDATES} if job == "answer" else {}
    finish(stage, seed=7 + round(lift) if job == "sft" else 7, own=own, **told)


def write_run(folder: Path, jobs: Sequence[str] = FULL, offline: bool = True) -> Stage:
    """A run of which all but the report is finished; its report stage."""
    *before, last = config(folder, jobs)
    for stage in before:
        fill(stage, offline, full="examine" in jobs)
    return last
