"""Criterion 1: is everything said of the product in the facts?"""

from jobs.llm.offline.judge import claims
from jobs.llm.offline.judge.case import Case
from jobs.llm.offline.judge.lexicon import Fault, Mark, mark
from jobs.llm.offline.judge.names import (
    Known,
    foreign_ingredients,
    known_names,
    mutations,
    other_product,
)
from jobs.llm.offline.judge.numbers import foreign_numbers, misplaced_concentrations


def truth(case: Case) -> Mark:
    """The mark for truth; each error of fact is a grave fault."""
    known = known_names(case)
    faults = [
        *(mutations(case, known) or other_product(case, known)),
        *foreign_ingredients(case, known),
        *foreign_numbers(case),
        *misplaced_concentrations(case, known),
        *claims.swapped_roles(case, known),
        *claims.invented_effects(case, known),
        *claims.wrong_people(case),
        *claims.wrong_form(case),
        *claims.wrong_brand(case, known),
        *claims.invented_claims(case),
    ]
    return mark(5.0, _merged(_hero_replaced([*missing(case, known), *faults])))


def missing(case: Case, known: Known) -> list[Fault]:
    """The product's full name or its hero ingredient left out."""
    faults = []
    if known.product not in case.plain:
        faults.append(Fault("name_missing", 1.6))
    hero, also = known.ingredients[:1], known.also[:1]
    names = [*hero, *(name for group in also for name in group)]
    # The product's own name does not count: 烟酰胺精华液 alone says nothing of what is in it.
    rest = case.plain.replace(known.product, "")
    if names and not any(name in rest for name in names):
        faults.append(Fault("hero_missing", 1.0))
    return faults


def _hero_replaced(faults: list[Fault]) -> list[Fault]:
    """A foreign ingredient spoken of where the hero is not: it stands in the hero's place."""
    if not any(fault.code == "hero_missing" for fault in faults):
        return faults
    return [
        Fault("ingredient_foreign", 2.0, fault.evidence, grave=True)
        if fault.code == "ingredient_hinted"
        else fault
        for fault in faults
    ]


def _merged(faults: list[Fault]) -> list[Fault]:
    """One fault per piece of evidence: what is absent because it is mutated counts once."""
    codes = {fault.code for fault in faults}
    dropped = set()
    if "name_mutated" in codes:
        dropped.add("name_missing")
    if "ingredient_mutated" in codes:
        dropped.add("hero_missing")
    seen: set[str] = set()
    kept = []
    for fault in faults:
        if fault.code in dropped or (fault.evidence and fault.evidence in seen):
            continue
        seen.add(fault.evidence)
        kept.append(fault)
    return kept
