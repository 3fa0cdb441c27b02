"""Schedules for tests, and the passing of time."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from django_celery_beat.models import ClockedSchedule, CrontabSchedule, IntervalSchedule

from aiops.models import Occurrence, Run, Schedule
from aiops.upkeep.schedules import start_due


def hourly(**fields: Any) -> Schedule:
    """A schedule that is due every hour, half an hour from now for the first time."""
    every, _ = IntervalSchedule.objects.get_or_create(every=1, period="hours")
    now = timezone.now()
    given = {
        "name": "hourly",
        "workflow": "line",
        "input": {"number": 1, "label": "{day}"},
        "interval": every,
        "start_at": (now - timedelta(minutes=30)).replace(microsecond=0),
        "considered_until": now,
        "catch_up": "each",
        **fields,
    }
    return Schedule.objects.create(**given)


def each_second(**fields: Any) -> Schedule:
    every, _ = IntervalSchedule.objects.get_or_create(every=1, period="seconds")
    return hourly(**{"name": "each second", "interval": every, **fields})


def at_clock(text: str, zone: str = "UTC", **fields: Any) -> Schedule:
    """A schedule with a crontab."""
    names = ("minute", "hour", "day_of_month", "month_of_year", "day_of_week")
    given = dict(zip(names, text.split(), strict=True))
    times, _ = CrontabSchedule.objects.get_or_create(**given, timezone=zone)
    return hourly(**{"name": "by the clock", "interval": None, "crontab": times, **fields})


def once(moment: datetime, **fields: Any) -> Schedule:
    times, _ = ClockedSchedule.objects.get_or_create(clocked_time=moment)
    return hourly(**{"name": "once", "interval": None, "clocked": times, **fields})


def looked_at(schedule: Schedule, hours_ago: float) -> Schedule:
    """The schedule was made, and looked at for the last time, so many hours ago."""
    at = timezone.now() - timedelta(hours=hours_ago)
    # As far back in whole hours: it stays due at the half of them.
    start = schedule.start_at - timedelta(hours=math.ceil(hours_ago))
    Schedule.objects.filter(id=schedule.id).update(considered_until=at, start_at=start)
    return Schedule.objects.get(id=schedule.id)


def in_hours(number: float) -> int:
    """What a turn does that many hours from now."""
    return start_due(timezone.now() + timedelta(hours=number))


def what(schedule: Schedule) -> list[str]:
    """What became of its due times, in order."""
    found = Occurrence.objects.filter(schedule=schedule).order_by("due_at")
    return list(found.values_list("state", flat=True))


def runs(schedule: Schedule) -> list[Run]:
    """Its runs, in the order of their due times."""
    return list(Run.objects.filter(occurrences__schedule=schedule).order_by("occurrences__due_at"))
