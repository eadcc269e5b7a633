"""Prompt files and the chats built from them.

A prompt file is `prompts/<folder>/<name>.<language>.md`: YAML front matter with the facts that code
needs (among them `system`, itself a template), then the user message. Templates are sandboxed
Jinja2 with StrictUndefined. Two chats start from one brief: `render_request` is what a teacher
reads, long and with its constant parts first; `render_brief` is the short one that sft, answer
and serve all use.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jinja2 import FileSystemLoader, StrictUndefined, Template, TemplateError, meta
from jinja2.sandbox import ImmutableSandboxedEnvironment

from jobs.domain.brand import ROOT, Guide
from jobs.domain.errors import PromptError
from jobs.domain.rows import Brief
from jobs.domain.text import fingerprint

PROMPTS = ROOT / "prompts"

Message = dict[str, str]  # role, content


@dataclass(frozen=True)
class Prompt:
    """One prompt file."""

    path: Path
    front: dict[str, Any]  # the front matter
    body: str  # the user message's template

    @property
    def name(self) -> str:
        """The file's name without language and ending."""
        return self.path.name.split(".")[0]

    @property
    def digest(self) -> str:
        """Names the file's content; a judge's rubric is known by it."""
        return fingerprint(json.dumps(self.front, sort_keys=True, default=str), self.body)


@dataclass(frozen=True)
class ContentType:
    """What code needs to know of a content type: the front matter of its file in prompts/write/."""

    name: str
    label: str  # as the brief calls it in its own language
    family: str  # names the rubric in prompts/judge/
    min_chars: int
    max_chars: int
    requires: tuple[str, ...]  # names of requirements in jobs/domain/filters.py
    about: str = "ingredients"  # what it dwells on: the product's ingredients, or its value


@cache
def load_prompt(folder: str, name: str, language: str, prompts: Path = PROMPTS) -> Prompt:
    """Read `prompts/<folder>/<name>.<language>.md`.

    Raises PromptError for a missing file, missing front matter or an unknown placeholder.
    """
    path = prompts / folder / f"{name}.{language}.md"
    if not path.is_file():
        raise PromptError(
            f"there is no prompts/{folder}/{path.name}. Add it, or change the config."
        )
    _, _, rest = path.read_text(encoding="utf-8").partition("---\n")
    head, separator, body = rest.partition("\n---\n")
    if not separator:
        raise PromptError(f"{path.name}: wanted YAML front matter between two lines of ---.")
    try:
        front = yaml.safe_load(head)
    except yaml.YAMLError as error:
        raise PromptError(f"{path.name}: the front matter is not YAML: {error}") from error
    if not isinstance(front, dict):
        raise PromptError(f"{path.name}: wanted `key: value` lines in the front matter.")
    prompt = Prompt(path, front, body.strip())
    refuse_unknown_placeholders(prompt, prompts)
    return prompt


def prompt_files(folder: str, language: str) -> list[Prompt]:
    """Every prompt of a folder in one language, in the order of their names."""
    paths = sorted((PROMPTS / folder).glob(f"*.{language}.md"))
    return [load_prompt(folder, path.name.split(".")[0], language) for path in paths]


PLACEHOLDERS = {
    "brief": "the brief's JSON block",
    "guide": "the brand's guide",
    "type": "the content type's front matter",
    "instructions": "the content type's own text",
    "text": "the text to be cleaned or judged",
    "first": "of two texts to be compared, the one shown as A",
    "second": "the one shown as B",
    "exemplars": "texts to write like, drawn for one draft",
    "wanted": "the JSON block that states how many pairs are wanted, and of what kind",
    "error": "what was wrong with a reply",
    "fence": "a word that closes the text's fence and cannot be guessed",
}

SEES = {"facts": "brief", "guide": "guide"}  # what `sees` may name, and the placeholder it opens


