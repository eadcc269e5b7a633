"""A model's card: a README.md as Hugging Face's hub reads it, from a run's records alone."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jobs.domain.brand import Guide
from jobs.domain.prompts import Message
from jobs.reporting.card import card_template

SHOWN = 60  # characters of a setting's value
METHODS = {
    "sft": "learning from copies",
    "dpo": "direct preference optimisation on pairs",
    "grpo": "group relative policy optimisation on samples of its own",
}
# Sections and settings that say who was asked and where, not how the model was trained.
UNTOLD = ("judge", "judges", "base_url", "api_key_env", "extra")


@dataclass(frozen=True)
class Source:
    """What a model was made from."""

    name: str  # hub id, or a folder's name; empty: a base that the run made itself
    on_hub: bool


@dataclass(frozen=True)
class Made:
    """One finished stage that had a part in the model."""

    stage: str
    job: str
    settings: Mapping[str, Any]  # as done.json keeps them
    rows: int  # that went in
    seconds: float
    usd: float | None  # None: not known


@dataclass(frozen=True)
class ModelSheet:
    """What is told of a model."""

    run: str
    guide: Guide
    base: Source
    parts: Sequence[str]  # of model, adapter: what lies beside the card
    stages: Sequence[Made]
    learned: Mapping[str, int]  # split -> copies of the data it was made with
    board: Mapping[str, Any] | None  # scoreboard.json
    ours: Sequence[str]  # names in the scoreboard that this model has
    teacher: str  # model name
    offline: Sequence[str]  # of teacher, rater, judge: those that were stand-ins
    chat: Sequence[Message] = ()  # a request as it was trained on
    dataset: str = ""  # hub id of the data set that was published with it
    licence: str = ""  # as the hub names it; empty: not stated

    @property
    def title(self) -> str:
        """The card's heading."""
        return f"{self.guide.name}: copy in house style"

    @property
    def path(self) -> str:
        """The trainings that led to it, in order, in words; empty where there was only one."""
        trainings = [made for made in self.stages if made.job in METHODS]
        told = [f"`{made.stage}` ({METHODS[made.job]})" for made in trainings]
        return ", then ".join(told) if len(told) > 1 else ""

    @property
    def lora(self) -> bool:
        """False where a training changed all weights."""
        return not any(made.settings.get(made.job, {}).get("lora") is False for made in self.stages)

    @property
    def fitness(self) -> Mapping[str, Mapping[str, Any]]:
        """Each judge's examination; empty where none was examined."""
        return (self.board or {}).get("examination") or {}

    @property
    def believable(self) -> bool:
        """Scores may go where leaderboards read them: real, examined judges, all of them fit."""
        fit = [told["fit"] for told in self.fitness.values()]
        return bool(self.board) and "judge" not in self.offline and bool(fit) and all(fit)


def made_by(record: Mapping[str, Any]) -> Made:
    """A finished stage by its done.json."""
    counts, settings = record["counts"], record["identity"]["settings"]
    rows, seconds = counts["expected"], record["seconds"]
    return Made(record["stage"], record["job"], settings, rows, seconds, counts["usd"])


def names_of(stage: str, answered: Mapping[str, Any] | None) -> list[str]:
    """What the scoreboard calls the model that a stage wrote, by the answer stage's done.json.

    >>> two = [{"name": "golden", "source": "golden"}, {"name": "ours", "source": "merge"}]
    >>> names_of("merge", {"identity": {"settings": {"answer": {"candidates": two}}}})
    ['ours']
    >>> names_of("merge", None)
    []
    """
    settings = answered["identity"]["settings"].get("answer", {}) if answered else {}
    return [one["name"] for one in settings.get("candidates", []) if one["source"] == stage]


def source_of(name: str, *, embedded: bool) -> Source:
    """Where a base comes from, without the path that it has on this machine.

    >>> source_of("a/b", embedded=False), source_of("/home/me/qwen", embedded=False)
    (Source(name='a/b', on_hub=True), Source(name='qwen', on_hub=False))
    """
    if embedded:
        return Source("", on_hub=False)
    is_path = name.startswith(("/", ".", "~")) or name.count("/") != 1 or Path(name).exists()
    return Source(Path(name).name if is_path else name, on_hub=not is_path)


