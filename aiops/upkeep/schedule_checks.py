"""What is wrong with a schedule that somebody wants to save, by field, with what to do instead."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import islice

from aiops.execution.catalog import workflow_named
from aiops.flow.refusals import WorkflowError
from aiops.models import Schedule
from aiops.upkeep import due_input
from aiops.upkeep.due_input import InputRefused
from aiops.upkeep.due_times import Times, shortest_gap_s
from aiops.upkeep.schedule_times import TimesRefused, times_of
from aiops.upkeep.schedules import due_of

#: A catch-up window above this is a back-fill.
LONGEST_CATCH_UP_S = 31 * 86400


def problems(schedule: Schedule, now: datetime) -> dict[str, str]:
    """Sentences by field; "times" stands for whichever kind it has. Nothing is written."""
    try:
        times = times_of(schedule)
    except TimesRefused as error:
        return {"times": str(error)}
    first = next(due_of(schedule, times, after=now), None)
    if first is None:
        return {"times": "it is never due after now: choose a later time, or a later end"}
    found = {
        "jitter_s": _jitter(schedule, times, now),
        "catch_up_s": _window(schedule),
        **_input(schedule, times, first),
    }
    return {field: told for field, told in found.items() if told}


def next_times(schedule: Schedule, now: datetime, number: int = 5) -> list[datetime]:
    """The next due times, without their jitter. Raises TimesRefused."""
    return list(islice(due_of(schedule, times_of(schedule), after=now), number))


def _jitter(schedule: Schedule, times: Times, now: datetime) -> str:
    after = max(now, schedule.start_at - timedelta(microseconds=1))
    gap_s = shortest_gap_s(times, after=after)
    if gap_s is None or schedule.jitter_s < gap_s:
        return ""
    return f"it is due every {gap_s:g} s: give a jitter below that, or starts would change places"


def _window(schedule: Schedule) -> str:
    if schedule.catch_up_s <= LONGEST_CATCH_UP_S:
        return ""
    return f"at most {LONGEST_CATCH_UP_S} (31 days): make up for older ones with a back-fill"


def _input(schedule: Schedule, times: Times, first: datetime) -> dict[str, str]:
    try:
        workflow_named(schedule.workflow)
    except WorkflowError as error:
        return {"workflow": str(error)}
    try:
        due_input.check(schedule, times, first)
    except InputRefused as error:
        return {"input": str(error)}
    return {}
