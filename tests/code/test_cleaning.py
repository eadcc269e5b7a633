"""What clean counts of its table, and what it tells of it, against loops over the same rows."""

import json
import random
from collections import Counter
from dataclasses import replace
from statistics import fmean
from typing import Any

import pytest
import ray
from huggingface_hub import DatasetCard

from jobs.cleaning.figures import Diversity, Figures, figures_of
from jobs.domain.brand import Guide
from jobs.domain.coverage import facts_named
from jobs.domain.diversity import distinct, self_bleu, tokens
from jobs.reporting.card import CopySet, render_card
from jobs.reporting.funnel import Losses, as_text, funnel

GUIDE = Guide("原素方程", "zh", "护肤", "", "", (), ("屏障", "科学"), ("神器",))
FACTS = {"name": "烟酰胺精华", "ingredients": [{"name": "烟酰胺", "concentration": "5%"}]}
WORDS = ("烟酰胺精华", "5%", "屏障", "科学", "温和", "每晚两滴", "慢慢来", "修护", "少一点")


def table(count: int = 60) -> list[dict[str, Any]]:
    rng = random.Random(3)
    return [
        {
            "draft_id": f"d{number}",
            "content_type": rng.choice(["paid_ad_bab", "paid_ad_fab", "social_media_review"]),
            "split": rng.choice(["train", "train", "dev"]),
            "reason": rng.choice(["", "", "", "hype", "near_duplicate"]),
            "facts": json.dumps(FACTS, ensure_ascii=False),
            "text": "，".join(rng.choices(WORDS, k=8)) + "。",
        }
        for number in range(count)
    ]


def figures(rows: list[dict[str, Any]], blocks: int, **settings: Any) -> Figures:
    dataset = ray.data.from_items(rows, override_num_blocks=blocks).materialize()
    return figures_of(dataset, GUIDE, Diversity(**settings))


def test_counts_and_means_are_those_of_a_loop(cluster: None) -> None:
    rows = table()
    found = figures(rows, blocks=4)
    copies = [row for row in rows if not row["reason"]]
    assert found.reasons == Counter(row["reason"] for row in rows if row["reason"])
    assert found.splits == Counter(row["split"] for row in copies)
    assert list(found.kinds) == sorted({row["content_type"] for row in copies})
    for kind, cell in found.kinds.items():
        texts = [row["text"] for row in copies if row["content_type"] == kind]
        assert cell["copies"] == cell["sampled"] == len(texts)
        named = [facts_named(text, FACTS, "zh") for text in texts]
        used = [sum(word in text for word in GUIDE.encouraged) for text in texts]
        assert cell["facts_named"] == pytest.approx(fmean(named), abs=0.001)
        assert cell["encouraged"] == pytest.approx(fmean(used), abs=0.001)
        assert cell["chars"] == pytest.approx(fmean(map(len, texts)), abs=0.001)
        assert cell["self_bleu"] == round(self_bleu([tokens(t, "zh") for t in texts]), 3)
        assert cell["distinct"] == round(distinct([tokens(t, "zh") for t in texts], 4), 3)


def test_blocks_and_their_order_change_nothing(cluster: None) -> None:
    rows = table()
    expected = figures(rows, blocks=1, sample=5)
    shuffled = random.Random(1).sample(rows, len(rows))
    assert figures(shuffled, blocks=7, sample=5) == expected
    assert {cell["sampled"] for cell in expected.kinds.values()} == {5}
    assert figures(rows, blocks=1, sample=5, seed=1) != expected


def test_low_diversity_warns_and_drops_nothing(cluster: None) -> None:
    rows = [{**row, "text": "少一点，皮肤更稳，屏障也更稳。", "reason": ""} for row in table(12)]
    found = figures(rows, blocks=2)
    assert [line.split(" is ")[0] for line in found.warnings] == ["distinct-4", "self-BLEU"]
    assert sum(found.splits.values()) == len(rows)
    assert figures(rows, blocks=2, distinct_floor=0.0, self_bleu_ceiling=1.0).warnings == []


def test_a_table_without_a_copy(cluster: None) -> None:
    found = figures([{**row, "reason": "hype"} for row in table(5)], blocks=1)
    assert found == Figures({"hype": 5}, {}, {}, [])


def test_self_bleu_by_hand() -> None:
    # abcd against abce: 3 of 4, 2 of 3, 1 of 2, and none of 1, smoothed to 1/2; both alike.
    assert self_bleu(["abcd", "abce"]) == pytest.approx((3 / 4 * 2 / 3 * 1 / 2 * 1 / 2) ** 0.25)
    # An n-gram counts as often as the other text has it: aaaa has 2, 1, 0 and 0 of aabb's.
    one_way = (2 / 4 * 1 / 3 * (1 / 2) / 2 * (1 / 4) / 1) ** 0.25
    assert self_bleu(["aaaa", "aabb"]) == pytest.approx(one_way)
    assert self_bleu(["abcd", "efgh"]) < 0.1


def losses() -> Losses:
    return Losses(10, 20, 1, {"near_duplicate": 2, "leaks_golden": 1, "hype": 3, "broken": 1}, 2)


def test_the_funnel_ends_with_what_is_left() -> None:
    steps = funnel(losses())
    named = [(step.name, step.lost, step.left) for step in steps]
    assert named == [
        ("briefs", 0, 10), ("drafts asked for", 0, 20), ("failed in generate", 1, 19),
        ("broken", 1, 18), ("hype", 3, 15), ("leaks_golden", 1, 14), ("near_duplicate", 2, 12),
        ("failed in clean", 2, 10), ("copies", 0, 10),
    ]  # fmt: skip
    assert [line.split()[-1] for line in as_text(steps).splitlines()[1:]] == [
        str(left) for _, _, left in named
    ]
    assert funnel(replace(losses(), briefs=0))[0].name == "drafts asked for"


def test_the_card_is_one_that_the_hub_reads() -> None:
    cell = {"copies": 9, "chars": 90.4, "facts_named": 0.515, "encouraged": 1.25}
    kinds = {"paid_ad_bab": cell | {"distinct": 0.7, "self_bleu": 0.3, "sampled": 9}}
    splits, alerts = {"train": 8, "dev": 2}, ["self-BLEU is high."]
    found = CopySet("yuansu", GUIDE, "m-1", True, splits, kinds, funnel(losses()), alerts)
    text = render_card(found, order=4)
    front = DatasetCard(text).data.to_dict()
    assert front["language"] == ["zh"]
    assert front["size_categories"] == ["n<1K"]
    assert front["configs"] == [{"config_name": "default", "data_files": "Copy/*.parquet"}]
    assert "license" not in front
    assert "| pieces | 10 |" in text
    assert "| paid_ad_bab | 9 | 90 | 52 % | 1.2 | 0.700 | 0.300 | 9 |" in text
    assert "| hype | 3 | 15 |" in text
    assert "no language model wrote" in text
    assert "no language model wrote" not in render_card(replace(found, offline=False), order=4)
