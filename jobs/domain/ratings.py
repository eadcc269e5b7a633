"""What the rater is asked and what it may say: a check for defects, and a rating from 0 to 10.

The rater is a third model beside teacher and judge: it checks negatives and rates rollouts. Its
prompts lie in prompts/reward/. What is not a check or a rating raises, it is never a number.
"""

from dataclasses import dataclass

from jobs.domain.brand import Guide
from jobs.domain.errors import VerdictError
from jobs.domain.prompts import Message, brief_block, content_type, load_prompt, render
from jobs.domain.rows import Brief
from jobs.domain.text import fingerprint
from jobs.domain.verdicts import object_in, parse_verdict, reason_in

CHECK, RATING = "check", "overall"  # files of prompts/reward/
BEST = 10.0  # of a rating in the rater's words; 1.0 in ours
DEFECTS = ("weak", "exaggerated", "false")


@dataclass(frozen=True)
class Check:
    """Which defects the rater found in a text; a text may have several, or none."""

    weak: bool  # vague, broken, unnamed, or not of its content type's form
    exaggerated: bool  # banned words, shouting, absolute promises, fear
    false: bool  # contradicts the product's facts
    reason: str  # the rater's own sentence

    @property
    def defects(self) -> tuple[str, ...]:
        """The names of what was found.

        >>> Check(weak=False, exaggerated=True, false=True, reason="10% for 5%").defects
        ('exaggerated', 'false')
        """
        return tuple(name for name in DEFECTS if getattr(self, name))


def render_check(brief: Brief, guide: Guide, text: str) -> list[Message]:
    """What the rater reads to find the defects of one text."""
    return _about(CHECK, brief, guide, text)


def render_rating(brief: Brief, guide: Guide, text: str) -> list[Message]:
    """What the rater reads to rate one text."""
    return _about(RATING, brief, guide, text)


def _about(name: str, brief: Brief, guide: Guide, text: str) -> list[Message]:
    """Guide and instructions first (constant, for prompt caches), the fenced text after the facts.

    Never who wrote it.
    """
    return render(
        load_prompt("reward", name, brief.language),
        guide=guide,
        type=content_type(brief.content_type, brief.language),
        instructions=load_prompt("write", brief.content_type, brief.language).body,
        brief=brief_block(brief),
        text=text,
        fence=fingerprint("fence", text),
    )


def parse_check(reply: str) -> Check:
    """The defects in a rater's JSON reply. Raises VerdictError; never guesses.

    >>> parse_check('{"weak": false, "exaggerated": true, "false": false, "reason": "hype"}')
    Check(weak=False, exaggerated=True, false=False, reason='hype')
    """
    value = object_in(reply, (*DEFECTS, "reason"))
    for name in DEFECTS:
        if not isinstance(value[name], bool):
            raise VerdictError(f"{name} is {str(value[name])[:80]!r}; wanted true or false")
    return Check(**{name: value[name] for name in DEFECTS}, reason=reason_in(value))


def parse_rating(reply: str) -> tuple[float, str]:
    """The rating from 0.0 to 1.0, and the reason. Raises VerdictError; never guesses.

    >>> parse_rating('{"score": 7.5, "reason": "true, a little dry"}')
    (0.75, 'true, a little dry')
    """
    score, reason = parse_verdict(reply, (0.0, BEST))
    return score / BEST, reason
