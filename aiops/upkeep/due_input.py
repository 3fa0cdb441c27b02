"""The input and the title of one occurrence: the schedule's, with its due time filled in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from aiops.execution.catalog import workflow_named
from aiops.flow import data
from aiops.flow.errors import PermanentInput
from aiops.flow.refusals import WorkflowError
from aiops.models import Schedule
from aiops.upkeep.due_times import Times, previous

#: What a text may hold, and what is written there.
PLACEHOLDERS: dict[str, str] = {
    "due_at": "the due time in UTC, such as 2026-03-01T06:00:00+00:00",
    "due_local": "the same by the clock of the schedule's zone",
    "day": "the day of the due time in that zone, such as 2026-03-01",
    "month": "its month, such as 2026-03",
    "previous_due_at": "the due time before it, in UTC",
    "previous_day": "the day of that in the schedule's zone",
    "schedule": "the name of the schedule",
}

#: {{ and }} stand for themselves; a word in braces is filled in.
_PLACE = re.compile(r"\{\{|\}\}|\{([A-Za-z_]\w*)\}")


class InputRefused(Exception):
    """A template that no run can be started with. The message says what to correct."""


def filled(schedule: Schedule, times: Times, due_at: datetime) -> tuple[Any, str]:
    """The input and the title for one due time."""
    words = _words(schedule, times, due_at)
    return fill(schedule.input, words), str(fill(schedule.title, words))[:200]


def fill(template: Any, words: Mapping[str, str]) -> Any:
    """A template with its places filled in, in every text of it; raises InputRefused. Pure."""
    match template:
        case str():
            return _PLACE.sub(lambda found: _word(found, words), template)
        case dict():
            return {key: fill(value, words) for key, value in template.items()}
        case list():
            return [fill(value, words) for value in template]
        case _:
            return template


def check(schedule: Schedule, times: Times, due_at: datetime) -> None:
    """Refuse a schedule whose workflow is not there or would not take its input: InputRefused."""
    given, _ = filled(schedule, times, due_at)
    try:
        data.accepted_input(workflow_named(schedule.workflow), given)
    except (WorkflowError, PermanentInput) as error:
        raise InputRefused(str(error)) from None


def zone_of(schedule: Schedule) -> ZoneInfo:
    """The zone that days are counted in: the crontab's, else UTC."""
    return ZoneInfo(str(schedule.crontab.timezone) if schedule.crontab else "UTC")


def _words(schedule: Schedule, times: Times, due_at: datetime) -> dict[str, str]:
    zone = zone_of(schedule)
    before = previous(times, due_at) or schedule.start_at
    return {
        "due_at": due_at.astimezone(UTC).isoformat(),
        "due_local": due_at.astimezone(zone).isoformat(),
        "day": f"{due_at.astimezone(zone):%Y-%m-%d}",
        "month": f"{due_at.astimezone(zone):%Y-%m}",
        "previous_due_at": before.astimezone(UTC).isoformat(),
        "previous_day": f"{before.astimezone(zone):%Y-%m-%d}",
        "schedule": schedule.name,
    }


def _word(found: re.Match[str], words: Mapping[str, str]) -> str:
    name = found.group(1)
    if name is None:
        return found.group(0)[0]
    if name not in words:
        known = ", ".join(f"{{{one}}}" for one in words)
        raise InputRefused(
            f"{{{name}}} is nothing that can be filled in: use {known}, or write {{{{{name}}}}} "
            "for the text itself"
        )
    return words[name]
