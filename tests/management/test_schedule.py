"""Schedules from a shell."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from aiops.models import Backfill, Event, Run, Schedule
from tests.management.calling import refusal, said
from tests.upkeep.scheduling import at_clock, hourly, what

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _flows(settings: Settings) -> None:
    settings.AIOPS_WORKFLOWS = ["tests.flows"]


def test_they_are_listed_with_when_and_how_they_stand() -> None:
    at_clock("0 7 * * mon-fri", "Europe/Berlin")
    Schedule.objects.filter(id=hourly().id).update(paused_at=timezone.now(), paused_why="Closed")

    told = said("schedule", "list")

    assert "At 07:00, Monday through Friday (Europe/Berlin)  active" in told
    assert "hourly  line  Every hour  paused: Closed" in told


def test_the_next_times_are_told() -> None:
    at_clock("0 7 1 1 *", name="new year")

    year = timezone.now().year + 1
    told = said("schedule", "next", "new year", "--number", "2")

    assert f"{year}-01-01 07:00:00 UTC" in told
    assert f"{year + 1}-01-01 07:00:00 UTC" in told


def test_one_is_paused_and_resumed_with_a_reason() -> None:
    hourly()

    told = [said("schedule", verb, "hourly", "--reason", "r") for verb in ("pause", "resume")]

    assert [one.strip() for one in told] == [
        "Schedule hourly is paused.",
        "Schedule hourly is resumed.",
    ]
    assert "is not paused" in refusal("schedule", "resume", "hourly", "--reason", "r")
    assert all(event.actor.startswith("cli:") for event in Event.objects.all())


def test_one_is_run_now() -> None:
    hourly()

    told = said("schedule", "run", "hourly", "--reason", "The numbers were wrong")

    assert told.strip() == str(Run.objects.get().id)


def test_a_back_fill_is_tried_and_then_begun() -> None:
    schedule = hourly()
    span = ("--from", f"{timezone.now() - timedelta(hours=5):%Y-%m-%dT%H:%M}")

    tried = said("schedule", "backfill", "hourly", *span, "--dry-run")
    before = Backfill.objects.count()
    told = said("schedule", "backfill", "hourly", *span, "--reason", "The source was wrong")

    assert "5 runs would be started, " in tried
    assert before == 0
    assert told.strip() == "5 runs will be started, 2 at a time."
    assert what(schedule) == ["planned"] * 5


def test_what_cannot_be_done_says_so() -> None:
    hourly()

    assert "manage.py schedule list" in refusal("schedule", "next", "houry")
    assert "is no time" in refusal("schedule", "backfill", "hourly", "--from", "yesterday")
    assert "give a reason" in refusal("schedule", "backfill", "hourly", "--from", "2020-01-01")
