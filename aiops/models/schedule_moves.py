"""The door of schedules: every move is a conditional UPDATE or an INSERT, and an event with it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from aiops.models.schedule import (
    Backfill,
    BackfillState,
    Occurrence,
    OccurrenceState,
    Schedule,
)
from aiops.models.transitions import tell

#: What a person sets; the rest of a row is the engine's.
SET_BY_PEOPLE: tuple[str, ...] = (
    *("name", "workflow", "tenant", "input", "title", "priority", "metadata"),
    *("crontab", "interval", "clocked", "start_at", "end_at", "jitter_s"),
    *("overlap", "catch_up_s", "catch_up"),
)
#: A change of these begins anew: what the new times say of the past is not made up for.
_TIMES = {"crontab", "interval", "clocked", "start_at"}

#: What has no run yet, and may be made up for.
WITHOUT_A_RUN: tuple[str, ...] = (
    OccurrenceState.MISSED,
    OccurrenceState.SKIPPED,
    OccurrenceState.REFUSED,
)


def make(schedule: Schedule, *, actor: str) -> Schedule:
    """Write a new schedule; only what is due from now on is started."""
    with transaction.atomic():
        schedule.made_by = actor
        schedule.considered_until = timezone.now()
        schedule.save(force_insert=True)
        _tell(schedule, "schedule.made", actor=actor, workflow=schedule.workflow)
        return schedule


def change(schedule: Schedule, fields: Iterable[str], *, actor: str) -> None:
    """Write what a person has changed, and nothing that the engine moves meanwhile."""
    changed = sorted(set(fields) & set(SET_BY_PEOPLE))
    values = {name: getattr(schedule, name) for name in changed}
    if _TIMES & set(changed):
        values["considered_until"] = timezone.now()
    with transaction.atomic():
        if values:
            Schedule.objects.filter(id=schedule.id).update(**values)
        _tell(schedule, "schedule.changed", actor=actor, fields=changed)


def pause(schedule: Schedule, *, actor: str, reason: str) -> bool:
    """Start nothing at its due times until it is resumed; False when it is paused already."""
    with transaction.atomic():
        found = Schedule.objects.filter(id=schedule.id, paused_at__isnull=True)
        why = reason[:300]
        if not found.update(paused_at=Now(), paused_by=actor, paused_why=why):
            return False
        _tell(schedule, "schedule.paused", actor=actor, reason=why)
        return True


def resume(schedule: Schedule, *, actor: str, reason: str) -> bool:
    """Go on from now: what was due meanwhile is not made up for. False when it is not paused."""
    with transaction.atomic():
        found = Schedule.objects.filter(id=schedule.id, paused_at__isnull=False)
        cleared = {"paused_at": None, "paused_by": "", "paused_why": ""}
        if not found.update(**cleared, considered_until=timezone.now()):
            return False
        _tell(schedule, "schedule.resumed", actor=actor, reason=reason[:300])
        return True


def delete(schedule: Schedule, *, actor: str) -> None:
    """Delete a schedule and what is known of its due times; its runs stay."""
    with transaction.atomic():
        _tell(schedule, "schedule.deleted", actor=actor, workflow=schedule.workflow)
        schedule.delete()


def locked(schedule_id: int) -> Schedule | None:
    """A schedule that nobody else moves for the rest of the transaction."""
    found = Schedule.objects.select_for_update(of=("self",), no_key=True)
    return found.select_related("crontab", "interval", "clocked").filter(id=schedule_id).first()


def pass_by(schedule: Schedule, moment: datetime) -> bool:
    """Say that everything up to a moment is dealt with; False when somebody else has moved it.

    Who is told True holds the schedule until the transaction ends: a second turn, of another beat
    or of a message that came twice, waits here and then finds that it has moved.
    """
    found = Schedule.objects.filter(
        id=schedule.id, considered_until=schedule.considered_until, paused_at__isnull=True
    )
    if not found.update(considered_until=moment):
        return False
    schedule.considered_until = moment
    return True


def occur(
    schedule: Schedule,
    due_at: datetime,
    *,
    starts_at: datetime,
    state: OccurrenceState,
    why: str = "",
    run_id: UUID | None = None,
    asked_by: str = "",
) -> Occurrence:
    """Write what became of a due time; a second row for it is an IntegrityError."""
    occurrence = Occurrence.objects.create(
        schedule=schedule,
        due_at=due_at,
        starts_at=starts_at,
        state=state,
        why=why[:500],
        run_id=run_id,
        asked_by=asked_by,
    )
    _tell_of(occurrence, schedule, actor=asked_by)
    return occurrence


def miss(
    schedule: Schedule, moments: Sequence[datetime], *, number: int, first: datetime, why: str
) -> None:
    """Write down due times that are not made up for; the oldest row stands for those before it."""
    rows = [
        Occurrence(
            schedule=schedule,
            due_at=moment,
            starts_at=moment,
            state=OccurrenceState.MISSED,
            why=why[:500],
            stands_for=1 if place else number - len(moments) + 1,
        )
        for place, moment in enumerate(moments)
    ]
    Occurrence.objects.bulk_create(rows, ignore_conflicts=True)
    span = {"first": first.isoformat(), "last": moments[-1].isoformat()}
    _tell(schedule, "schedule.missed", number=number, why=why, **span)


# Back-fills


def begin_backfill(
    schedule: Schedule, moments: Sequence[datetime], *, at_once: int, actor: str, reason: str
) -> Backfill:
    """Write the rows of a back-fill, in order; the schedule is locked. Nothing is started here."""
    backfill = Backfill.objects.create(
        schedule=schedule,
        from_at=moments[0],
        to_at=moments[-1],
        at_once=at_once,
        made_by=actor,
        reason=reason[:300],
    )
    planned = {"state": OccurrenceState.PLANNED, "backfill": backfill, "why": ""}
    known = Occurrence.objects.filter(schedule=schedule, due_at__in=moments)
    known.filter(state__in=WITHOUT_A_RUN, run__isnull=True).update(
        **planned, stands_for=1, starts_at=Now()
    )
    there = set(known.values_list("due_at", flat=True))
    Occurrence.objects.bulk_create(
        Occurrence(schedule=schedule, due_at=moment, starts_at=timezone.now(), **planned)
        for moment in moments
        if moment not in there
    )
    span = {"first": moments[0].isoformat(), "last": moments[-1].isoformat()}
    _tell(
        schedule,
        "schedule.backfilled",
        actor=actor,
        reason=reason[:300],
        backfill=backfill.id,
        number=len(moments),
        **span,
    )
    return backfill


def planned(backfill: Backfill) -> QuerySet[Occurrence]:
    """The due times of a back-fill that have not had their turn, oldest first."""
    found = Occurrence.objects.filter(backfill=backfill, state=OccurrenceState.PLANNED)
    return found.order_by("due_at")


def become(
    occurrence: Occurrence, state: OccurrenceState, *, why: str = "", run_id: UUID | None = None
) -> bool:
    """Settle a planned due time; False when somebody else has."""
    found = Occurrence.objects.filter(id=occurrence.id, state=OccurrenceState.PLANNED)
    if not found.update(state=state, why=why[:500], run_id=run_id, starts_at=Now()):
        return False
    occurrence.state, occurrence.why, occurrence.run_id = state, why[:500], run_id
    _tell_of(occurrence, occurrence.schedule)
    return True


def end_backfill(
    backfill: Backfill, state: BackfillState, *, actor: str = "", why: str = ""
) -> bool:
    """End a back-fill: what has started goes on, what has not stays undone. False: it had ended."""
    with transaction.atomic():
        found = Backfill.objects.filter(id=backfill.id, state=BackfillState.RUNNING)
        ended = {"state": state, "stopped_by": actor, "stopped_why": why[:300]}
        if not found.update(**ended, finished_at=Now()):
            return False
        left = planned(backfill).update(
            state=OccurrenceState.SKIPPED, why="The back-fill was stopped before its turn."
        )
        kind = "schedule.backfill_done" if state == BackfillState.DONE else "schedule.backfill_stop"
        _tell(
            backfill.schedule, kind, actor=actor, backfill=backfill.id, left=left, reason=why[:300]
        )
        return True


def _tell(schedule: Schedule, kind: str, *, actor: str = "", **data: Any) -> None:
    tell(None, kind, actor=actor, name=schedule.name, schedule=schedule.id, **data)


def _tell_of(occurrence: Occurrence, schedule: Schedule, *, actor: str = "") -> None:
    """Tell what became of a due time, on its run where it has one."""
    tell(
        occurrence.run_id,
        f"schedule.{occurrence.state}",
        actor=actor,
        name=schedule.name,
        schedule=schedule.id,
        due_at=occurrence.due_at.isoformat(),
        why=occurrence.why,
    )
