"""An operator action: an event that a person, or a program in its own name, brought about."""

from __future__ import annotations

from aiops.models.event import Event


class OperatorAction(Event):
    """The events with an actor, as pages show them: the audit trail. It has no table of its own."""

    class Meta:
        proxy = True
