"""The door of triggers: what people do with them leaves an event, in the same transaction."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import transaction
from django.db.models.functions import Now

from aiops.models.transitions import tell
from aiops.models.trigger import Trigger

#: What a person writes. Whether it is active is another move.
WRITTEN = (
    *("name", "tenant", "event", "source", "condition", "workflow", "input"),
    *("key", "title", "priority", "if_exists"),
)


@transaction.atomic
def make(trigger: Trigger, *, actor: str) -> Trigger:
    """Write a new trigger, paused."""
    trigger.is_active = False
    trigger.made_by = actor
    trigger.save(force_insert=True)
    tell(None, "trigger.made", actor=actor, name=trigger.name, workflow=trigger.workflow)
    return trigger


@transaction.atomic
def change(trigger: Trigger, *, actor: str, fields: Iterable[str]) -> bool:
    """Write what a person has changed of a trigger, and nothing else; False when it is gone."""
    changed = [name for name in WRITTEN if name in set(fields)]
    written = {name: getattr(trigger, name) for name in changed}
    found = Trigger.objects.filter(id=trigger.id)
    if not found.update(**written, changed_by=actor, changed_at=Now()):
        return False
    tell(None, "trigger.changed", actor=actor, name=trigger.name, fields=changed)
    return True


@transaction.atomic
def set_active(trigger: Trigger, is_active: bool, *, actor: str, reason: str) -> bool:
    """Activate or pause a trigger; False when it is so already."""
    found = Trigger.objects.filter(id=trigger.id, is_active=not is_active)
    if not found.update(is_active=is_active, changed_by=actor, changed_at=Now()):
        return False
    trigger.is_active = is_active
    kind = "trigger.activated" if is_active else "trigger.paused"
    tell(None, kind, actor=actor, name=trigger.name, reason=reason)
    return True


@transaction.atomic
def delete(trigger: Trigger, *, actor: str) -> None:
    """Delete a trigger. What it has started stays, and so does its name beside it."""
    tell(None, "trigger.deleted", actor=actor, name=trigger.name, workflow=trigger.workflow)
    trigger.delete()
