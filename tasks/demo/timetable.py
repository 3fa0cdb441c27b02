"""Schedules for the demo: one that has something to make up for, one that comes often, one at rest."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, IntervalSchedule

from aiops.models import Schedule
from aiops.models import schedule_moves as moves

_MADE_BY = "dana"


def make_schedules() -> int:
    """Write the schedules that are not there yet. Returns how many."""
    found = [_make(given) for given in (_refresh(), _mailbox(), _contracts())]
    return sum(found)


def _refresh() -> dict[str, Any]:
    """Three mornings were missed: beat makes up for them, one behind the other."""
    return {
        "name": "Knowledge refresh",
        "workflow": "knowledge_refresh",
        "crontab": _cron("Europe/Berlin", hour="6", minute="0"),
        "input": {"title": "Handbook of {day}", "size": 30, "pace_s": 0.2},
        "title": "Handbook of {day}",
        "overlap": "queue",
        "catch_up": "each",
        "catch_up_s": 4 * 86400,
        "start_at": timezone.now() - timedelta(days=30),
        "considered_until": timezone.now() - timedelta(days=3),
    }


def _mailbox() -> dict[str, Any]:
    every, _ = IntervalSchedule.objects.get_or_create(every=10, period="minutes")
    return {
        "name": "Invoices from the mailbox",
        "workflow": "invoice_intake",
        "interval": every,
        "input": {"title": "Mailbox at {due_local}"},
        "title": "Mailbox at {due_local}",
        "jitter_s": 60,
    }


def _contracts() -> dict[str, Any]:
    return {
        "name": "Contracts of the month",
        "workflow": "contract_review",
        "crontab": _cron("America/New_York", hour="8", minute="30", day_of_month="1"),
        "input": {"title": "Contracts of {month}"},
        "title": "Contracts of {month}",
        "paused": "Until the new terms are agreed on",
    }


def _cron(zone: str, **fields: str) -> CrontabSchedule:
    found, _ = CrontabSchedule.objects.get_or_create(timezone=zone, **fields)
    return found


def _make(given: dict[str, Any]) -> bool:
    if Schedule.objects.filter(name=given["name"]).exists():
        return False
    paused, since = given.pop("paused", ""), given.pop("considered_until", None)
    schedule = moves.make(Schedule(tenant="northwind", **given), actor=_MADE_BY)
    if since is not None:
        # As if beat had been away since then.
        Schedule.objects.filter(id=schedule.id).update(considered_until=since)
    if paused:
        moves.pause(schedule, actor="omar", reason=paused)
    return True
