"""What an examination is made of in three languages: brands, products, reference texts, cases."""

import json
from collections.abc import Sequence
from functools import cache

from jobs.domain.brand import (
    Guide,
    Ingredient,
    Product,
    brand_folder,
    facts_json,
    load_guide,
    product_of,
)
from jobs.domain.examination.canaries import cases_of
from jobs.domain.examination.cases import Case, Subject
from jobs.domain.examination.pairs import pairs_of
from jobs.domain.golden import golden_by_brief
from jobs.domain.rows import Brief
from jobs.examine import paired

LANGUAGES = ("zh", "ko", "en")
KINDS = ("ecommerce_long_form", "paid_ad_bab", "paid_ad_fab", "social_media_review")

KOREAN = Guide(
    name="결담", language="ko", category="생활 소품", philosophy="물건보다 결을 담습니다.",
    persona="말수가 적은 주인.", rules=("짧게 씁니다.",), encouraged=("천천히",),
    banned=("대박", "역대급"),
)  # fmt: skip

KOREAN_PRODUCTS = (
    Product("k1", "시카 진정 크림", "크림", (Ingredient("병풀 추출물", "피부를 진정", "5%"),),
            ("진정",), ("민감성 피부",), "가벼운 젤", "50ml", "24,000원"),
    Product("k2", "쌀겨 보습 로션", "로션", (Ingredient("쌀겨 발효물", "수분을 채움", "3%"),),
            ("보습",), ("건성 피부",), "묽은 로션", "100ml", "19,000원"),
)  # fmt: skip

KOREAN_GOLDEN = {
    "k1/paid_ad_fab": "병풀 추출물 5%를 담은 시카 진정 크림입니다. 가벼운 젤이 천천히 스며듭니다. "
    "민감한 날에도 피부가 편안합니다. 오늘 밤, 한 번 펴 발라 보세요.",
    "k2/paid_ad_fab": "쌀겨 보습 로션은 쌀겨 발효물 3%로 수분을 채웁니다. 묽은 로션이라 겹쳐 "
    "발라도 가볍습니다. 건조한 하루의 끝이 부드러워집니다. 세안 후 천천히 발라 보세요.",
}

ENGLISH = Guide(
    name="Plainfield", language="en", category="skin care", philosophy="Few things, done well.",
    persona="A calm pharmacist.", rules=("Plain words.",), encouraged=("calm",),
    banned=("miracle", "game-changer"),
)  # fmt: skip

ENGLISH_PRODUCTS = (
    Product("e1", "Oat Calm Cream", "cream",
            (Ingredient("colloidal oat", "soothes dry skin", "2%"),),
            ("soothing",), ("dry skin",), "rich cream", "50 ml", "$18"),
    Product("e2", "Clear Zinc Serum", "serum", (Ingredient("zinc PCA", "balances oil", "1%"),),
            ("balancing",), ("oily skin",), "light serum", "30 ml", "$22"),
)  # fmt: skip

ENGLISH_GOLDEN = {
    "e1/paid_ad_fab": "Oat Calm Cream holds 2% colloidal oat, which soothes dry skin. The cream is "
    "rich, yet it settles without a film. Tight cheeks grow calm again. Try it tonight.",
    "e2/paid_ad_fab": "Clear Zinc Serum brings 1% zinc PCA to oily skin. It is light and it sinks "
    "in within a minute. By noon the shine stays away. Put two drops on a clean face.",
}


def briefs_of(
    guide: Guide, products: Sequence[Product], kinds: Sequence[str]
) -> list[dict[str, Brief]]:
    """A brief of each kind for each product."""
    return [
        {
            kind: Brief(f"{one.product_id}/{kind}", one.product_id, "val", False, "b",
                        guide.language, kind, facts_json(one, guide.name))
            for kind in kinds
        }
        for one in products
    ]  # fmt: skip


@cache
def chinese() -> tuple[Subject, ...]:
    """Six validation products of the embedded brand, each in three families."""
    lines = (brand_folder("yuansu") / "products.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    products = [product_of(row) for row in rows if row["split"] == "val"][:6]
    guide = load_guide("yuansu")
    return tuple(paired(guide, briefs_of(guide, products, KINDS), golden_by_brief("yuansu")))


@cache
def subjects(language: str) -> tuple[Subject, ...]:
    """What is examined in a language; Korean and English have two products each."""
    if language == "zh":
        return chinese()
    guide, products, golden = {
        "ko": (KOREAN, KOREAN_PRODUCTS, KOREAN_GOLDEN),
        "en": (ENGLISH, ENGLISH_PRODUCTS, ENGLISH_GOLDEN),
    }[language]
    return tuple(paired(guide, briefs_of(guide, products, ("paid_ad_fab",)), golden))


@cache
def cases(language: str) -> tuple[Case, ...]:
    """Every case there is in a language."""
    every = subjects(language)
    return tuple(case for one in every for case in (*cases_of(one), *pairs_of(one)))
