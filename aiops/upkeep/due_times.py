"""Due times, computed from the times of a schedule alone: nothing is read, nothing is written."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

from cronsim import CronSim


@dataclass(frozen=True, slots=True)
class Cron:
    """A crontab by the clock of a zone. `expression` is cronsim's, made by `schedule_times`."""

    expression: str
    zone: str


@dataclass(frozen=True, slots=True)
class Every:
    """Whole steps from an anchor, both ways. A day is 24 hours, whatever the clocks do."""

    step: timedelta
    anchor: datetime


@dataclass(frozen=True, slots=True)
class Once:
    at: datetime


Times = Cron | Every | Once

#: How far back the due time before another is looked for: by the minute, the day, ... the leap day.
_BACK = tuple(timedelta(hours=hours) for hours in (2, 50, 24 * 40, 24 * 400, 24 * 366 * 9))


def due(times: Times, *, after: datetime, until: datetime | None = None) -> Iterator[datetime]:
    """The due times after one moment and up to another, in order, in UTC. May go on for ever."""
    match times:
        case Cron():
            found = _by_clock(times, after)
        case Every():
            found = _in_steps(times, after)
        case Once():
            found = iter([times.at] if times.at > after else [])
    for moment in found:
        if until is not None and moment > until:
            return
        yield moment


def previous(times: Times, moment: datetime) -> datetime | None:
    """The due time before this one; None when there is none."""
    if isinstance(times, Once):
        return None
    if isinstance(times, Every):
        return moment - times.step
    just_before = moment - timedelta(microseconds=1)
    for span in _BACK:
        last = None
        for found in due(times, after=moment - span, until=just_before):
            last = found
        if last is not None:
            return last
    return None


def starts_at(identity: object, moment: datetime, jitter_s: int) -> datetime:
    """A due time with its jitter: for the same schedule and time always the same, on every host."""
    if not jitter_s:
        return moment
    told = f"{identity} {moment.astimezone(UTC).isoformat()}"
    number = int.from_bytes(hashlib.sha256(told.encode()).digest()[:8])
    return moment + timedelta(milliseconds=number % (jitter_s * 1000))


def shortest_gap_s(times: Times, *, after: datetime, looked_at: int = 50) -> float | None:
    """The shortest time between due times, of the next few; None when there are not two."""
    if isinstance(times, Every):
        return times.step.total_seconds()
    found = list(islice(due(times, after=after), looked_at))
    return min(((b - a).total_seconds() for a, b in pairwise(found)), default=None)


def _by_clock(times: Cron, after: datetime) -> Iterator[datetime]:
    """At an hour that comes twice, a fixed time is due once; one that does not exist, right after.

    With a star for the minute or the hour it is due whenever the clock shows it, so twice or never.
    """
    walk = CronSim(times.expression, after.astimezone(ZoneInfo(times.zone)))
    # In cron one of both days is enough; in Celery, whose crontabs these are, both must fit.
    walk.day_and = True
    for moment in walk:
        found = moment.astimezone(UTC)
        # In the hour that comes twice, the clock alone does not say which of them it is.
        if found > after:
            yield found
            after = found


def _in_steps(times: Every, after: datetime) -> Iterator[datetime]:
    number = (after - times.anchor) // times.step + 1
    moment = times.anchor + number * times.step
    while True:
        yield moment.astimezone(UTC)
        moment += times.step