def refuse_unknown_placeholders(prompt: Prompt, prompts: Path) -> None:
    """Raise PromptError before any money is spent on a prompt that cannot be rendered.

    Or on one that would show what its `sees` does not name.
    """
    hidden = hidden_from(prompt)
    for template in (str(prompt.front.get("system", "")), prompt.body):
        try:
            names = placeholders(template, jinja(prompts))
        except TemplateError as error:
            raise PromptError(f"{prompt.path.name} is not a valid template: {error}") from error
        unknown = sorted(names - set(PLACEHOLDERS))
        if unknown:
            raise PromptError(
                f"{prompt.path.name} has an unknown placeholder {{{{ {unknown[0]} }}}}; "
                f"known are {', '.join(sorted(PLACEHOLDERS))}. Correct the file."
            )
        if names & set(hidden):
            shown = min(names & set(hidden))
            raise PromptError(
                f"{prompt.path.name} shows {{{{ {shown} }}}}, but its sees = "
                f"{prompt.front['sees']} does not name {hidden[shown]!r}. Add it there, or take "
                f"the placeholder out; it may stand in a partial that the file includes."
            )


def hidden_from(prompt: Prompt) -> dict[str, str]:
    """The placeholders that a prompt may not show, with what `sees` would have to name.

    A file without `sees` may show all. Raises PromptError for a `sees` that cannot be read.
    """
    sees = prompt.front.get("sees", list(SEES))
    if not isinstance(sees, list) or not set(sees) <= set(SEES):
        raise PromptError(
            f"{prompt.path.name} has sees = {sees!r}; wanted a list of {', '.join(SEES)}, or []."
        )
    return {placeholder: name for name, placeholder in SEES.items() if name not in sees}


def placeholders(template: str, environment: ImmutableSandboxedEnvironment) -> set[str]:
    """The names that a template uses, those of the partials it includes with them.

    Raises TemplateError for one that is not valid, lacks a partial, or computes a partial's name.
    """
    tree = environment.parse(template)
    found = set(meta.find_undeclared_variables(tree))
    for name in meta.find_referenced_templates(tree):
        if name is None or environment.loader is None:
            raise TemplateError("the name of a partial that it includes is not written out")
        found |= placeholders(environment.loader.get_source(environment, name)[0], environment)
    return found


@cache
def jinja(prompts: Path) -> ImmutableSandboxedEnvironment:
    """The one environment that renders prompt files; it finds shared partials under prompts/."""
    return ImmutableSandboxedEnvironment(
        loader=FileSystemLoader(prompts), undefined=StrictUndefined, keep_trailing_newline=False
    )


@cache
def compiled(template: str) -> Template:
    """A template, compiled once: compiling takes twenty times as long as rendering."""
    return jinja(PROMPTS).from_string(template)


def render(prompt: Prompt, **values: Any) -> list[Message]:
    """The chat that a prompt file stands for: its `system`, if it has one, then its body."""
    chat: list[Message] = []
    for role, template in (("system", prompt.front.get("system")), ("user", prompt.body)):
        if template:
            try:
                content = compiled(template).render(**values).strip()
            except TemplateError as error:
                raise PromptError(f"{prompt.path.name} cannot be filled in: {error}") from error
            chat.append({"role": role, "content": content})
    return chat


@cache
def content_type(name: str, language: str) -> ContentType:
    """The content type `prompts/write/<name>.<language>.md`. Raises PromptError."""
    front = load_prompt("write", name, language).front
    try:
        return ContentType(
            name=name,
            label=front["label"],
            family=front["family"],
            min_chars=int(front["min_chars"]),
            max_chars=int(front["max_chars"]),
            requires=tuple(front.get("requires", ())),
            about=front.get("about", "ingredients"),
        )
    except KeyError as error:
        raise PromptError(
            f"prompts/write/{name}.{language}.md lacks {error} in its front matter; wanted label, "
            f"family, min_chars, max_chars and, if any, requires and about."
        ) from error


