"""A small template language: {x} is a fact or a phrase of bank x, [a|b] one of several wordings.

A wording that needs a fact that is not there is passed over; when none is left, Missing is raised.
"""

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

TOKEN = re.compile(r"\{(\w+)\}|([\[\]|])")


class Missing(LookupError):
    """A template needs a fact that the product does not have."""


@dataclass(frozen=True)
class Slot:
    """The place of a fact or of a phrase."""

    name: str


@dataclass(frozen=True)
class Choice:
    """Several wordings, one of which is used."""

    options: tuple["Template", ...]


Template = tuple[str | Slot | Choice, ...]


def parse(source: str) -> Template:
    """Read one template. Raises ValueError for brackets that do not match.

    >>> parse("a{b}[c|d]")
    ('a', Slot(name='b'), Choice(options=(('c',), ('d',))))
    """
    open_choices: list[list[list[str | Slot | Choice]]] = []
    current: list[str | Slot | Choice] = []
    end = 0
    for token in TOKEN.finditer(source):
        if source[end : token.start()]:
            current.append(source[end : token.start()])
        end = token.end()
        name, mark = token.groups()
        if name:
            current.append(Slot(name))
        elif mark == "[":
            open_choices.append([current])
            current = []
        elif not open_choices:
            raise ValueError(f"{mark} without [ in the template {source!r}")
        else:
            open_choices[-1].append(current)
            current = []
            if mark == "]":
                before, *options = open_choices.pop()
                current = [*before, Choice(tuple(tuple(option) for option in options))]
    if open_choices:
        raise ValueError(f"[ without ] in the template {source!r}")
    return (*current, *([source[end:]] if source[end:] else []))


@dataclass
class Scene:
    """What one text may speak of, and which phrases it has used up."""

    facts: Mapping[str, str]  # an empty value is a missing fact
    banks: Mapping[str, Sequence[Template]]
    otherwise: Mapping[str, Sequence[Template]]  # for banks of which no phrase can be filled
    rng: random.Random
    left: dict[str, list[Template]] = field(default_factory=dict)

    def fill(self, template: Template) -> str:
        """The template in words. Raises Missing."""
        return "".join(
            part
            if isinstance(part, str)
            else self._slot(part.name)
            if isinstance(part, Slot)
            else self._first_filled(self.rng.sample(part.options, len(part.options)))
            for part in template
        )

    def _slot(self, name: str) -> str:
        if self.facts.get(name):
            return self.facts[name]
        if name in self.banks:
            try:
                return self._phrase(name)
            except Missing:
                pass
        if name in self.otherwise:
            return self._first_filled(self.otherwise[name])
        raise Missing(name)

    def _phrase(self, name: str) -> str:
        """A phrase of the bank that this text has not used, as long as there is one."""
        left = self.left.get(name)
        if not left:
            bank = self.banks[name]
            left = self.left[name] = self.rng.sample(bank, len(bank))
        for template in tuple(left):
            left.remove(template)
            try:
                return self.fill(template)
            except Missing:
                continue
        return self._first_filled(self.banks[name])

    def _first_filled(self, templates: Sequence[Template]) -> str:
        for template in templates:
            try:
                return self.fill(template)
            except Missing:
                continue
        raise Missing("every wording needs a fact that is not there")
