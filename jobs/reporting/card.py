"""The data set's card: a README.md as Hugging Face's hub reads it, from counted figures alone."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from jobs.domain.brand import Guide
from jobs.domain.duplicates import ALIKE
from jobs.reporting.funnel import Step

SIZES = ("n<1K", "1K<n<10K", "10K<n<100K", "100K<n<1M", "1M<n<10M", "10M<n<100M")  # as the hub's


@dataclass(frozen=True)
class CopySet:
    """What is told of a table of copies."""

    brand: str  # folder name under configs/brands/
    guide: Guide
    teacher: str  # model name
    offline: bool  # the teacher was the stand-in
    splits: Mapping[str, int]  # split -> copies
    kinds: Mapping[str, Mapping[str, float]]  # content type -> copies, means, diversity
    funnel: Sequence[Step]
    warnings: Sequence[str]
    files: Mapping[str, str] = field(default_factory=dict)  # split -> its files; {}: as in the run
    licence: str = ""  # as the hub names it; empty: not stated

    @property
    def copies(self) -> int:
        """All copies."""
        return sum(self.splits.values())


def counted(
    counts: Mapping[tuple[str, str], int], notes: Mapping[str, Any], splits: Sequence[str]
) -> dict[str, Any]:
    """What a CopySet counts: copies by (split, content type), beside what clean noted of them.

    >>> told = counted({("train", "a"): 2, ("dev", "a"): 1}, {"figures": {"a": {}}}, ["train"])
    >>> told["splits"], told["kinds"]
    ({'train': 2}, {'a': {'copies': 2}})
    """
    kept = {key: count for key, count in counts.items() if key[0] in splits}
    kinds, sizes = Counter[str](), Counter[str]()
    for (split, kind), count in kept.items():
        sizes[split] += count
        kinds[kind] += count
    return {
        "splits": {split: sizes[split] for split in splits if sizes[split]},
        "kinds": {
            kind: {**cell, "copies": kinds[kind]}
            for kind, cell in notes.get("figures", {}).items()
            if kinds[kind]
        },
        "funnel": [Step(**step) for step in notes.get("funnel", [])],
        "warnings": notes.get("warnings", []),
        "files": {split: f"data/{split}-*.parquet" for split in splits if sizes[split]},
    }


def size_category(rows: int) -> str:
    """
    >>> size_category(999), size_category(1000), size_category(123456)
    ('n<1K', '1K<n<10K', '100K<n<1M')
    """
    return SIZES[max(0, min(len(str(rows)) - 3, len(SIZES) - 1))]


def front_matter(found: CopySet) -> dict[str, Any]:
    """What the hub reads. No license where whoever publishes has not named one."""
    files = [{"split": split, "path": path} for split, path in found.files.items()]
    return {
        "language": [found.guide.language],
        "pretty_name": f"{found.guide.name}: copy in house style",
        "size_categories": [size_category(found.copies)],
        "task_categories": ["text-generation"],
        "annotations_creators": ["machine-generated"],
        "language_creators": ["machine-generated"],
        "source_datasets": ["original"],
        "tags": ["advertising", "synthetic", *sorted(found.kinds)],
        "configs": [{"config_name": "default", "data_files": files or "Copy/*.parquet"}],
        **({"license": found.licence} if found.licence else {}),
    }


def render_card(found: CopySet, order: int) -> str:
    """The card. `order` is that of distinct-n."""
    from huggingface_hub import DatasetCardData

    front = DatasetCardData(**front_matter(found)).to_yaml()
    return card_template("card.md").render(it=found, front=front, alike=ALIKE, order=order)


def card_template(name: str, **filters: Callable[..., Any]) -> Template:
    """A card's text, a file beside this one; a name that it does not know is an error."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= filters
    return environment.get_template(name)
