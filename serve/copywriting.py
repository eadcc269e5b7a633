"""What `/v1/copy` does apart from asking the model: a request becomes a brief, texts a ranking.

The brief is the one that a row of a product list would become, so that the model reads what it was
trained on (`jobs.domain.prompts.render_brief`). Errors are ValueErrors; they name fields and what
was wanted, and repeat nothing of what was sent but an unknown field's name.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from jobs.domain.brand import BRANDS, Guide, Ingredient, Product, facts_json, load_guide
from jobs.domain.prompts import content_type, prompt_files
from jobs.domain.rows import Brief
from jobs.domain.text import fingerprint
from serve.rules import RuleResult

MOST_VARIANTS, MOST_CANDIDATES = 8, 32


def encodable(text: str) -> str:
    """Raise ValueError for half of a surrogate pair, which JSON can hold and no reply can."""
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("it holds half a character (a lone surrogate)")
    return text


MOST_CHARACTERS = 200
Text = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=MOST_CHARACTERS),
    AfterValidator(encodable),
]
Word = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=MOST_CHARACTERS),
    AfterValidator(encodable),
]
Words = Annotated[list[Word], Field(max_length=20)]


class CopyIngredient(BaseModel):
    """As a product list has it."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: Word
    role: Word  # what it does
    concentration: Text = ""  # with its unit


class CopyProduct(BaseModel):
    """What is to be written about."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: Word
    category: Word
    ingredients: Annotated[list[CopyIngredient], Field(max_length=20)] = []  # the hero first
    effects: Words = []
    texture: Text = ""
    size: Text = ""
    price: Text = ""


class CopyRequest(BaseModel):
    """The body of `/v1/copy`."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    product: CopyProduct
    values: Words = []  # what the copy is to express
    audience: Words = []  # whom the product suits
    content_type: Word  # a file's name under prompts/write/
    brand: Word  # a folder's name under configs/brands/
    language: Word | None = None  # the brand's; stated, it must be that
    n: int = Field(default=3, ge=1, le=MOST_VARIANTS)  # variants wanted
    candidates: int | None = Field(default=None, ge=1, le=MOST_CANDIDATES)  # to choose them from

    @model_validator(mode="after")
    def refuse_fewer_candidates(self) -> "CopyRequest":
        """Raise ValueError where there would be fewer candidates than variants."""
        if self.candidates is not None and self.candidates < self.n:
            raise ValueError(f"candidates is {self.candidates}; wanted at least n, {self.n}")
        return self

    @property
    def tries(self) -> int:
        """How many texts to ask the model for: twice as many as wanted, unless it is said."""
        return self.candidates or 2 * self.n


def read_request(body: Any) -> CopyRequest:
    """A request from parsed JSON.

    >>> read_request({"product": {"name": "Mug"}})
    Traceback (most recent call last):
    ...
    ValueError: product.category: field required.
    """
    try:
        return CopyRequest.model_validate(body)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])[:80] or "the body"
        said = first["msg"].removeprefix("Value error, ")
        if first["type"] == "extra_forbidden":
            said = "there is no such field"
        where = where.encode("ascii", "backslashreplace").decode()
        raise ValueError(f"{where}: {said[:1].lower()}{said[1:]}.") from None


def briefed(request: CopyRequest) -> tuple[Brief, Guide]:
    """The brief as training sees it, and the guide it is written by. Raises ValueError."""
    guide = guide_of(request)
    kinds = [prompt.name for prompt in prompt_files("write", guide.language)]
    if request.content_type not in kinds:
        raise ValueError(
            f"content_type: there is no such type in {guide.language}; wanted one of "
            f"{', '.join(kinds)}."
        )
    told, values = request.product, ", ".join(dict.fromkeys(request.values))
    if not values and content_type(request.content_type, guide.language).about == "value":
        raise ValueError("values: this content type is about a value; wanted at least one.")
    if not values and not told.ingredients:
        raise ValueError("product.ingredients: none, and no values; wanted the one or the other.")
    key = fingerprint("copy", request.model_dump_json())
    product = Product(
        product_id=key,
        name=told.name,
        category=told.category,
        ingredients=tuple(Ingredient(**one.model_dump()) for one in told.ingredients),
        effects=tuple(told.effects),
        suited_for=tuple(request.audience),
        texture=told.texture,
        size=told.size,
        price=told.price,
        value=values,
    )
    brief = Brief(
        brief_id=f"{key}/{request.content_type}",
        product_id=key,
        split="val",  # not trained on
        new_hero=False,  # not known here
        brand=request.brand,
        language=guide.language,
        content_type=request.content_type,
        facts=facts_json(product, guide.name),
    )
    return brief, guide


def guide_of(request: CopyRequest) -> Guide:
    """The brand's guide. Raises ValueError for an unknown brand, or one of another language."""
    known = sorted(path.parent.name for path in BRANDS.glob("*/guide.toml"))
    if request.brand not in known:  # nor a path to elsewhere
        raise ValueError(f"brand: there is no such brand; wanted one of {', '.join(known)}.")
    guide = load_guide(request.brand)
    if request.language not in (None, guide.language):
        raise ValueError(f"language: this brand writes {guide.language}; wanted that, or nothing.")
    return guide


@dataclass(frozen=True)
class Candidate:
    """One text of the model with what the rules say of it."""

    text: str
    results: tuple[RuleResult, ...]

    @property
    def is_clean(self) -> bool:
        """It is a text, and keeps every rule that must be kept."""
        kept = all(result.passed for result in self.results if result.required)
        return bool(self.text.strip()) and kept


def ranked(candidates: Sequence[Candidate], scores: Sequence[float]) -> list[Candidate]:
    """Best first by their scores, each text once; of equal scores the earlier first.

    Raises ValueError for a score that is none: what could not be scored is not the worst.

    >>> texts = [Candidate(text, ()) for text in ("calm", "warm", "calm ", "soft")]
    >>> [found.text for found in ranked(texts, [0.2, 0.9, 0.5, 0.5])]
    ['warm', 'calm ', 'soft']
    """
    for place, score in enumerate(scores):
        if not math.isfinite(score):
            raise ValueError(f"candidate {place} has the score {score}; wanted a number.")
    pairs = sorted(zip(candidates, scores, strict=True), key=lambda pair: -pair[1])
    once: dict[str, Candidate] = {}
    for candidate, _ in pairs:
        once.setdefault(candidate.text.strip(), candidate)
    return list(once.values())


def best(candidates: Sequence[Candidate], n: int, tries: int) -> list[Candidate]:
    """The first n clean ones of a ranking. Raises ValueError where there are fewer.

    `tries` texts were asked for; those that a guard stopped are no candidates any more.
    """
    clean = [candidate for candidate in candidates if candidate.is_clean]
    if len(clean) < n:
        raise ValueError(
            f"of {tries} texts {len(candidates)} were whole and different and {len(clean)} kept "
            f"the brand's rules; wanted {n}. Ask again, for fewer variants or of more candidates."
        )
    return clean[:n]