def adapter_config(content: bytes, base: Source) -> str:
    """peft's config without the path that the base had on the machine that trained.

    >>> told = b'{"r": 16, "base_model_name_or_path": "/home/me/x"}'
    >>> json.loads(adapter_config(told, Source("x", on_hub=False)))
    {'r': 16, 'base_model_name_or_path': None}
    """
    named = {"base_model_name_or_path": base.name if base.on_hub else None}
    return json.dumps({**json.loads(content), **named}, indent=2)


def rated_offline(stages: Sequence[Made]) -> bool:
    """A stand-in's rating was among the rewards of a training."""
    return any(
        made.settings.get("rater", {}).get("base_url") == "offline"
        and "rater" in made.settings.get("rewards", {}).get("weights", {})
        for made in stages
    )


def settings_of(made: Made) -> list[tuple[str, str]]:
    """A stage's settings by dotted name; of a path on somebody's machine the last part alone.

    >>> lora = {"brand": "b", "sft": {"epochs": 3, "lora": {"r": 16}}}
    >>> settings_of(Made("sft", "sft", lora, 1, 1, 0))
    [('sft.epochs', '3'), ('sft.lora.r', '16')]
    >>> asked = {"base": {"model": "/home/me/qwen"}, "rater": {"base_url": "https://ours/v1"}}
    >>> settings_of(Made("grpo", "grpo", asked, 1, 1, 0))
    [('base.model', 'qwen')]
    """
    found: list[tuple[str, str]] = []

    def walk(name: str, value: Any) -> None:
        if name.split(".")[-1] in UNTOLD:
            return
        if isinstance(value, Mapping):
            for key, inner in value.items():
                walk(f"{name}.{key}" if name else str(key), inner)
        elif name != "brand" and value not in (None, "", [], ()):
            text = str(value)
            text = Path(text).name if text.startswith(("/", "~", "./", "../")) else text
            found.append((name, text[:SHOWN]))

    walk("", made.settings)
    return found


def cell_text(cell: Mapping[str, Any] | None) -> str:
    """A mean with its 95 % interval, where there is one.

    >>> cell_text({"mean": 4.126, "n": 9, "low": 3.9, "high": 4.31}), cell_text(None)
    ('4.13 [3.90, 4.31]', '')
    >>> cell_text({"mean": 2.5, "n": 3, "low": None, "high": None})
    '2.50'
    """
    if not cell:
        return ""
    mean, low, high = cell["mean"], cell.get("low"), cell.get("high")
    return f"{mean:.2f}" if low is None or high is None else f"{mean:.2f} [{low:.2f}, {high:.2f}]"


def front_matter(sheet: ModelSheet) -> Any:
    """What the hub reads, as its ModelCardData. Scores only where they can be believed."""
    from huggingface_hub import EvalResult, ModelCardData

    whole = "model" in sheet.parts
    optional: dict[str, Any] = {"license": sheet.licence, "datasets": [sheet.dataset]}
    if sheet.base.on_hub:
        optional |= {
            "base_model": sheet.base.name,
            "base_model_relation": "finetune" if whole else "adapter",
        }
    board = sheet.board or {}
    results = [
        EvalResult(
            task_type="text-generation",
            dataset_type=sheet.dataset or sheet.run,
            dataset_name=f"validation briefs of {sheet.guide.name}",
            metric_type="judge_score",
            metric_name=f"mean score, 1 to 5, by {board['judge']['model']}",
            metric_value=round(board["overall"][name]["mean"], 3),
        )
        for name in sheet.ours
        if sheet.believable and name in board["overall"]
    ]
    if results:
        optional |= {"eval_results": results, "model_name": sheet.title}
    return ModelCardData(
        language=[sheet.guide.language],
        library_name="transformers" if whole else "peft",
        pipeline_tag="text-generation",
        tags=["advertising", "house-style", *["lora"] * sheet.lora, "synthetic-data"],
        **{key: value for key, value in optional.items() if value and value != [""]},
    )


def render_model_card(sheet: ModelSheet) -> str:
    """The card as text."""
    template = card_template("model_card.md", cell=cell_text, settings=settings_of)
    return template.render(it=sheet, front=front_matter(sheet).to_yaml())
