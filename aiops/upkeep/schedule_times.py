"""The times of a schedule as beat's tables have them: translated, refused or told in words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from celery.schedules import ParseException, crontab
from cron_descriptor import (
    ExpressionDescriptor,
    FormatException,
    MissingFieldException,
    Options,
    WrongArgumentException,
)
from cronsim import CronSim, CronSimError
from django_celery_beat.models import CrontabSchedule, IntervalSchedule

from aiops.models import Schedule
from aiops.upkeep.due_times import Cron, Every, Once, Times

#: Beat looks every few seconds: shorter steps would be started in heaps.
SHORTEST_S = 1.0

_FIELDS = (
    ("minute", "minute", range(60)),
    ("hour", "hour", range(24)),
    ("day_of_month", "day of the month", range(1, 32)),
    ("month_of_year", "month", range(1, 13)),
    ("day_of_week", "day of the week", range(7)),
)
_HINTS = {
    "day_of_week": "Sunday is 0 and Saturday 6, or write mon-fri",
    "day_of_month": "give days from 1 to 31, such as 1,15",
    "month_of_year": "give months from 1 to 12, such as */3",
    "hour": "give hours from 0 to 23, such as 8-18",
    "minute": "give minutes from 0 to 59, such as */15",
}


class TimesRefused(Exception):
    """Times that cannot be understood. The message says what to write instead."""


def times_of(schedule: Schedule) -> Times:
    """The times of a schedule; raises TimesRefused."""
    if schedule.crontab is not None:
        return cron_of(schedule.crontab)
    if schedule.interval is not None:
        return Every(step_of(schedule.interval), schedule.start_at)
    if schedule.clocked is not None:
        return Once(schedule.clocked.clocked_time)
    raise TimesRefused("it has no times: give a crontab, an interval or one moment")


def cron_of(given: CrontabSchedule) -> Cron:
    """A crontab of beat's in the words of cronsim; raises TimesRefused.

    Celery reads the fields, so that they mean what they mean to beat; then each is a list of
    numbers, which both understand.
    """
    fields = [_numbers(given, *field) for field in _FIELDS]
    starred = str(given.minute).startswith("*") or str(given.hour).startswith("*")
    # With a sixth field, for seconds, nothing is moved when the clocks change.
    expression = " ".join(["0", *fields] if starred else fields)
    zone = str(given.timezone)
    try:
        CronSim(expression, datetime(2024, 1, 1, tzinfo=UTC))
        # Each by itself is fine; together they may never be.
        crontab(day_of_month=given.day_of_month, month_of_year=given.month_of_year)
    except (CronSimError, ValueError) as error:
        raise TimesRefused(f"no day fits: {error}. Choose days that the months have") from None
    return Cron(expression, zone)


def step_of(given: IntervalSchedule) -> timedelta:
    """The step of an interval; raises TimesRefused when it is too short to be kept."""
    step = timedelta(**{given.period: given.every})
    if step.total_seconds() < SHORTEST_S:
        raise TimesRefused("the shortest interval is one second: give a longer one")
    return step


def in_words(schedule: Schedule) -> str:
    """When it is due, for people, with the zone."""
    if schedule.crontab is not None:
        return cron_in_words(schedule.crontab)
    if schedule.interval is not None:
        return str(schedule.interval).capitalize()
    if schedule.clocked is not None:
        return f"Once, at {schedule.clocked.clocked_time:%Y-%m-%d %H:%M} UTC"
    return "never"


def cron_in_words(given: CrontabSchedule) -> str:
    expression = written(given)
    options = Options()
    options.use_24hour_time_format = True
    try:
        told = ExpressionDescriptor(expression, options).get_description()
    except (FormatException, MissingFieldException, WrongArgumentException):
        told = expression
    return f"{told} ({given.timezone})"


def written(given: CrontabSchedule) -> str:
    """A crontab as people write it: minute, hour, day, month, day of the week."""
    return " ".join(str(getattr(given, name)).replace(" ", "") for name, _, _ in _FIELDS)


def read(text: str, zone: str) -> CrontabSchedule:
    """A crontab as people write it, not saved; raises TimesRefused."""
    fields = text.split()
    if len(fields) != len(_FIELDS):
        raise TimesRefused(
            f"a crontab has five fields (minute, hour, day of the month, month, day of the week), "
            f"and this has {len(fields)}: write, for example, 0 7 * * mon-fri"
        )
    names = (name for name, _, _ in _FIELDS)
    found = CrontabSchedule(**dict(zip(names, fields, strict=True)), timezone=zone)
    cron_of(found)
    return found


def _numbers(given: CrontabSchedule, name: str, word: str, whole: range) -> str:
    """One field as a list of numbers; a star when it is every one of them."""
    text = str(getattr(given, name)).replace(" ", "")
    try:
        found = getattr(crontab(**{name: text}), name)
    except (ParseException, ValueError) as error:
        raise TimesRefused(
            f"the {word} “{text}” cannot be read ({str(error).rstrip('.')}): {_HINTS[name]}"
        ) from None
    return "*" if set(whole) <= set(found) else ",".join(str(one) for one in sorted(found))
