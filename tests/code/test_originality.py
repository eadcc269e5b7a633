"""The base model's corpus holds nothing that the teacher writes: no run of 12 characters is shared.

What both copy from a brief's facts is masked first; two texts about one ingredient share its name.
"""

import json
import random
from collections.abc import Iterable
from typing import Any

from jobs.domain.brand import BRANDS, facts_json, load_guide
from jobs.domain.catalog import read_products
from jobs.domain.prompts import prompt_files, render_request
from jobs.domain.rows import Brief
from jobs.llm.offline.teacher import Teacher
from jobs.training.corpus import examples

RUN = 12  # characters
MASK = "\ue000"  # a private-use character: stands for whatever a brief's facts say
BRIEFS = 300
SEEDS = 3
EXAMPLES = 1500


def strings(facts: Any) -> list[str]:
    """Every string in a JSON value."""
    if isinstance(facts, str):
        return [facts]
    parts = facts.values() if isinstance(facts, dict) else facts
    return [text for part in parts for text in strings(part)]


def runs(text: str, facts: str) -> set[str]:
    """The runs of 12 characters that hold nothing from the facts."""
    for value in sorted(strings(json.loads(facts)), key=len, reverse=True):
        text = text.replace(value, MASK)
    found = (text[start : start + RUN] for start in range(len(text) - RUN + 1))
    return {run for run in found if MASK not in run}


def all_runs(texts: Iterable[tuple[str, str]]) -> set[str]:
    return {run for text, facts in texts for run in runs(text, facts)}


def taught() -> list[tuple[str, str]]:
    """(text, facts) of what the teacher writes about the brand's own products, every type."""
    guide = load_guide("yuansu")
    products = read_products(BRANDS / "yuansu" / "products.jsonl", "zh")
    pairs = [(item, kind.name) for item in products for kind in prompt_files("write", "zh")]
    rng = random.Random(0)
    rng.shuffle(pairs)
    teacher, texts = Teacher({}), []
    for item, kind in pairs[:BRIEFS]:
        facts = facts_json(item, guide.name)
        brief = Brief("b", item.product_id, "train", False, "yuansu", "zh", kind, facts)
        for seed in range(SEEDS):
            body = {"messages": render_request(brief, guide), "seed": seed, "model": "teacher"}
            texts.append((teacher.reply(body).text, facts))
    return texts


def test_a_shared_sentence_is_noticed_and_a_shared_fact_is_not() -> None:
    facts = (
        '{"name":"晨露精华","ingredients":[{"name":"烟酰胺","role":"帮助调节皮脂并且匀净肤色"}]}'
    )
    mine = runs("晨露精华：帮助调节皮脂并且匀净肤色。把步骤减到三步再观察四周的变化。", facts)
    same = runs("先把步骤减到三步再观察四周的变化。帮助调节皮脂并且匀净肤色。", facts)
    # 把步骤减到三步再观察四周的变化。 has 16 characters, so 5 runs of 12; the fact has 12.
    assert len(mine & same) == 5
    assert not any("皮脂" in run for run in mine | same)


def test_corpus_and_teacher_share_no_run_of_twelve_characters() -> None:
    teacher = all_runs(taught())
    corpus = all_runs(
        (example.text, example.brief.facts) for example in examples(EXAMPLES, seed=11)
    )
    print(f"{len(teacher)} runs of the teacher, {len(corpus)} of the corpus")
    assert len(teacher) > 10_000
    assert len(corpus) > 10_000
    assert not teacher & corpus, sorted(teacher & corpus)[:20]
