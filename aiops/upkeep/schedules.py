"""Starting what is due: each due time once, whoever looks, and however often."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice, takewhile
from typing import Any

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from aiops.execution import advance
from aiops.execution.resume import NotPossible
from aiops.execution.start import StartRefused, start_run
from aiops.flow.refusals import WorkflowError
from aiops.models import Occurrence, OccurrenceState, Overlap, Run, RunState, Schedule, transitions
from aiops.models import schedule_moves as moves
from aiops.models.run import ENDED
from aiops.upkeep import catch_up
from aiops.upkeep.catch_up import Missed
from aiops.upkeep.due_input import InputRefused, filled
from aiops.upkeep.due_times import Every, Times, due, starts_at
from aiops.upkeep.schedule_times import TimesRefused, times_of

log = logging.getLogger(__name__)

OPEN: tuple[str, ...] = tuple(state for state in RunState.values if state not in ENDED)


def start_due(now: datetime | None = None) -> int:
    """Start whatever is due; returns how many due times were dealt with.

    What goes wrong with one schedule is raised only when the others have had their turn.
    """
    now = now or timezone.now()
    found, errors = 0, []
    for schedule in list(active()):
        try:
            found += look(schedule, now)
        except TimesRefused as error:
            # Its times were changed among beat's own; its page says the same.
            log.warning("schedule.refused schedule=%s error=%s", schedule.name, error)
        except Exception as error:  # one of them must not stop all others
            errors.append(error)
    if errors:
        raise ExceptionGroup("schedules could not be looked at", errors)
    return found


def active() -> QuerySet[Schedule]:
    """The schedules that are neither paused nor past their end."""
    is_over = Q(end_at__lte=F("considered_until"))
    found = Schedule.objects.filter(paused_at__isnull=True)
    found = found.exclude(is_over)
    return found.select_related("crontab", "interval", "clocked")


def look(schedule: Schedule, now: datetime) -> int:
    """One turn of one schedule; returns how many due times were dealt with."""
    times = times_of(schedule)
    missed = _pass_the_old(schedule, times, now)
    waiting = due_of(schedule, times, after=schedule.considered_until, until=now)
    # In their order, whatever their jitter: what has passed by does not come again.
    come = list(
        takewhile(
            lambda one: starts_at(schedule.id, one, schedule.jitter_s) <= now,
            islice(waiting, catch_up.MOST_LOOKED_AT),
        )
    )
    turn = catch_up.decide(
        come,
        now=now,
        catch_up=schedule.catch_up,
        jitter_s=schedule.jitter_s,
        is_more=len(come) == catch_up.MOST_LOOKED_AT,
    )
    if turn.missed:
        why = "Several were missed, and only the latest is made up for."
        missed += _miss(schedule, catch_up.gather(turn.missed), turn.missed[-1], why)
    for number, moment in enumerate(turn.start):
        if not occur(schedule, times, moment, now):
            return missed + number
    return missed + len(turn.start)


def due_of(
    schedule: Schedule, times: Times, *, after: datetime, until: datetime | None = None
) -> Iterator[datetime]:
    """The due times of a schedule between its start and its end."""
    first = schedule.start_at - timedelta(microseconds=1)
    ends = [moment for moment in (until, schedule.end_at) if moment is not None]
    return due(times, after=max(after, first), until=min(ends, default=None))


def occur(schedule: Schedule, times: Times, due_at: datetime, now: datetime) -> bool:
    """Deal with one due time, whole or not at all; False when somebody else has.

    Nothing can come between its row and its run: they are one transaction.
    """
    with transaction.atomic():
        if not moves.pass_by(schedule, due_at):
            return False
        if Occurrence.objects.filter(schedule=schedule, due_at=due_at).exists():
            return True  # a back-fill had it
        starts = starts_at(schedule.id, due_at, schedule.jitter_s)
        state, why, run = _met(schedule, times, due_at)
        if run is not None and not why:
            why = _late((now - starts).total_seconds())
        run_id = run.id if run else None
        moves.occur(schedule, due_at, starts_at=starts, state=state, why=why, run_id=run_id)
        return True


def run_now(schedule_id: int, *, actor: str, reason: str) -> Run:
    """Start a run by hand, whatever is open and however the schedule stands. Raises NotPossible."""
    with transaction.atomic():
        schedule = moves.locked(schedule_id)
        if schedule is None:
            raise NotPossible("this schedule is not there any more")
        now = timezone.now()
        try:
            run = begin(schedule, times_of(schedule), now, started_by=actor)
        except (*REFUSALS, TimesRefused) as error:
            raise NotPossible(str(error)) from None
        moves.occur(
            schedule,
            now,
            starts_at=now,
            state=OccurrenceState.STARTED,
            why=reason,
            run_id=run.id,
            asked_by=actor,
        )
        return run


#: What a start for a due time may be refused with.
REFUSALS = (StartRefused, WorkflowError, InputRefused)


def begin(
    schedule: Schedule, times: Times, due_at: datetime, *, started_by: str = "", **options: Any
) -> Run:
    """Start the run of one due time; its key makes a second start the same run. Raises REFUSALS."""
    given, title = filled(schedule, times, due_at)
    told = {"schedule": schedule.name, "due_at": due_at.isoformat()}
    return start_run(
        schedule.workflow,
        given,
        key=f"schedule:{schedule.id}:{due_at.isoformat()}",
        tenant=schedule.tenant,
        title=title,
        metadata={**schedule.metadata, **told},
        started_by=(started_by or f"schedule:{schedule.name}")[:150],
        **{"priority": schedule.priority, **options},
    )


def _met(
    schedule: Schedule, times: Times, due_at: datetime
) -> tuple[OccurrenceState, str, Run | None]:
    """What becomes of a due time: its state, why, and its run."""
    earlier = [] if schedule.overlap == Overlap.ALLOW else open_runs(schedule)
    meeting = catch_up.meet(schedule.overlap, len(earlier))
    if meeting == "skip":
        return OccurrenceState.SKIPPED, f"{_told(earlier[0])} is still open.", None
    if meeting == "too_many":
        why = f"{len(earlier)} of its runs are open and wait for each other: that is enough."
        return OccurrenceState.SKIPPED, why, None
    try:
        with transaction.atomic():
            if meeting == "queue":
                return _behind(schedule, times, due_at, earlier[0])
            run = begin(schedule, times, due_at)
            if meeting == "replace":
                _stop(earlier, run)
                return OccurrenceState.STARTED, f"{_told(earlier[0])} was stopped for it.", run
            return OccurrenceState.STARTED, "", run
    except REFUSALS as error:
        return OccurrenceState.REFUSED, f"{_sentence(error)} {_CORRECT}", None


def _behind(
    schedule: Schedule, times: Times, due_at: datetime, earlier: Run
) -> tuple[OccurrenceState, str, Run]:
    def wait(run: Run) -> None:
        transitions.mark_run(run, after_id=earlier.id)

    run = begin(schedule, times, due_at, before_first=wait)
    return OccurrenceState.QUEUED, f"Behind {_told(earlier, 'run')}.", run


def _stop(earlier: list[Run], run: Run) -> None:
    for one in sorted(earlier, key=lambda other: other.id):
        found = transitions.lock(one.id)
        if found is not None and not found.is_ended and found.cancel_requested_at is None:
            advance.stop(found, f"replaced by run {run.id}")


def open_runs(schedule: Schedule) -> list[Run]:
    """The runs of a schedule that have not ended, newest first; those of back-fills do not count."""
    mine = Occurrence.objects.filter(schedule=schedule, backfill__isnull=True)
    found = Run.objects.filter(state__in=OPEN, id__in=mine.values("run"))
    return list(found.only("id", "state", "key").order_by("-created_at")[: catch_up.MOST_IN_LINE])


def _pass_the_old(schedule: Schedule, times: Times, now: datetime) -> int:
    """Write down what is too old to be made up for. Returns how many there were."""
    window = {"catch_up_s": schedule.catch_up_s, "jitter_s": schedule.jitter_s}
    limit = catch_up.edge(now, **window)
    if schedule.considered_until >= limit:
        return 0
    missed = _stretch(schedule, times, limit)
    return _miss(schedule, missed, limit, "Nothing fired at its time, and it is too late for it.")


def _stretch(schedule: Schedule, times: Times, limit: datetime) -> Missed | None:
    """The due times up to a limit, as one; steps of equal length are counted without walking them."""
    after = schedule.considered_until
    first = next(due_of(schedule, times, after=after, until=limit), None)
    if first is None or not isinstance(times, Every):
        return catch_up.gather(due_of(schedule, times, after=after, until=limit))
    end = min(limit, schedule.end_at or limit)
    jumped = max((end - first) // times.step - catch_up.MOST_ROWS, 0)
    rest = due_of(schedule, times, after=first + (jumped - 1) * times.step, until=limit)
    found = catch_up.gather(rest)
    return replace(found, number=found.number + jumped, first=first) if found else None


def _miss(schedule: Schedule, missed: Missed | None, until: datetime, why: str) -> int:
    if missed is None:
        return 0
    with transaction.atomic():
        if not moves.pass_by(schedule, until):
            return 0
        number = f"{'More than ' if missed.is_more else ''}{missed.number:,} due times"
        told = f"{why} {number} since {missed.first:%Y-%m-%d %H:%M:%S} UTC."
        moves.miss(
            schedule,
            missed.newest,
            number=missed.number,
            first=missed.first,
            why=told if missed.number > 1 else why,
        )
        return missed.number


def _late(seconds: float) -> str:
    """How late a start is, in words; "" when it is on time."""
    if seconds <= catch_up.ON_TIME_S:
        return ""
    minutes, hours = seconds / 60, seconds / 3600
    if hours >= 48:
        return f"{hours / 24:.1f} days late."
    return f"{minutes:.0f} min late." if minutes < 120 else f"{hours:.1f} h late."


def _told(run: Run, word: str = "Run") -> str:
    return f"{word} {str(run.id)[:13]}"


_CORRECT = "Correct the schedule; then run it now, or back-fill it."


def _sentence(error: Exception) -> str:
    text = str(error).rstrip(".")
    return f"{text[:1].upper()}{text[1:]}."
