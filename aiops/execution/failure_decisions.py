"""What a person decides about failures that are alike: whose they are, and whether they are open."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from aiops.execution.resume import NotPossible
from aiops.models import FailureGroup, GroupState, transitions

#: The verbs, and what each is called.
LABELS: dict[str, str] = {
    "take": "Take it",
    "resolve": "Mark as resolved",
    "ignore": "Ignore until",
    "reopen": "Open again",
}
PERMISSION = "aiops.decide_failuregroup"


class Moved(NotPossible):
    """Somebody else has decided meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What a person gives with the click."""

    actor: str
    #: That of the decision which was shown.
    seen: str
    reason: str = ""
    #: The version of the workflow that mends it; None: whatever fails next opens it again.
    version: int | None = None
    until: datetime | None = None


def seen(group: FailureGroup | None) -> str:
    """What must not have changed between looking and deciding."""
    if group is None:
        return "none"
    told = (group.state, group.owner, group.ignored_until, group.resolved_in, group.decided_at)
    return hashlib.sha256(repr(told).encode()).hexdigest()[:32]


def decide(fingerprint: str, verb: str, given: Decision) -> None:
    """Write a decision, with its event. Raises NotPossible, with what to do; nothing is done then."""
    with transaction.atomic():
        FailureGroup.objects.get_or_create(fingerprint=fingerprint, defaults={"decided_by": ""})
        group = FailureGroup.objects.select_for_update().get(fingerprint=fingerprint)
        was = group if group.decided_by else None
        if seen(was) != given.seen:
            raise Moved("somebody else has decided meanwhile: look again, then decide")
        if why := _missing(verb, given):
            raise NotPossible(why)
        fields = _fields(verb, given)
        who = {"decided_by": given.actor, "decided_at": timezone.now()}
        # To take it decides nothing: since when it counts as resolved stays as it is.
        kept = fields if verb == "take" and was is not None else {**fields, **who}
        FailureGroup.objects.filter(fingerprint=fingerprint).update(**kept)
        data = {name: _plain(value) for name, value in fields.items()}
        transitions.tell(
            None,
            _EVENTS[verb],
            actor=given.actor,
            fingerprint=fingerprint,
            reason=given.reason,
            was=str(group.state),
            **data,
        )


_EVENTS: dict[str, str] = {
    "take": "failures.taken",
    "resolve": "failures.resolved",
    "ignore": "failures.ignored",
    "reopen": "failures.reopened",
}


def needs_reason(verb: str) -> bool:
    return verb in ("resolve", "ignore")


def _missing(verb: str, given: Decision) -> str:
    if needs_reason(verb) and not given.reason.strip():
        return "give a reason: the next person will want to know"
    if verb == "ignore" and (given.until is None or given.until <= timezone.now()):
        return "say until when: choose a time to come"
    return ""


def _fields(verb: str, given: Decision) -> dict[str, Any]:
    """The columns that a decision sets."""
    note = given.reason.strip()[:300]
    match verb:
        case "take":
            return {"owner": given.actor}
        case "resolve":
            resolved = {"resolved_in": given.version, "ignored_until": None}
            return {"state": GroupState.RESOLVED, "note": note, **resolved}
        case "ignore":
            ignored = {"ignored_until": given.until, "resolved_in": None}
            return {"state": GroupState.IGNORED, "note": note, **ignored}
        case _:
            opened = {"ignored_until": None, "resolved_in": None}
            return {"state": GroupState.OPEN, "note": note, **opened}


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
