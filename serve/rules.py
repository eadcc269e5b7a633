"""What a brand's rules say of one text, each in a score and in words, as `/v1/copy` shows them.

The scores are those of jobs/domain/rewards.py and jobs/domain/measures.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from jobs.domain.accuracy import figures_right
from jobs.domain.brand import Guide
from jobs.domain.disguise import has_word
from jobs.domain.filters import Checked
from jobs.domain.lexicon import folded
from jobs.domain.measures import MEASURES
from jobs.domain.rewards import rule_rewards
from jobs.domain.rows import Brief
from jobs.domain.samples import Sample
from jobs.domain.text import char_count


@dataclass(frozen=True)
class Rule:
    """When a rule is kept, and how that is said."""

    kept: str
    broken: str
    least: float = 1.0  # from this score on it is kept
    required: bool = False  # a text that breaks it is never shown


RULES = {  # in the order in which they are shown; rewards first
    "banned_words_absent": Rule("no banned word", "banned words: {banned}", required=True),
    "within_length": Rule("{count} characters", "{count} characters; wanted {least} to {most}"),
    "names_product": Rule("names the product", "does not name the product", 0.5),
    "names_hero": Rule("names {hero}", "does not name {hero}", 0.5),
    "figures_true": Rule("{figures}", "{figures}"),
    "ingredients_true": Rule("adds no ingredient", "adds an ingredient that it does not contain"),
    "calm": Rule("calm", "shouts, promises without limit or frightens"),
    "encouraged_words": Rule(
        "uses {used}", "uses too few of the brand's words, or heaps them", 0.5
    ),
    "calls_to_action": Rule("asks for what it should", "asks the reader for nothing"),
    "no_repetition": Rule("repeats little", "repeats itself", 0.5),
    "says_once": Rule("says things once", "says a thing twice", 0.5),
    "says_what_for": Rule("says what it is for", "does not say what it does, or for whom", 0.5),
    "ended": Rule("ends with a sentence", "is cut off"),
    "own_language": Rule("in the brand's language", "in another language"),
    "plain_text": Rule("plain text", "has markup, a placeholder or a preamble in it"),
    "form_kept": Rule("has what its type asks for", "lacks what its type asks for, or its length"),
    "facts_named": Rule("names {share} of the facts", "names {share} of the facts", 0.25),
}


@dataclass(frozen=True)
class RuleResult:
    """One rule on one text."""

    name: str
    score: float  # 0.0 to 1.0
    passed: bool
    words: str  # what was found, for a person
    required: bool = False


def checked(
    text: str, brief: Brief, guide: Guide, finish_reason: str = "stop"
) -> tuple[RuleResult, ...]:
    """Every rule on a text for a brief; `finish_reason` is length where it was cut off."""
    sample = Sample(brief, guide, text, finish_reason)
    against = Checked(text, sample.kind, guide, sample.facts)
    rewards, said = rule_rewards(), findings(sample)
    results = []
    for name, rule in RULES.items():
        score = rewards[name](sample) if name in rewards else MEASURES[name](against)
        passed = score >= rule.least
        words = (rule.kept if passed else rule.broken).format(share=f"{score:.0%}", **said)
        results.append(RuleResult(name, score, passed, words, rule.required))
    return tuple(results)


def findings(sample: Sample) -> dict[str, str]:
    """What the rules' words name: counts, and words of the guide and the product."""
    line, words, language = folded(sample.text), sample.guide.banned, sample.language
    right = figures_right(sample.text, sample.facts, language)
    heroes = [str(one["name"]) for one in sample.facts.get("ingredients", ())[:1]]
    used = [word for word in sample.guide.encouraged if folded(word) in line]
    return {
        "banned": ", ".join(word for word in words if has_word(line, word, words, language)),
        "count": str(char_count(sample.text)),
        "least": str(sample.kind.min_chars),
        "most": str(sample.kind.max_chars),
        "hero": (heroes or [str(sample.facts.get("name", ""))])[0],
        "figures": f"{sum(right)} of {len(right)} figures are true" if right else "no figures",
        "used": ", ".join(used) or "no word of the brand's, which lists none",
    }


def rule_reward(results: Sequence[RuleResult]) -> float:
    """The mean of the rule rewards, 0.0 to 1.0: a score where no reward model gives one."""
    scores = [result.score for result in results if result.name in rule_rewards()]
    return sum(scores) / len(scores)
