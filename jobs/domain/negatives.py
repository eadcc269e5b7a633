"""Whether a negative has its own defect and no other: rules first, then what the rater says.

A negative is held against the copy that it was made from and the product's facts. Each defect is
one function here, by whose name a file in prompts/degrade/ asks for it (`check`). What it returns
is evidence by name, in two strengths:

- `sure`: such a text has the defect whatever its kind is. In a negative of another kind it is a
  second defect.
- `own`: it shows the defect only where that was asked for. A text whose main ingredient was made
  false, say, does not name the right one; that alone makes no weak text of it.

Who decides. Of the own defect, the rules wherever they have evidence: they compare with facts and
word lists, and a rater that overlooks a 6 % for a 5 % is wrong. Where they have none, the rater
does; without a rater such a negative is dropped. Of a second defect, either: rules and rater each
find what the other overlooks, and one dropped negative costs less than one that teaches something
else. The one exception is `EXCUSED`. Where the rater's word alone would keep or drop a negative, it
is asked about the copy as well: what it says of both is its taste, and no difference between them.

Functions are pure. Reasons that stand in Dropped rows: `UNUSABLE` and its neighbours below, and
`also_<defect>`, `rater_says_<defect>`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from jobs.domain.damage import in_other_language, is_garbled
from jobs.domain.filters import Checked, example, reasons
from jobs.domain.lexicon import compact, folded
from jobs.domain.likeness import length_gap, nearly_in, says_twice, similarity
from jobs.domain.ratings import Check
from jobs.domain.swaps import exchanged_facts, new_figures, swapped_facts
from jobs.domain.wording import SHOUT

UNUSABLE = "unusable"  # tags, mojibake, another language, personal data
TOO_ALIKE = "too_alike"  # nothing, or next to nothing, was made worse
LENGTH_GAP = "length_gap"  # its length tells on it
TOO_MANY_FALSE = "too_many_false"  # more facts than were asked for
DEFECT_MISSING = "defect_missing"  # neither rules nor rater find what was asked for
DAMAGE = {"stray_tag", "personal_data"}  # filters; `broken` may be what makes a text weak
UNMET: tuple[str, ...] = ("broken", "no_call_to_action", "no_person")  # filters
EDITED = 0.4  # of character 5-grams shared: texts written anew share some 0.1 with their copy
FALSE_FACTS = 2  # in one negative, at most
# A name that is nearly written is a weak writer's, and a rater may call it another name: false.
GARBLED_NAME, GARBLED_INGREDIENT, HERO_SWAPPED = "garbled_name", "garbled_ingredient", "ingredient"
# (own defect, evidence for it, what the rater says beside it): one and the same flaw.
EXCUSED = {
    ("weak", GARBLED_NAME, "false"),
    ("weak", GARBLED_INGREDIENT, "false"),
    ("false", HERO_SWAPPED, "weak"),
}


@dataclass(frozen=True)
class Case:
    """A negative beside its copy."""

    negative: Checked
    copy: str

    @cached_property
    def fresh(self) -> set[str]:
        """Filters that hold for the negative and not for its copy."""
        there = self.negative
        before = Checked(self.copy, there.kind, there.guide, there.facts)
        return set(reasons(there)) - set(reasons(before))

    @cached_property
    def swapped(self) -> list[tuple[str, str]]:
        """Facts of the copy in whose place the negative has something else."""
        return swapped_facts(self.copy, self.text, self.facts)

    @cached_property
    def is_edited(self) -> bool:
        """The negative is the copy with changes, and no text of its own."""
        return similarity(self.text, self.copy) > EDITED

    @property
    def text(self) -> str:
        """The negative's."""
        return self.negative.text

    @property
    def facts(self) -> dict[str, Any]:
        """The product's."""
        return self.negative.facts

    @property
    def language(self) -> str:
        """The guide's."""
        return self.negative.language


@dataclass(frozen=True)
class Evidence:
    """What rules found of one defect, by names."""

    sure: tuple[str, ...] = ()
    own: tuple[str, ...] = ()

    @property
    def all(self) -> tuple[str, ...]:
        """Both strengths."""
        return (*self.sure, *self.own)


@dataclass(frozen=True)
class Limits:
    """How near a negative has to be to its copy in length, and how far in words."""

    max_length_gap: float  # of the copy's length
    max_similarity: float  # of character 5-grams, 0 to 1


Defect = Callable[[Case], Evidence]
DEFECTS: dict[str, Defect] = {}


def defect(found: Defect) -> Defect:
    """Register a defect; its name is what prompt files call it."""
    DEFECTS[found.__name__] = found
    return found


def case_of(text: str, copy: str) -> Case:
    """The doctests' product, with a copy and a text made from it."""
    return Case(example(text), copy)


COPY = "烟酰胺净润精华液，5%烟酰胺调节皮脂。温和，适合每天。点击了解配方。"  # of doctests


