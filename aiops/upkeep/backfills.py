"""Back-fills: due times of the past are started a few at a time, as earlier ones end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from django.db import transaction
from django.db.models import Count
from django.utils import timezone

from aiops.execution.resume import NotPossible
from aiops.models import (
    Backfill,
    BackfillState,
    Occurrence,
    OccurrenceState,
    Priority,
    Run,
    RunState,
    Schedule,
)
from aiops.models import schedule_moves as moves
from aiops.models.run import ENDED
from aiops.models.schedule_moves import WITHOUT_A_RUN
from aiops.upkeep.due_times import due
from aiops.upkeep.schedule_times import TimesRefused, times_of
from aiops.upkeep.schedules import REFUSALS, begin

#: More due times than this are two back-fills.
MOST = 1_000
MOST_AT_ONCE = 20
#: When the first so many have failed, all of them, the rest is not started.
FIRST = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a person wants made up for: a range, and how much of it at once and at most."""

    from_at: datetime
    to_at: datetime
    at_once: int = 2
    most: int = 100


@dataclass(frozen=True, slots=True)
class Planned:
    """What a back-fill would start."""

    moments: tuple[datetime, ...]
    #: Due times in the range that have had a run already.
    done: int
    #: Whether the range has more of them than may be started.
    is_cut: bool


def plan(schedule: Schedule, wanted: Wanted) -> Planned:
    """What a back-fill would start, oldest first; nothing is written. Raises NotPossible."""
    if why := refused(wanted, timezone.now()):
        raise NotPossible(why)
    try:
        times = times_of(schedule)
    except TimesRefused as error:
        raise NotPossible(str(error)) from None
    # Also from before the schedule was made: that is what it is for.
    before = wanted.from_at - timedelta(microseconds=1)
    found = due(times, after=before, until=wanted.to_at)
    moments, done = [], 0
    while chunk := list(islice(found, MOST)):
        had = _had(schedule, chunk)
        done += len(had)
        moments += [moment for moment in chunk if moment not in had]
        if len(moments) > wanted.most:
            break
    is_cut = len(moments) > wanted.most
    return Planned(tuple(moments[: wanted.most]), done, is_cut)


def refused(wanted: Wanted, now: datetime) -> str:
    """Why a range cannot be made up for; "" when it can. Pure."""
    if wanted.from_at > wanted.to_at:
        return "the range ends before it begins: exchange the two"
    if wanted.to_at > now:
        return "the range ends in the future: what is still to come is started at its time"
    if not 1 <= wanted.at_once <= MOST_AT_ONCE:
        return f"from 1 to {MOST_AT_ONCE} runs may be open at once"
    if not 1 <= wanted.most <= MOST:
        return f"from 1 to {MOST:,} runs may be started: make a second back-fill for the rest"
    return ""


def make(schedule_id: int, wanted: Wanted, *, actor: str, reason: str) -> Backfill:
    """Write the rows of a back-fill; they are started from the next turn on. Raises NotPossible."""
    if not reason.strip():
        raise NotPossible("give a reason: it stays with the back-fill and in the audit")
    with transaction.atomic():
        schedule = moves.locked(schedule_id)
        if schedule is None:
            raise NotPossible("this schedule is not there any more")
        if schedule.backfills.filter(state=BackfillState.RUNNING).exists():
            raise NotPossible("a back-fill of it is at work: let it end, or stop it first")
        moments = plan(schedule, wanted).moments
        if not moments:
            raise NotPossible("nothing in this range is left to start: choose another one")
        return moves.begin_backfill(
            schedule, moments, at_once=wanted.at_once, actor=actor, reason=reason.strip()
        )


def stop(backfill_id: int, *, actor: str, reason: str) -> None:
    """Start nothing more of a back-fill; its open runs go on. Raises NotPossible."""
    backfill = Backfill.objects.select_related("schedule").filter(id=backfill_id).first()
    if backfill is None or not moves.end_backfill(
        backfill, BackfillState.STOPPED, actor=actor, why=reason
    ):
        raise NotPossible("it is not at work any more")


def go_on() -> int:
    """Give each back-fill its turn; returns how many due times were started."""
    running = Backfill.objects.filter(state=BackfillState.RUNNING)
    return sum(_turn(one) for one in running.values_list("id", flat=True))


def counts(backfill: Backfill) -> dict[str, int]:
    """How many of its due times stand where."""
    rows = backfill.occurrences.values_list("state").annotate(number=Count("id")).order_by()
    return {str(state): int(number) for state, number in rows}


def _turn(backfill_id: int) -> int:
    with transaction.atomic():
        mine = Backfill.objects.select_for_update(skip_locked=True, no_key=True, of=("self",))
        found = mine.select_related(
            "schedule__crontab", "schedule__interval", "schedule__clocked"
        ).filter(id=backfill_id, state=BackfillState.RUNNING)
        backfill = found.first()
        if backfill is None:
            return 0  # it has ended, or another turn is at it
        states = list(
            Run.objects.filter(occurrences__backfill=backfill).values_list("state", flat=True)
        )
        if why := _goes_wrong(states):
            moves.end_backfill(backfill, BackfillState.STOPPED, why=why)
            return 0
        is_open = sum(state not in ENDED for state in states)
        next_ones = list(moves.planned(backfill)[: max(backfill.at_once - is_open, 0)])
        if not next_ones and not is_open:
            moves.end_backfill(backfill, BackfillState.DONE)
        return _start(backfill, next_ones)


def _goes_wrong(states: list[str]) -> str:
    """Why the rest is not started; "" while it goes on."""
    ended = [state for state in states if state in ENDED]
    if len(ended) >= FIRST and all(state == RunState.FAILED for state in ended):
        return f"The first {len(ended)} runs have failed, all of them."
    return ""


def _start(backfill: Backfill, next_ones: list[Occurrence]) -> int:
    errors = [why for one in next_ones if (why := _start_one(backfill, one))]
    if errors and len(errors) == len(next_ones):
        moves.end_backfill(backfill, BackfillState.STOPPED, why=f"It was refused: {errors[0]}")
    return len(next_ones) - len(errors)


def _start_one(backfill: Backfill, occurrence: Occurrence) -> str:
    """Start the run of one due time; returns why it was refused, "" when it was not."""
    schedule = occurrence.schedule = backfill.schedule
    try:
        with transaction.atomic():
            run = begin(schedule, times_of(schedule), occurrence.due_at, priority=Priority.BATCH)
            moves.become(occurrence, OccurrenceState.STARTED, run_id=run.id)
    except (*REFUSALS, TimesRefused) as error:
        moves.become(occurrence, OccurrenceState.REFUSED, why=str(error))
        return str(error)
    return ""


def _had(schedule: Schedule, moments: list[datetime]) -> set[datetime]:
    """Those of these due times that have a run, or will have one."""
    rows = Occurrence.objects.filter(schedule=schedule, due_at__in=moments)
    left = {"state__in": WITHOUT_A_RUN, "run__isnull": True}
    return set(rows.exclude(**left).values_list("due_at", flat=True))
