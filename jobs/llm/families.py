"""Which family a model is of: configs/families/models.toml. A name not there has no known one."""

import tomllib
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from functools import cache

from pydantic import Field, ValidationError

from jobs.domain.brand import ROOT
from jobs.domain.errors import SettingsError
from jobs.runtime.config import Section

FAMILIES = ROOT / "configs" / "families" / "models.toml"
# The embedded stand-ins are kin to nobody, not even to one another: they share no code or data.
STAND_INS = ("offline", "embedded")


class Family(Section):
    """Models that learned from one another's makers and data."""

    name: str
    names: tuple[str, ...] = Field(min_length=1, description="shell patterns, in lower case")


@cache
def families() -> tuple[Family, ...]:
    """Every family there is. Raises SettingsError naming what is wrong in the file."""
    try:
        table = tomllib.loads(FAMILIES.read_text(encoding="utf-8"))
        return tuple(Family(**entry) for entry in table["family"])
    except (tomllib.TOMLDecodeError, KeyError, ValidationError) as error:
        raise SettingsError(
            f"configs/families/models.toml cannot be read: {error}. Each [[family]] has "
            f"{', '.join(Family.model_fields)}."
        ) from error


def families_of(model: str) -> tuple[str, ...]:
    """The families that a model's name tells; several for a distilled one, none if not known.

    >>> families_of("Qwen/Qwen2.5-0.5B-Instruct"), families_of("gpt-4.1-mini")
    (('Qwen (Alibaba)',), ('GPT (OpenAI)',))
    >>> families_of("deepseek-ai/DeepSeek-R1-Distill-Qwen-7B")
    ('DeepSeek', 'Qwen (Alibaba)')
    >>> families_of("my-model")
    ()
    """
    whole = model.lower().strip("/")
    forms = {whole, whole.rpartition("/")[2]}
    return tuple(
        family.name
        for family in families()
        if any(fnmatchcase(form, name) for form in forms for name in family.names)
    )


def kinship(judge: str, others: Mapping[str, Sequence[str]]) -> list[str]:
    """Warnings where a judge's model is kin to a model by role, or cannot be told.

    Stand-ins are named `offline` and `embedded`.

    >>> kinship("qwen-max", {"teacher": ["deepseek-chat"], "student": ["Qwen/Qwen3-0.6B"]})
    ['the judge qwen-max and the student Qwen/Qwen3-0.6B are of one family: Qwen (Alibaba)']
    """
    if judge in STAND_INS:
        return []
    warnings, mine = [], families_of(judge)
    if not mine:
        warnings.append(
            f"the family of the judge {judge} is not known; name it in configs/families/models.toml"
        )
    for role, models in others.items():
        for model in dict.fromkeys(models):
            shared = [name for name in families_of(model) if name in mine]
            if shared or model == judge:
                kind = ", ".join(shared) or "they are one model"
                warnings.append(
                    f"the judge {judge} and the {role} {model} are of one family: {kind}"
                )
    return warnings
