"""Kinds of negatives: what their prompt files say, which copy gets which, the chat that asks.

A kind is a file `prompts/degrade/<kind>.<language>.md`. Its front matter has `share` (of the
negatives, against the other kinds'), `account` (a name under [accounts.*]; empty: [teacher]) and
`check` (the defect in jobs/domain/negatives.py that such a negative has to have).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from jobs.domain.brand import Guide
from jobs.domain.errors import PromptError
from jobs.domain.negatives import DEFECTS
from jobs.domain.prompts import (
    Message,
    Prompt,
    brief_block,
    content_type,
    load_prompt,
    prompt_files,
    render,
)
from jobs.domain.rows import Brief
from jobs.domain.text import char_count, fingerprint

FOLDER = "degrade"
NEAR = 0.12  # a negative is asked for within this share of its copy's length, either way


@dataclass(frozen=True)
class Kind:
    """One way of making a copy worse."""

    name: str  # file name under prompts/degrade/
    share: float  # of the negatives, against the other kinds'
    account: str  # name under [accounts.*]; empty: [teacher]
    check: str  # the defect that it has to have


def kinds_of(language: str, names: Sequence[str] = ()) -> list[Kind]:
    """The kinds of these names, all there are where none is named. Raises PromptError.

    >>> [(kind.name, kind.share) for kind in kinds_of("zh", ("weak", "false"))]
    [('weak', 0.5), ('false', 0.2)]
    """
    files = [load_prompt(FOLDER, name, language) for name in names]
    return [kind_of(prompt) for prompt in files or prompt_files(FOLDER, language)]


def kind_of(prompt: Prompt) -> Kind:
    """What the front matter says. Raises PromptError naming the file and the mend."""
    front, place = prompt.front, f"prompts/{FOLDER}/{prompt.path.name}"
    share, account, check = (front.get(key) for key in ("share", "account", "check"))
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share < math.inf:
        raise PromptError(f"{place} has share = {share!r}; wanted a number above 0. Correct it.")
    if not isinstance(account, str):
        raise PromptError(
            f'{place} has account = {account!r}; wanted a name under [accounts.*], or "" for '
            f"[teacher]. Correct it."
        )
    check = str(check).lower() if isinstance(check, bool) else check  # YAML reads a bare `false`
    if check not in DEFECTS:
        raise PromptError(
            f"{place} has check = {check!r}; jobs/domain/negatives.py has {', '.join(DEFECTS)}. "
            f"Name one of these, or add a function there."
        )
    return Kind(prompt.name, float(share), account, check)


def drawn_kinds(draft_id: str, kinds: Sequence[Kind], count: int, seed: int) -> list[Kind]:
    """Distinct kinds for one copy, by their shares and a hash of seed and copy.

    Each kind draws a waiting time of rate `share`, and the first ones win: the first is then each
    kind with its share of probability (P. Efraimidis and P. Spirakis 2006, Weighted random
    sampling with a reservoir). A kind that is added takes some copies from the others and moves
    none between them.

    >>> one, other = Kind("a", 9.0, "", "weak"), Kind("b", 1.0, "", "weak")
    >>> drawn = [drawn_kinds(f"p{n}", [one, other], 1, 0)[0].name for n in range(1000)]
    >>> 860 < drawn.count("a") < 940
    True
    """

    def waits(kind: Kind) -> float:
        point = int(fingerprint("kind", str(seed), draft_id, kind.name), 16) + 1
        return -math.log(point / (16**16 + 1)) / kind.share

    return sorted(kinds, key=waits)[:count]


def render_degrading(name: str, brief: Brief, guide: Guide, text: str) -> list[Message]:
    """What a teacher reads to write a negative of the copy `text`.

    `type.min_chars` and `type.max_chars` are near the copy's own length there, since a negative
    whose length tells on it cannot be used. Which placeholders are shown is the file's affair: a
    weak text is written from the facts alone.
    """
    length = char_count(text)
    kind = replace(
        content_type(brief.content_type, brief.language),
        min_chars=math.floor(length * (1 - NEAR)),
        max_chars=math.ceil(length * (1 + NEAR)),
    )
    return render(
        load_prompt(FOLDER, name, brief.language),
        guide=guide,
        type=kind,
        brief=brief_block(brief),
        text=text,
        fence=fingerprint("fence", text),
    )


def defect_of(kind: str, language: str) -> str:
    """The defect that a negative of this kind has to have. Raises PromptError.

    >>> defect_of("exaggerated", "ko")
    'exaggerated'
    """
    return kind_of(load_prompt(FOLDER, kind, language)).check