@defect
def weak(case: Case) -> Evidence:
    """Broken off, unnamed, misnamed, repeating itself, or with far fewer facts than the copy.

    >>> weak(case_of("烟酰胺净润精华液，5%烟酰胺调节皮脂。点击了解配方，让", COPY)).sure
    ('broken',)
    >>> weak(case_of("烟酰按净润精华液，5%烟酰胺调节皮脂。点击了解配方。", COPY)).all
    ('unnamed', 'garbled_name')
    >>> weak(case_of("烟酰胺净润精华液，很好。每天都用。点击了解配方。", COPY)).own
    ('no_hero',)
    """
    sure = [found for found in UNMET if found in case.fresh]
    own = list[str]()
    name, letters, before = map(compact, (str(case.facts.get("name", "")), case.text, case.copy))
    if name and name in before and name not in letters:
        sure.append("unnamed")
        if nearly_in(name, letters):
            own.append(GARBLED_NAME)
    if name:  # of which an ingredient's name is often a part
        letters, before = letters.replace(name, ""), before.replace(name, "")
    names = [compact(str(entry["name"])) for entry in case.facts.get("ingredients", ())]
    if names and names[0] in before and names[0] not in letters:
        own.append("no_hero")
    if any(nearly_in(one, letters) for one in names):
        own.append(GARBLED_INGREDIENT)
    if says_twice(case.text, case.language) and not says_twice(case.copy, case.language):
        own.append("repeated")
    return Evidence(tuple(sure), tuple(own))


@defect
def exaggerated(case: Case) -> Evidence:
    """A banned word, shouting, an absolute claim or fear that the copy does not have.

    >>> exaggerated(case_of(COPY + "护肤神器！！", COPY)).sure
    ('banned_word', 'hype')
    >>> exaggerated(case_of(COPY.replace("每天。", "每天！"), COPY)).all
    ()
    """
    sure = tuple(name for name in ("banned_word", "hype") if name in case.fresh)
    rows = len(SHOUT.findall(folded(case.text))) > len(SHOUT.findall(folded(case.copy)))
    return Evidence(sure, ("shouts",) if rows else ())


@defect
def false(case: Case) -> Evidence:
    """A figure, ingredient, effect or other fact that is not the product's.

    >>> false(case_of(COPY.replace("5%", "10%"), COPY)).all
    ('false_fact', 'exchanged', 'figure', 'concentration')
    >>> false(case_of(COPY.replace("调节皮脂", "淡化细纹"), COPY)).all
    ('exchanged', 'role')
    >>> false(case_of(COPY + "售价189元。", COPY)).all
    ()
    """
    sure = ["false_fact"] if "false_fact" in case.fresh else []
    if case.is_edited and exchanged_facts(case.copy, case.text, case.facts):
        sure.append("exchanged")
    if new_figures(case.copy, case.text, case.facts):
        sure.append("figure")
    return Evidence(tuple(sure), tuple(dict.fromkeys(label for label, _ in case.swapped)))


def rule_reason(case: Case, own: str, limits: Limits) -> str:
    """Why rules drop a negative whose own defect is to be `own`; empty where they do not.

    >>> limits = Limits(max_length_gap=0.3, max_similarity=0.99)
    >>> rule_reason(case_of(COPY.replace("5%", "10%"), COPY), "false", limits)
    ''
    >>> rule_reason(case_of(COPY.replace("5%", "10%"), COPY), "exaggerated", limits)
    'also_false'
    >>> rule_reason(case_of(COPY, COPY), "false", limits), rule_reason(
    ...     case_of("烟酰胺净润精华液。", COPY), "weak", limits)
    ('too_alike', 'length_gap')
    """
    if is_unusable(case):
        return UNUSABLE
    if similarity(case.text, case.copy) > limits.max_similarity:
        return TOO_ALIKE
    if length_gap(case.text, case.copy) > limits.max_length_gap:
        return LENGTH_GAP
    for name, finds in DEFECTS.items():
        if name != own and finds(case).sure:
            return f"also_{name}"
    if own == "false" and len(case.swapped) > FALSE_FACTS:
        return TOO_MANY_FALSE
    return ""


def is_unusable(case: Case) -> bool:
    """Empty, with a tag, in mojibake or in another language: nobody's idea of a worse text."""
    return (
        not compact(case.text)
        or bool(DAMAGE & case.fresh)
        or is_garbled(case.text)
        or in_other_language(case.text, case.language)
    )


def final_reason(
    own: str, evidence: Sequence[str], check: Check | None, of_copy: Check | None = None
) -> str:
    """Why a negative that the rules let pass is dropped after all; empty where it is not.

    `evidence` is what the rules found of its own defect; `check` what the rater said of it, None
    where it was not asked; `of_copy` what it said of the copy, where that was asked. See the head
    of this file for who decides.

    >>> nothing, hype = (Check(False, said, False, "") for said in (False, True))
    >>> final_reason("false", ["figure"], nothing), final_reason("false", [], nothing)
    ('', 'defect_missing')
    >>> final_reason("weak", ["no_hero"], hype), final_reason("weak", ["no_hero"], hype, hype)
    ('rater_says_exaggerated', '')
    >>> final_reason("weak", ["no_hero"], None), final_reason("weak", [], None)
    ('', 'defect_missing')
    """
    before = of_copy.defects if of_copy else ()
    said = [name for name in (check.defects if check else ()) if name not in before]
    excused = {other for mine, found, other in EXCUSED if mine == own and found in evidence}
    others = [name for name in said if name != own and name not in excused]
    if others:
        return f"rater_says_{others[0]}"
    return "" if evidence or own in said else DEFECT_MISSING


def rests_on_rater(own: str, evidence: Sequence[str], check: Check) -> bool:
    """The rater's word alone keeps the negative or drops it: is it a word about the copy too?

    >>> hype = Check(weak=False, exaggerated=True, false=False, reason="")
    >>> [rests_on_rater(*case, hype) for case in (("weak", ["no_hero"]), ("exaggerated", ["hype"]))]
    [True, False]
    """
    reason = final_reason(own, evidence, check)
    return reason.startswith("rater_says_") or (not reason and not evidence)
