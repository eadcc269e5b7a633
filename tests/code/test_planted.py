"""Cleaning against the truth that the offline teacher keeps: the defects it planted."""

import json
from collections import Counter

from jobs.domain.brand import brand_folder, facts_json, load_guide
from jobs.domain.catalog import read_products
from jobs.domain.duplicates import repeats
from jobs.domain.filters import Checked, reasons
from jobs.domain.prompts import content_type, prompt_files, render_request
from jobs.domain.rows import Brief
from jobs.llm.offline.teacher import Teacher

RATES = {
    "stray_tag": 0.1,
    "flat": 0.15,
    "no_call_to_action": 0.15,
    "banned_word": 0.1,
    "false_fact": 0.1,
    "near_duplicate": 0.1,
}
SAMPLES = (0, 1)


def test_planted_defects_are_found_and_sound_drafts_are_kept() -> None:
    guide = load_guide("yuansu")
    products = read_products(brand_folder("yuansu") / "products.jsonl", "zh")
    teacher = Teacher(RATES, seed=11)
    planted, found, sound, flagged = Counter[str](), Counter[str](), 0, Counter[str]()
    for product in [product for product in products if product.split == "train"]:
        facts = facts_json(product, guide.name)
        for prompt in prompt_files("write", "zh"):
            kind = content_type(prompt.name, "zh")
            brief = Brief("b", product.product_id, "train", False, "yuansu", "zh", kind.name, facts)
            body = {"model": "t", "messages": render_request(brief, guide)}
            drafts = [teacher.reply({**body, "seed": sample}) for sample in SAMPLES]
            is_repeat = repeats([draft.text for draft in drafts])
            for draft, repeated in zip(drafts, is_repeat, strict=True):
                seen = set(reasons(Checked(draft.text, kind, guide, json.loads(facts))))
                seen |= {"near_duplicate"} if repeated else set()
                planted.update(draft.planted)
                found.update(seen & set(draft.planted))
                sound += not draft.planted
                flagged.update(seen if not draft.planted else ())
    shares = {name: found[name] / count for name, count in planted.items()}
    print(shares, "of", dict(planted), "; sound", sound, "flagged", dict(flagged))
    assert set(planted) == {"no_person" if name == "flat" else name for name in RATES}
    assert found.total() / planted.total() >= 0.95, shares
    assert flagged.total() / sound < 0.05, flagged
