"""The door of lanes: every move is a conditional UPDATE and an event, in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Coalesce, Now
from django.utils import timezone

from aiops.models.lane import Lane, LaneCause, LaneState
from aiops.models.transitions import tell

_MOVING = (LaneState.OPEN, LaneState.PROBING, LaneState.RAMPING)


def known(name: str, declared: Mapping[str, Any]) -> Lane:
    """The lane of this name as it is now; made when it is used for the first time."""
    lane, is_new = Lane.objects.get_or_create(name=name, defaults={"declared": dict(declared)})
    if not is_new and declared and lane.declared != declared:
        Lane.objects.filter(name=name).update(declared=dict(declared))
        lane.declared = dict(declared)
    return lane


def hold(name: str, *, until: datetime, cause: str, reason: str, actor: str = "") -> bool:
    """Let nothing through until then. A longer limit of the rate wins over a shorter one.

    Late failures of calls that were on their way do not prolong the breaker's hold; a person's own
    hold replaces any. A stopped lane stays stopped.
    """
    which = Q(state__in=_MOVING)
    if actor:
        which |= Q(state=LaneState.HELD)
    elif cause == LaneCause.RATE:
        which |= Q(state=LaneState.HELD, held_until__lt=until)
    since = Coalesce(F("failing_since"), Now()) if cause == LaneCause.FAILING else None
    return _move(
        Lane.objects.filter(which, name=name),
        name,
        LaneState.HELD,
        cause=cause,
        reason=reason,
        actor=actor,
        held_until=until,
        failing_since=since,
    )


def stop(name: str, *, cause: str, reason: str, actor: str = "") -> bool:
    """Let nothing through until a person resumes it; False when it is stopped already."""
    found = Lane.objects.filter(name=name).exclude(state=LaneState.STOPPED)
    return _move(found, name, LaneState.STOPPED, cause=cause, reason=reason, actor=actor)


def probe(name: str) -> bool:
    """Let a few calls through, after a hold of the breaker, or when the last few did not come back."""
    found = Lane.objects.filter(name=name, state__in=(LaneState.HELD, LaneState.PROBING))
    reason = "A few calls are let through, to see whether the provider answers again."
    return _move(
        found,
        name,
        LaneState.PROBING,
        cause=LaneCause.FAILING,
        reason=reason,
        failing_since=F("failing_since"),
    )


def ramp(name: str, *, reason: str, actor: str = "", out_of: Iterable[str] = ()) -> bool:
    """Let more and more through; False when the lane is in none of the states `out_of`."""
    found = Lane.objects.filter(name=name, state__in=tuple(out_of))
    return _move(found, name, LaneState.RAMPING, reason=reason, actor=actor)


def reopen(name: str) -> bool:
    """End the ramp."""
    return _move(
        Lane.objects.filter(name=name, state=LaneState.RAMPING), name, LaneState.OPEN, reason=""
    )


def take_probe(name: str, most: int) -> bool:
    """Be one of the few calls that are let through; False when all have been taken."""
    found = Lane.objects.filter(name=name, state=LaneState.PROBING, probes__lt=most)
    return found.update(probes=F("probes") + 1) == 1


def answer_probe(name: str) -> int | None:
    """Count an answered probe. Returns how many there are; None when it is tried out no more."""
    found = Lane.objects.filter(name=name, state=LaneState.PROBING)
    if not found.update(probes_answered=F("probes_answered") + 1):
        return None
    return Lane.objects.values_list("probes_answered", flat=True).get(name=name)


def line_up(name: str, priority: str) -> None:
    """Say that steps of this priority wait in line; "" when none does."""
    at = timezone.now() if priority else None
    Lane.objects.filter(name=name).update(line=priority, line_at=at)


def limit(name: str, own: Mapping[str, int], *, actor: str, reason: str) -> bool:
    """Set limits in place of those that the settings declare; an empty mapping takes them back."""
    with transaction.atomic():
        lane = Lane.objects.select_for_update().filter(name=name).first()
        if lane is None or lane.own_limits == dict(own):
            return False
        Lane.objects.filter(name=name).update(own_limits=dict(own))
        tell(
            None,
            "lane.limited",
            actor=actor,
            lane=name,
            was=lane.own_limits,
            limits=dict(own),
            reason=reason,
        )
        return True


def ask_about(name: str, question: UUID | None) -> None:
    """Remember the question that is open about a lane."""
    Lane.objects.filter(name=name).update(question=question)


def _move(
    found: Any,
    name: str,
    to: LaneState,
    *,
    cause: str = "",
    reason: str,
    actor: str = "",
    **fields: Any,
) -> bool:
    values = {
        "held_until": None,
        "failing_since": None,
        "probes": 0,
        "probes_answered": 0,
        **fields,
    }
    with transaction.atomic():
        moved = found.update(
            state=to, cause=cause, since=Now(), reason=reason[:500], who=actor, **values
        )
        if moved:
            until = fields.get("held_until")
            more = {"until": until.isoformat()} if until else {}
            tell(
                None,
                f"lane.{to.value}",
                actor=actor,
                lane=name,
                cause=str(cause),
                reason=reason[:500],
                **more,
            )
    return bool(moved)