def brief_block(brief: Brief) -> str:
    """The fenced JSON block by which every prompt states a brief."""
    content = {"content_type": brief.content_type, **json.loads(brief.facts)}
    return f"```json\n{json.dumps(content, ensure_ascii=False, separators=(',', ':'))}\n```"


def render_request(brief: Brief, guide: Guide, exemplars: Sequence[str] = ()) -> list[Message]:
    """What a teacher reads: guide and instructions first (constant), exemplars, the brief last.

    Each exemplar stands in a fence of its own word, so that what it says stays an example.
    """
    prompt = load_prompt("chat", "request", brief.language)
    return render(
        prompt,
        guide=guide,
        type=content_type(brief.content_type, brief.language),
        instructions=load_prompt("write", brief.content_type, brief.language).body,
        exemplars=exemplars,
        fence=fingerprint("fence", *exemplars),
        brief=brief_block(brief),
    )


def render_proposing(name: str, guide: Guide, facts: dict[str, Any]) -> list[Message]:
    """What a teacher reads to propose pairs: `prompts/propose/<name>`, the request's facts last."""
    wanted = f"```json\n{json.dumps(facts, ensure_ascii=False, separators=(',', ':'))}\n```"
    return render(load_prompt("propose", name, guide.language), guide=guide, wanted=wanted)


def render_brief(brief: Brief, guide: Guide) -> list[Message]:
    """The short chat: what sft trains on, and what answer and serve send, for one brief."""
    return _short_chat("brief", brief, guide)


def render_guided(brief: Brief, guide: Guide) -> list[Message]:
    """The short chat with the whole guide in its system message: prompting, not training."""
    return _short_chat("guided", brief, guide)


def _short_chat(name: str, brief: Brief, guide: Guide) -> list[Message]:
    kind = content_type(brief.content_type, brief.language)
    prompt = load_prompt("chat", name, brief.language)
    return render(prompt, guide=guide, type=kind, brief=brief_block(brief))


def render_repair(language: str, error: str) -> str:
    """What a model reads after a reply of the wrong shape."""
    (message,) = render(load_prompt("chat", "repair", language), error=error)
    return message["content"]


def render_cleaning(name: str, brief: Brief, guide: Guide, text: str) -> list[Message]:
    """What a teacher reads to mend one text: `prompts/clean/<name>.<language>.md`."""
    prompt = load_prompt("clean", name, brief.language)
    return _about_text(prompt, brief, guide, text)


def render_judgement(metric: str, brief: Brief, guide: Guide, text: str) -> list[Message]:
    """What a judge reads about one answer: criteria, what it may see, the fenced text.

    Never who wrote it. `metric` is a file name under prompts/judge/.
    """
    prompt = load_prompt("judge", metric, brief.language)
    return _about_text(prompt, brief, guide, text)


def render_pair(metric: str, brief: Brief, guide: Guide, first: str, second: str) -> list[Message]:
    """What a judge reads about two answers to one brief, each in a fence of its own."""
    prompt = load_prompt("judge", metric, brief.language)
    fence = fingerprint("fence", first, second)
    seen = _seen(prompt, brief, guide)
    return render(prompt, **seen, first=first, second=second, fence=fence)


def _about_text(prompt: Prompt, brief: Brief, guide: Guide, text: str) -> list[Message]:
    seen = _seen(prompt, brief, guide)
    return render(prompt, **seen, text=text, fence=fingerprint("fence", text))


def _seen(prompt: Prompt, brief: Brief, guide: Guide) -> dict[str, Any]:
    """What stands in the prompt beside the text; what it may not show is not even there."""
    kind = content_type(brief.content_type, brief.language)
    values = {"guide": guide, "type": kind, "brief": brief_block(brief)}
    hidden = hidden_from(prompt)
    return {name: value for name, value in values.items() if name not in hidden}
