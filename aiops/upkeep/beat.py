"""Whether beat fires: its last sign of life, and the schedules whose time has passed."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Now

from aiops.models import Node, Occurrence, OccurrenceState, Schedule
from aiops.upkeep.catch_up import ON_TIME_S
from aiops.upkeep.due_times import starts_at
from aiops.upkeep.schedule_times import TimesRefused, times_of
from aiops.upkeep.schedules import active, due_of

#: It fires every few seconds; one that has been silent for longer is taken for dead.
SILENT_S = 60.0
_NAME = "beat"


@dataclass(frozen=True, slots=True)
class Pulse:
    """How beat stands, and the schedules that need it."""

    #: Since when a message of beat's was last worked on; None: never.
    silent_s: float | None
    #: Schedules that are not paused and have something to come.
    schedules: int
    #: Those of them whose time passed a while ago.
    overdue: tuple[str, ...] = ()
    #: Schedules whose times cannot be read, and those whose newest due time was refused.
    unreadable: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()

    @property
    def in_trouble(self) -> int:
        """How many schedules need somebody."""
        return len({*self.overdue, *self.unreadable, *self.refused})

    @property
    def is_silent(self) -> bool:
        return self.silent_s is None or self.silent_s > SILENT_S


def sign() -> None:
    """Say that a message of beat's has come through, as a node does."""
    fields = {
        "role": _NAME,
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "seen_at": Now(),
    }
    Node.objects.update_or_create(name=_NAME, defaults=fields)


def needing_somebody() -> QuerySet[Schedule]:
    """Schedules whose newest due time was refused; all that wait for a beat that does not fire.

    What `pulse` finds, as far as the database can tell by itself.
    """
    newest = Occurrence.objects.filter(schedule=OuterRef("id")).order_by("-due_at")
    fires = Node.objects.filter(name=_NAME, seen_at__gt=Now() - timedelta(seconds=SILENT_S))
    refused = Q(newest=OccurrenceState.REFUSED)
    return (
        active().alias(newest=Subquery(newest.values("state")[:1])).filter(refused | ~Exists(fires))
    )


def pulse(now: datetime) -> Pulse:
    """How beat stands now, in one query."""
    last = Node.objects.filter(name=_NAME).values("seen_at")[:1]
    newest = Occurrence.objects.filter(schedule=OuterRef("id")).order_by("-due_at")
    rows = list(
        active().annotate(beat_at=Subquery(last), state=Subquery(newest.values("state")[:1]))
    )
    first: dict[str, datetime] = {}
    unreadable = []
    for row in rows:
        try:
            times = times_of(row)
        except TimesRefused:
            unreadable.append(row.name)
            continue
        if (due := next(due_of(row, times, after=row.considered_until), None)) is not None:
            first[row.name] = starts_at(row.id, due, row.jitter_s)
    late = now - timedelta(seconds=2 * ON_TIME_S)
    at = rows[0].beat_at if rows else None
    return Pulse(
        silent_s=None if at is None else max((now - at).total_seconds(), 0),
        schedules=len(first),
        overdue=tuple(name for name, starts in first.items() if starts < late),
        unreadable=tuple(unreadable),
        refused=tuple(row.name for row in rows if row.state == OccurrenceState.REFUSED),
    )


def trouble(found: Pulse) -> str:
    """What is wrong with beat, in one sentence; "" when nothing is, or nobody needs it. Pure."""
    if not found.schedules:
        return ""
    if found.is_silent:
        since = "yet" if found.silent_s is None else f"for {_rough(found.silent_s)}"
        return f"No beat has fired {since}{_overdue(found)}"
    if found.overdue:
        return f"Beat fires{_overdue(found)}"
    return ""


def advice(found: Pulse) -> str:
    """What to do about it. Pure."""
    if found.is_silent:
        return (
            "Start beat, once in the installation (celery -A aiops.celery beat), and a worker of "
            "pool control, which takes its messages. Is its entry in Beat's tasks enabled?"
        )
    return "Look into the log of the workers of pool control: it tells what went wrong with it."


def _overdue(found: Pulse) -> str:
    if not found.overdue:
        return ""
    names, more = found.overdue[:3], len(found.overdue) - 3
    told = ", ".join(names) + (f" and {more} more" if more > 0 else "")
    return f": {told} {'is' if len(found.overdue) == 1 else 'are'} overdue"


def _rough(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"
