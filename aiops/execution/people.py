"""The rule of several people: who may approve, and how many still must. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aiops.models import Escalation

#: Who acts from a shell: the same person as the user of that name.
_AT_A_SHELL = "cli:"


def refusal(asked: Escalation, actor: str) -> str:
    """Why this person may not approve it; "" when they may."""
    person = _person(actor)
    if asked.not_by and _person(asked.not_by) == person:
        return f"{asked.not_by} has started the run, so somebody else must approve it"
    if person in {_person(one["by"]) for one in asked.approvals}:
        return f"{actor} has approved it already: another person must"
    return ""


def still_needed(asked: Escalation) -> int:
    """How many must approve until it goes on."""
    return max(asked.people - len(asked.approvals), 0)


def told(approvals: Sequence[Mapping[str, Any]], people: int) -> str:
    """ "1 of 2: ann, 14:02"; "" where one person is enough."""
    if people < 2:
        return ""
    named = "; ".join(f"{one['by']}, {str(one['at'])[11:16]}" for one in approvals)
    return f"{len(approvals)} of {people}" + (f": {named}" if named else "")


def _person(actor: str) -> str:
    return actor.removeprefix(_AT_A_SHELL)
