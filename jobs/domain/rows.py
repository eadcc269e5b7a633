"""The row types of every table. A column exists only if it is declared here.

A row that comes later carries the columns of the brief it stems from, so that each table can be
read alone and one brief can be followed through all of them.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Brief:
    """One product to be written up in one content type."""

    brief_id: str  # product_id/content_type
    product_id: str  # as the product list names it
    split: str  # train, dev or val; all briefs of a product share it
    new_hero: bool  # no train or dev product has this product's first ingredient
    brand: str  # folder name under configs/brands/
    language: str  # zh, ko or en
    content_type: str  # file name under prompts/write/
    facts: str  # the product's facts: the JSON object that every prompt shows


@dataclass(frozen=True)
class Exemplar:
    """A text as the brand wants them, shown to a teacher as an example."""

    exemplar_id: str  # a hash of the text
    text: str
    language: str  # zh, ko or en
    content_type: str  # file name under prompts/write/; empty: it may serve for any
    title: str  # of the page or row, empty where it has none
    source: str  # file:line, or the page's address
    licence: str  # as the config states it


@dataclass(frozen=True)
class Proposal:
    """A product and a value that a teacher proposed for it."""

    proposal_id: str  # a hash of product and value
    product: str
    category: str
    value: str  # what its copy is to express; several are joined by a comma
    model: str  # the teacher's model name
    journal_key: str  # where the raw reply lies in the journal


@dataclass(frozen=True)
class Refused:
    """Something read or proposed that is not used, and why."""

    place: str  # file:line, the page's address, or the request that brought it
    reason: str  # one name
    message: str  # what was found and what was wanted; may be empty
    text: str  # its beginning


@dataclass(frozen=True)
class Draft(Brief):
    """What a teacher wrote for a brief, as it came."""

    draft_id: str  # brief_id#model#sample
    sample: int  # 0, 1, ...: several drafts of one brief
    model: str  # the teacher's model name
    text: str  # the reply, untouched
    journal_key: str  # where the raw reply lies in the journal


@dataclass(frozen=True)
class Copy(Brief):
    """A draft that meets its content type's requirements, or a text of the user's own."""

    draft_id: str  # the draft it was cleaned from; own/<hash> for own data
    text: str  # cleaned
    passes: str  # names of the cleaning passes that changed it, in order, joined by a comma
    journal_key: str  # the last paid reply that shaped the text


@dataclass(frozen=True)
class Negative(Brief):
    """A text made worse on purpose, of the same brief as the copy that it is set against."""

    negative_id: str  # draft_id!kind
    draft_id: str  # of the copy it was made from
    kind: str  # file name under prompts/degrade/: weak, exaggerated, false
    text: str  # the reply, white space at its ends taken off
    model: str  # the model name of the account that wrote it
    journal_key: str  # where the raw reply lies in the journal


@dataclass(frozen=True)
class Dropped(Brief):
    """A draft or a negative that is not used, and why."""

    draft_id: str  # in the table of `pair`: the negative_id
    text: str  # as it was when it was dropped
    reason: str  # one name: of a filter, of a check of negatives, or of what a set of them lacks
    passes: str  # cleaning passes tried before, joined by a comma; empty for a negative


@dataclass(frozen=True)
class Example:
    """A chat with its completion, to be learned as it stands."""

    example_id: str  # a hash of its content
    split: str  # train or dev; the same for the same prompt
    language: str  # zh, ko or en
    task: str  # the instruction task it was made from; empty for own data
    prompt: str  # JSON: the messages before the completion
    completion: str  # the assistant's text
    source: str  # file:line
    licence: str


@dataclass(frozen=True)
class Pair:
    """Two completions of one prompt, of which one is better."""

    pair_id: str  # a hash of its content
    brief_id: str  # the brief that both were written for; empty for own data
    split: str  # train or dev; the same for the same prompt
    language: str  # zh, ko or en
    prompt: str  # JSON: the messages before the completion
    chosen: str  # the better text
    rejected: str  # the worse text
    kind: str  # what makes it worse: weak, exaggerated, false; own where own data does not say
    source: str  # file:line; empty where both were made in the run
    licence: str


@dataclass(frozen=True)
class Failed:
    """A reply or a page that could not be had."""

    row_id: str  # draft_id, answer_id, a request's name, or the page's address
    step: str  # stage name, with the pass or metric where there are several
    error: str  # the error's name
    message: str  # one line; never the prompt, never a key


@dataclass(frozen=True)
class Rollout(Brief):
    """A sample of the policy in training, with what it was rewarded for."""

    rollout_id: str  # brief_id@step/number
    step: int  # the first optimizer step that learned from it, from 1 as in curve.json
    version: int  # optimizer steps behind the weights that wrote it
    text: str
    finish_reason: str  # stop or length
    tokens: int
    rewards: str  # JSON: each component's value from 0 to 1, null where it could not be had
    advantage: float  # over the samples of its brief, as TRL computes it


@dataclass(frozen=True)
class Answer(Brief):
    """What one candidate model wrote for a brief."""

    answer_id: str  # brief_id@model
    model: str  # golden, base, base_guide, sft, ...
    text: str  # as it came
    finish_reason: str  # stop, length, or reference for golden texts
    prompt_tokens: int  # 0 for golden texts
    completion_tokens: int  # 0 for golden texts


@dataclass(frozen=True)
class Verdict:
    """What one judge said about one answer on one metric."""

    answer_id: str
    brief_id: str
    product_id: str
    new_hero: bool  # as in the brief
    content_type: str
    model: str  # whose answer was judged; the judge never sees this
    metric: str  # file name under prompts/judge/
    judge: str  # who said it: its section's name under [judges], or "judge"
    score: float  # 1.0 worst .. 5.0 best
    reason: str  # the judge's own sentence, kept so a person can disagree
    journal_key: str  # where the raw reply lies in the journal


@dataclass(frozen=True)
class Comparison:
    """Which of two answers to one brief a judge prefers, in one order of showing them."""

    comparison_id: str  # brief_id@first>second#metric
    brief_id: str
    product_id: str
    new_hero: bool  # as in the brief
    content_type: str
    first: str  # the model whose answer was shown first; the judge never sees this
    second: str  # the model whose answer was shown second
    metric: str  # file name under prompts/judge/
    judge: str  # as in Verdict
    winner: str  # first, second or tie
    reason: str  # the judge's own sentence
    journal_key: str  # where the raw reply lies in the journal


@dataclass(frozen=True)
class Probe:
    """One question of a judge's examination, whose right answer is known beforehand."""

    probe_id: str  # check/case#judge
    check: str  # what is examined: an injected instruction, order, length, ...
    judge: str  # as in Verdict
    text: str  # what was judged; of a pair, the text shown first
    other: str  # of a pair, the text shown second; else empty
    wanted: str  # the right answer in words
    said: str  # the judge's answer: a score, or first, second, tie
    passed: bool
    reason: str  # the judge's own sentence
    journal_key: str  # where the raw reply lies in the journal
