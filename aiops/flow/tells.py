"""What a workflow says to the user in its own words, instead of the plain ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from aiops.flow.refusals import BadNode
from aiops.flow.where import Where

#: The longest of them: one or two plain sentences.
LONGEST = 300


@dataclass(frozen=True, slots=True)
class Tells:
    """The sentences of a workflow; "" keeps the plain one. Each is looked up in the catalogues."""

    #: In line, and nothing has begun.
    queued: str = ""
    #: A person, an event or a time is waited for; what a step `says` goes first.
    waiting: str = ""
    #: Our team must decide something.
    attention: str = ""
    failed: str = ""
    cancelled: str = ""
    done: str = ""
    #: The first sentence of the mail that was promised, when it is done.
    email: str = ""

    def check(self, name: str, where: Where) -> None:
        """Refuse what nobody could read."""
        for field in fields(self):
            said = getattr(self, field.name)
            if not isinstance(said, str) or len(said) > LONGEST:
                raise BadNode(
                    f"workflow {name!r} has tells={field.name}={said!r}: give a text of at most "
                    f"{LONGEST} characters",
                    where,
                )

    def to_json(self) -> dict[str, str]:
        """What is said, and nothing of what is not."""
        return {name: said for name, said in asdict(self).items() if said}

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> Tells:
        """Rebuild; what a later version says beside it is nothing to this one."""
        known = {field.name for field in fields(cls)}
        return cls(**{name: str(text) for name, text in said.items() if name in known})
