"""A prompt's template: a text with a name and a version, so that answers can be told apart by what was asked.

    DRAFT = Prompt("draft", "3", "Answer this mail kindly:\\n\\n$mail")

    answer = complete(DRAFT.render(mail=ticket.text), model="fast")

The ledger keeps `draft 3 1f0c2d9a` with each call: the last word is the text's own hash, so that a text
that was changed under its old version shows.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from string import Template


class Rendered(str):
    """A prompt that was made of a template, and knows it."""

    __slots__ = ("template",)
    #: Name, version and hash of the template.
    template: str

    @classmethod
    def of(cls, text: str, template: str) -> Rendered:
        made = cls(text)
        made.template = template
        return made


@dataclass(frozen=True)
class Prompt:
    """`$name` stands for what `render` is given, `$$` for a dollar; other signs, braces too, are text."""

    name: str
    version: str
    text: str
    _names: frozenset[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for word, longest in ((self.name, 60), (self.version, 20)):
            if not word or len(word) > longest or any(map(str.isspace, word)):
                raise ValueError(
                    f"{word!r} cannot name a prompt or its version: "
                    f"give 1 to {longest} characters without spaces"
                )
        template = Template(self.text)
        if not template.is_valid():
            raise ValueError(
                f"The prompt {self.name!r} has a $ that begins no name: write $$ for a dollar"
            )
        object.__setattr__(self, "_names", frozenset(template.get_identifiers()))

    @property
    def template(self) -> str:
        """What the ledger keeps of it."""
        digest = hashlib.sha256(self.text.encode()).hexdigest()[:8]
        return f"{self.name} {self.version} {digest}"

    def render(self, **values: object) -> Rendered:
        """The text with these values. A name too few or too many is refused: it is a mistake."""
        if values.keys() != self._names:
            missing = ", ".join(sorted(self._names - values.keys())) or "nothing"
            unknown = ", ".join(sorted(values.keys() - self._names)) or "nothing"
            raise TypeError(
                f"The prompt {self.name!r} misses {missing}, and was given {unknown} that it has not"
            )
        return Rendered.of(Template(self.text).substitute(values), self.template)


def template_of(*texts: object) -> str:
    """The template of the first of these texts that was made of one; "" for none."""
    return next((text.template for text in texts if isinstance(text, Rendered)), "")
