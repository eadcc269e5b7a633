"""The rules that a negative goes through, and who decides where the rater sees it otherwise."""

import itertools
import json

import pytest

from jobs.domain.brand import brand_folder, facts_json, load_guide
from jobs.domain.catalog import read_products
from jobs.domain.filters import Checked
from jobs.domain.negatives import DEFECTS, Case, Limits, final_reason, rule_reason
from jobs.domain.prompts import content_type
from jobs.domain.ratings import Check

LIMITS = Limits(max_length_gap=0.3, max_similarity=0.995)
KINDS = ("weak", "exaggerated", "false")

# Copies and negatives by hand: an advertisement of one product.
COPY = (
    "洗完脸，两颊总是发紧。烟酰胺净润精华液含5%烟酰胺，负责调节皮脂、匀净肤色，质地是清透水感，"
    "适合油性肌肤。一瓶30ml，189元。今晚不妨试一次。"
)


def case(text: str) -> Case:
    every = read_products(brand_folder("yuansu") / "products.jsonl", "zh")
    [product] = [one for one in every if one.product_id == "ys-001"]
    facts = json.loads(facts_json(product, "原素方程"))
    return Case(Checked(text, content_type("paid_ad_fab", "zh"), load_guide("yuansu"), facts), COPY)


@pytest.mark.parametrize(
    ("kind", "text", "reason"),
    [
        ("false", COPY.replace("5%", "12%"), ""),
        ("false", COPY.replace("5%", "12%").replace("30ml", "60ml"), ""),
        ("false", COPY.replace("5%", "12%").replace("30ml", "60ml").replace("清透水感", "厚润膏体"),
         "too_many_false"),
        ("false", COPY, "too_alike"),
        ("false", f" {COPY}\n", "too_alike"),
        ("false", COPY.replace("5%", "9%").replace("今晚", "神器！！今晚"), "also_exaggerated"),
        ("false", COPY.replace("5%", "12%").replace("净润精华液", "净精华液"), "also_weak"),
        ("false", COPY.replace("5%", "12%").removesuffix("一次。"), "also_weak"),
        ("exaggerated", COPY.replace("今晚", "保证有效，绝对安全！！今晚"), ""),
        ("exaggerated", COPY.replace("今晚", "保证有效！！只要99元。今晚"), "also_false"),
        ("exaggerated", COPY.replace("今晚", "神器！！今晚").replace("油性肌肤", "婴幼儿"),
         "also_false"),
        ("exaggerated", COPY.replace("负责调节皮脂", "保证有效，绝对根治毛孔，从此告别烦恼"), ""),
        ("exaggerated", COPY.replace("今晚", "保证有效！！" * 6 + "今晚"), "length_gap"),
        ("exaggerated", COPY.replace("烟酰胺净润精华液", "护肤神器"), "also_weak"),
        ("weak", COPY.replace("烟酰胺净润精华液含", "它含"), ""),
        ("weak", COPY.replace("烟酰胺净润精华液", "烟酸胺润净精华液"), ""),
        ("weak", COPY.replace("洗完脸", "再不用就晚了，洗完脸"), "also_exaggerated"),
        ("weak", COPY.replace("5%", "12%"), "also_false"),
        ("weak", COPY[:40], "length_gap"),
        ("weak", f"<p>{COPY.replace('5%', '')}</p>", "unusable"),
        ("weak", "A serum with niacinamide, for oily skin and that is it.", "unusable"),
        ("weak", "", "unusable"),
    ],
)  # fmt: skip
def test_rules_drop_with_the_reason(kind: str, text: str, reason: str) -> None:
    assert rule_reason(case(text), kind, LIMITS) == reason


@pytest.mark.parametrize(
    ("kind", "text", "evidence"),
    [
        ("weak", COPY, set()),
        ("weak", COPY.replace("烟酰胺净润精华液", "烟酰胺净洗精华液"), {"unnamed", "garbled_name"}),
        ("weak", COPY.replace("烟酰胺净润精华液", "这款产品"), {"unnamed"}),
        ("weak", COPY.replace("5%烟酰胺", "5%胺烟酰"), {"garbled_ingredient", "no_hero"}),
        (
            "weak",
            COPY.replace("今晚不妨试一次。", "今晚不妨试一次。今晚不妨试一次。"),
            {"repeated"},
        ),
        ("weak", COPY.replace("今晚不妨试一次。", "今晚不妨"), {"broken"}),
        ("exaggerated", COPY + "太神奇了！", {"hype"}),
        ("exaggerated", COPY.replace("一次。", "一次！！"), {"hype", "shouts"}),
        ("exaggerated", COPY.replace("一次。", "一次！"), set()),
        ("false", COPY.replace("调节皮脂", "淡化细纹"), {"role"}),
        ("false", COPY.replace("5%烟酰胺", "5%视黄醇"), {"ingredient"}),
        ("false", COPY.replace("油性肌肤", "干性肌肤"), {"suited_for"}),
        ("false", COPY.replace("一瓶30ml，189元。", ""), set()),
        ("false", COPY.replace("5%", "百分之五").replace("30ml", "30毫升"), set()),
    ],
)
def test_what_rules_find_of_a_defect(kind: str, text: str, evidence: set[str]) -> None:
    found = set(DEFECTS[kind](case(text)).all)
    assert found - {"false_fact", "exchanged", "concentration"} == evidence


def test_who_decides_where_rules_and_rater_differ() -> None:
    """All of it, against the rule in words: own by either, another by the rater alone."""
    for own, ruled, flags in itertools.product(
        KINDS, (True, False), itertools.product((True, False), repeat=3)
    ):
        check = Check(*flags, reason="")
        others = [name for name in KINDS if name != own and getattr(check, name)]
        reason = final_reason(own, ["some_evidence"] * ruled, check)
        if others:
            assert reason == f"rater_says_{others[0]}"
        elif ruled or getattr(check, own):
            assert reason == ""
        else:
            assert reason == "defect_missing"
    falsely = Check(weak=True, exaggerated=False, false=True, reason="")
    assert final_reason("weak", ["unnamed", "garbled_name"], falsely) == ""
    assert final_reason("weak", ["unnamed"], falsely) == "rater_says_false"
    assert final_reason("weak", ["unnamed"], None) == ""
