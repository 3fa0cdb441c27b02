"""What the pages of schedules show: how each stands, its due times, its back-fills, its questions."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.core.cache import cache
from django.core.paginator import Page, Paginator
from django.urls import reverse
from django.utils import timezone

from aiops.admin.page import words
from aiops.admin.page.amounts import count, money, tick
from aiops.admin.page.asked import Asked
from aiops.admin.page.words import Look
from aiops.execution import workflow_numbers
from aiops.models import (
    Backfill,
    BackfillState,
    Occurrence,
    OccurrenceState,
    Schedule,
)
from aiops.upkeep import backfills, beat
from aiops.upkeep.beat import Pulse
from aiops.upkeep.catch_up import ON_TIME_S
from aiops.upkeep.due_input import zone_of
from aiops.upkeep.schedule_times import TimesRefused, times_of
from aiops.upkeep.schedules import due_of, open_runs

PER_PAGE = 25
#: Back-fills that a page shows, newest first.
MOST_JOBS = 5
#: For so long a number may be old: the sidebar is on every page.
KEPT_S = 15
_KEY = "aiops.schedules"

OCCURRENCE: dict[str, Look] = {
    key: Look(str(OccurrenceState(key).label), icon, tone)
    for key, icon, tone in (
        (OccurrenceState.PLANNED, "pending", "slate"),
        (OccurrenceState.STARTED, "play_circle", "green"),
        (OccurrenceState.QUEUED, "low_priority", "violet"),
        (OccurrenceState.SKIPPED, "skip_next", "slate"),
        (OccurrenceState.MISSED, "event_busy", "amber"),
        (OccurrenceState.REFUSED, "error", "red"),
    )
}
BACKFILL: dict[str, Look] = {
    BackfillState.RUNNING: Look("At work", "sync", "blue"),
    BackfillState.STOPPED: Look("Stopped", "block", "orange"),
    BackfillState.DONE: Look("Done", "task_alt", "green"),
}


@dataclass(frozen=True, slots=True)
class Row:
    """One due time, as the page shows it."""

    occurrence: Occurrence
    look: Look
    #: By the clock of the schedule's zone.
    local: str
    run_look: Look | None


@dataclass(frozen=True, slots=True)
class Progress:
    """One back-fill, as the page shows it."""

    backfill: Backfill
    look: Look
    total: int
    had_turn: int
    told: str


def stands(schedule: Schedule, now: datetime) -> Look:
    """How a schedule stands, in one word."""
    if schedule.paused_at is not None:
        return Look("Paused", "pause_circle", "slate")
    try:
        after = schedule.considered_until
        first = next(due_of(schedule, times_of(schedule), after=after), None)
    except TimesRefused:
        return Look("Cannot be read", "error", "red")
    if first is None:
        return Look("Over", "event_available", "slate")
    if first < now - timedelta(seconds=2 * beat.SILENT_S) - timedelta(seconds=schedule.jitter_s):
        return Look("Overdue", "running_with_errors", "red")
    return Look("Active", "event_repeat", "green")


def next_time(schedule: Schedule, now: datetime) -> datetime | None:
    """When it is due next; None when it is paused, over or cannot be read."""
    if schedule.paused_at is not None:
        return None
    try:
        return next(due_of(schedule, times_of(schedule), after=now), None)
    except TimesRefused:
        return None


def newest(schedules: Iterable[Schedule]) -> dict[int, Occurrence]:
    """The newest due time of each, with its run."""
    found = Occurrence.objects.filter(schedule__in=[one.pk for one in schedules])
    rows = found.order_by("schedule_id", "-due_at").distinct("schedule_id")
    return {one.schedule_id: one for one in rows.select_related("run").defer("run__input")}


def build(schedule: Schedule, page: str) -> dict[str, Any]:
    """Everything that moves on the page of one schedule."""
    now = timezone.now()
    pages = _pages(schedule, page)
    jobs = list(schedule.backfills.order_by("-id")[:MOST_JOBS])
    found = beat.pulse(now)
    return {
        "schedule": schedule,
        "look": stands(schedule, now),
        "trouble": beat.trouble(found) if schedule.paused_at is None else "",
        "advice": beat.advice(found),
        "window": tick(max(schedule.catch_up_s, ON_TIME_S)),
        "rows": [_row(schedule, one) for one in pages],
        "pages": pages,
        "backfills": [_progress(one) for one in jobs],
    }


def version(shown: dict[str, Any], user_id: int) -> str:
    """Of what the page shows: a poll that brings the same one is answered with nothing."""
    rows = [(row.occurrence.pk, row.look, row.run_look) for row in shown["rows"]]
    jobs = [(one.backfill.pk, one.look, one.had_turn, one.total) for one in shown["backfills"]]
    seen = (user_id, shown["look"], shown["trouble"], rows, jobs, shown["schedule"].paused_why)
    return hashlib.sha256(repr(seen).encode()).hexdigest()[:32]


def kept() -> Pulse:
    """How beat and the schedules stand, at most some seconds old: for the badge and the dashboard."""
    found: Pulse | None = cache.get(_KEY)
    if found is None:
        found = beat.pulse(timezone.now())
        cache.set(_KEY, found, KEPT_S)
    return found


def _pages(schedule: Schedule, page: str) -> Page[Occurrence]:
    rows = schedule.occurrences.select_related("run", "backfill").defer("run__input")
    return Paginator(rows.order_by("-due_at"), PER_PAGE).get_page(page)


def _row(schedule: Schedule, one: Occurrence) -> Row:
    local = f"{one.due_at.astimezone(zone_of(schedule)):%a %Y-%m-%d %H:%M:%S}"
    return Row(one, OCCURRENCE[one.state], local, words.RUN[one.run.state] if one.run else None)


def _progress(backfill: Backfill) -> Progress:
    counts = backfills.counts(backfill)
    total = sum(counts.values())
    told = ", ".join(
        f"{number:,} {OCCURRENCE[state].word.lower()}" for state, number in sorted(counts.items())
    )
    left = counts.get(OccurrenceState.PLANNED, 0)
    return Progress(backfill, BACKFILL[backfill.state], total, total - left, told)


# Questions


def to_pause(schedule: Schedule, action: str) -> Asked:
    refused = "It is paused already." if schedule.paused_at else ""
    notes = (
        "Nothing is started at its due times until it is resumed. Runs that are open go on.",
        "What is due meanwhile is not made up for: a back-fill does that.",
    )
    return _asked(schedule, action, "pause", "Pause the schedule", "pause", notes, refused)


def to_resume(schedule: Schedule, action: str) -> Asked:
    refused = "" if schedule.paused_at else "It is not paused."
    notes = ["It goes on from now. What was due meanwhile is not made up for."]
    if schedule.paused_at:
        why = f": {schedule.paused_why}" if schedule.paused_why else "."
        notes.append(f"{schedule.paused_by or 'Somebody'} paused it{why}")
    return _asked(schedule, action, "resume", "Resume the schedule", "play_arrow", notes, refused)


def to_run(schedule: Schedule, action: str) -> Asked:
    notes = [
        "One run is started now, with now as its due time. The schedule itself is not changed.",
    ]
    if is_open := len(open_runs(schedule)):
        verb = "is" if is_open == 1 else "are"
        notes.append(f"{count(is_open, 'run')} of it {verb} open: this one is started beside that.")
    if schedule.paused_at:
        notes.append("It is paused, and stays so.")
    return _asked(schedule, action, "run_now", "Run it now", "play_arrow", notes)


def to_stop(backfill: Backfill, action: str) -> Asked:
    left = backfills.counts(backfill).get(OccurrenceState.PLANNED, 0)
    refused = "" if backfill.state == BackfillState.RUNNING else "It is not at work any more."
    notes = (f"{count(left, 'due time')} will not be started. Runs that are open go on.",)
    return _asked(
        *(backfill.schedule, action, "stop_backfill", "Stop the back-fill", "front_hand"),
        *(notes, refused),
    )


def usual_cost(schedule: Schedule, runs: int) -> str:
    """What so many runs usually cost; "" when that is not known."""
    numbers = workflow_numbers.of_workflows([schedule.workflow]).get(schedule.workflow)
    if numbers is None or numbers.cost_microusd is None or not numbers.runs:
        return ""
    return f"about {money(round(numbers.cost_microusd / numbers.runs * runs))}"


def _asked(
    schedule: Schedule,
    action: str,
    verb: str,
    label: str,
    icon: str,
    notes: Iterable[str],
    refused: str = "",
) -> Asked:
    return Asked(
        title=f"{label}?",
        button=label,
        verb=verb,
        tone="primary",
        about=f"{schedule.name} · {schedule.workflow}",
        back=reverse("admin:aiops_schedule_page", args=[schedule.pk]),
        action=action,
        icon=icon,
        notes=tuple(notes),
        needs_reason=True,
        fingerprint=f"{verb}-{schedule.pk}-{schedule.paused_at}",
        refused=refused,
    )
