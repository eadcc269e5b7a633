"""Statements about the product that the facts do not make."""

import re
from functools import cache

from jobs.llm.offline.judge.case import Case, flat
from jobs.llm.offline.judge.lexicon import (
    Fault,
    asserted,
    clause_at,
    compiled,
    denied,
    pattern,
    sentence_at,
    topic,
)
from jobs.llm.offline.judge.names import Known

QUOTED = re.compile(r"“[^”\n]*”|「[^」\n]*」|\"[^\"\n]*\"")


def own_words(case: Case) -> str:
    """The text without what it only reports to correct it: a myth's opening belief."""
    if case.content_type != "social_media_myth_busting":
        return case.plain
    reported = pattern("claims", "context", "reported", case.language)
    kept = []
    for place, sentence in enumerate(case.sentences):
        bare = QUOTED.sub("", sentence)
        kept.append("" if place < 3 and reported.search(sentence) else bare)
    return "".join(kept)


def invented_claims(case: Case) -> list[Fault]:
    """Certificates, experts, sales, origins, cures, offers and the like."""
    table = topic("claims", case.language)
    text = own_words(case)
    told = table.get("a_story_may_tell", ())  # people in it may meet doctors and travel
    faults = []
    for code, loss, grave in (("claim_sure", 2.0, True), ("claim_doubtful", 0.7, False)):
        for name, source in table.get(code.removeprefix("claim_"), ()):
            if name == table.get("for_everyone") and _suits_everyone(case):
                continue
            words = asserted(compiled(source), text, case.plain_facts)
            if words and case.content_type.endswith("storytelling") and name in told:
                faults.append(Fault("claim_doubtful", 0.7, f"{name}：{words[0]}"))
            elif words:
                faults.append(Fault(code, loss, f"{name}：{words[0]}", grave))
    return faults


def invented_effects(case: Case, known: Known) -> list[Fault]:
    """Effects of a kind that nothing in the facts touches."""
    text = own_words(case)
    explaining = case.content_type.startswith("social_media") and not case.content_type.endswith(
        "review"
    )
    elsewhere = pattern("claims", "context", "elsewhere", case.language)
    faults = []
    for kind in topic("claims", case.language).get("effects", ()):
        if compiled(kind["allowed"]).search(case.plain_facts):
            continue
        for hit in compiled(kind["claimed"]).finditer(text):
            clause = clause_at(text, hit.start())
            if denied(text, hit.start()) or elsewhere.search(clause):
                continue
            if explaining and not _of_product(sentence_at(text, hit.start()), known):
                continue
            faults.append(Fault("effect_foreign", 2.0, hit[0], grave=True))
            break
    return faults


def _of_product(sentence: str, known: Known) -> bool:
    named = any(name in sentence for name in (known.product, *known.ingredients))
    return named or re.search(r"它|这[款瓶支罐盒]|我们|本品", sentence) is not None


def wrong_people(case: Case) -> list[Fault]:
    """Kinds of skin that the text says it suits and the facts do not name."""
    table = topic("claims", case.language)
    kinds, context = table.get("skin"), table.get("skin_context")
    suited = "、".join(case.product.suited_for)
    if not kinds or not context or not suited:
        return []
    if _suits_everyone(case):
        return []
    if not any(compiled(source).search(suited) for source in kinds.values()):
        return []
    given = " ".join((suited, *case.product.effects, case.product.name))
    text = own_words(case)
    for name, source in kinds.items():
        if compiled(source).search(given):
            continue
        for hit in compiled(source).finditer(text):
            clause = clause_at(text, hit.start())
            suits = compiled(context["suits"]).search(clause)
            if suits and not compiled(context["spared"]).search(clause):
                return [Fault("suited_foreign", 2.0, f"{hit[0]}（{name}）", grave=True)]
    return []


def _suits_everyone(case: Case) -> bool:
    context = topic("claims", case.language).get("skin_context")
    suited = flat("、".join(case.product.suited_for), case.language)
    return context is not None and compiled(context["everyone"]).search(suited) is not None


@cache
def _forms(language: str) -> tuple[re.Pattern[str], tuple[frozenset[str], ...]] | None:
    table = topic("claims", language).get("forms")
    if not table:
        return None
    groups = tuple(frozenset(group) for group in table["groups"])
    words = sorted({w for group in groups for w in group if len(w) > 1}, key=len, reverse=True)
    return re.compile(f"{table['pointed']}({'|'.join(words)})"), groups


def wrong_form(case: Case) -> list[Fault]:
    """The product called a thing that it is not: a cream, where it is a serum."""
    forms = _forms(case.language)
    if forms is None:
        return []
    found, groups = forms
    own = f"{case.product.category} {case.product.name} {case.product.texture}"
    allowed = {
        word for group in groups if any(len(w) > 1 and w in own for w in group) for word in group
    }
    if not allowed:
        return []
    for hit in found.finditer(case.plain):
        word = hit[1]
        clause = clause_at(case.plain, hit.start())
        if word in own or word in allowed or any(len(w) == 1 and word.endswith(w) for w in allowed):
            continue
        if hit[0].startswith(("一", "那")) or re.search(
            r"后|再|搭|前|其他|别的|之前|以前|换|叠|涂", clause
        ):
            continue
        return [Fault("form_foreign", 1.2, hit[0], grave=True)]
    return []


def wrong_brand(case: Case, known: Known) -> list[Fault]:
    """Another house named where only this one belongs."""
    table = topic("claims", case.language).get("brands")
    if not table:
        return []
    for name in table["others"]:
        if name in case.plain and name not in case.plain_facts:
            whole = re.search(rf"(?<![a-z]){re.escape(name)}(?![a-z])", case.plain)
            if whole or not name.isascii():
                return [Fault("brand_foreign", 2.0, name, grave=True)]
    if "house" not in table:
        return []
    at = case.plain.find(known.product)
    while at >= 0:
        before = re.split(r"[,。!?;:\n“”「」]", case.plain[:at])[-1]
        hit = compiled(table["house"]).search(before)
        if hit and known.brand not in before and not compiled(table["ours"]).search(hit[1]):
            return [Fault("brand_foreign", 2.0, hit[1], grave=True)]
        at = case.plain.find(known.product, at + 1)
    return []


def swapped_roles(case: Case, known: Known) -> list[Fault]:
    """One ingredient's work said of another, in a clause that names only the other."""
    roles = [
        [part for part in re.split(r"[、,，和与]", entry.role) if len(part) >= 4]
        for entry in case.product.ingredients
    ]
    names = [(name, *also) for name, also in zip(known.ingredients, known.also, strict=True)]
    for clause in case.clauses:
        clause = clause.replace(known.product, "")
        present = [i for i, group in enumerate(names) if any(name in clause for name in group)]
        if len(present) != 1:
            continue
        mine = "".join(roles[present[0]]) + "".join(case.product.effects)
        for other, parts in enumerate(roles):
            for part in parts:
                if other != present[0] and part in clause and part not in mine:
                    return [
                        Fault("role_swapped", 1.2, f"{names[present[0]][0]}→{part}", grave=True)
                    ]
    return []
