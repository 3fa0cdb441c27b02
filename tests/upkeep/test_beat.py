"""Whether beat fires, told to whoever asks."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from aiops.models import Node, Schedule
from aiops.upkeep import beat, doctor
from aiops.upkeep.beat import Pulse, trouble
from tasks.clock import start_due
from tests.upkeep.scheduling import at_clock, hourly, in_hours, looked_at, what

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("pulse", "told"),
    [
        (Pulse(None, 0), ""),
        (Pulse(500, 0), ""),
        (Pulse(3, 2), ""),
        (Pulse(None, 2), "No beat has fired yet"),
        (Pulse(180, 2), "No beat has fired for 3 min"),
        (Pulse(180, 2, ("a",)), "No beat has fired for 3 min: a is overdue"),
        (Pulse(9000, 9, ("a", "b")), "No beat has fired for 2 h: a, b are overdue"),
        (Pulse(3, 9, tuple("abcde")), "Beat fires: a, b, c and 2 more are overdue"),
    ],
)
def test_what_is_wrong_with_beat_is_told_in_one_sentence(pulse: Pulse, told: str) -> None:
    assert trouble(pulse) == told


def test_its_message_is_its_sign_of_life(settings: Settings) -> None:
    settings.AIOPS_WORKFLOWS = ["tests.flows"]
    schedule = looked_at(hourly(catch_up_s=86400), hours_ago=1)
    before = beat.pulse(timezone.now())

    started = start_due()

    after = beat.pulse(timezone.now())
    assert (before.silent_s, before.overdue) == (None, ("hourly",))
    assert after.silent_s is not None
    assert after.silent_s < 30
    assert after.overdue == ()
    assert (started, what(schedule)) == (1, ["started"])


def test_a_paused_schedule_needs_no_beat() -> None:
    looked_at(hourly(paused_at=timezone.now()), hours_ago=3)

    found = beat.pulse(timezone.now())

    assert (found.schedules, found.overdue) == (0, ())


def test_one_whose_jitter_is_not_over_is_not_overdue() -> None:
    looked_at(hourly(jitter_s=3599, start_at=timezone.now() - timedelta(hours=5)), hours_ago=0.2)

    assert beat.pulse(timezone.now()).overdue == ()


def test_times_that_cannot_be_read_are_found() -> None:
    odd = at_clock("0 1 * * *", name="odd")
    assert odd.crontab is not None
    type(odd.crontab).objects.filter(id=odd.crontab.id).update(hour="31")

    assert beat.pulse(timezone.now()).unreadable == ("odd",)
    assert Schedule.objects.count() == 1


def test_a_refused_due_time_is_trouble_until_the_next_is_not(settings: Settings) -> None:
    settings.AIOPS_WORKFLOWS = ["tests.flows"]
    hourly(input={"number": "no number"})
    in_hours(0.6)
    refused = beat.pulse(timezone.now())
    Schedule.objects.update(input={})
    in_hours(1.6)

    assert (refused.refused, refused.in_trouble) == (("hourly",), 1)
    assert beat.pulse(timezone.now() + timedelta(hours=1.7)).refused == ()


def test_the_doctor_says_what_to_do() -> None:
    well = doctor.beat("", 2, (), "Start it.")
    wrong = doctor.beat("No beat has fired yet", 2, ("odd",), "Start it.")

    assert [finding.is_wrong for finding in well] == [False]
    assert [finding.is_wrong for finding in wrong] == [True, True]
    assert wrong[1].do == "Start it."


def test_its_row_is_one_however_many_fire() -> None:
    beat.sign()
    beat.sign()

    assert Node.objects.filter(role="beat").count() == 1
