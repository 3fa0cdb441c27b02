"""Reminders: before and at the due time, and to the next group when nobody answers."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from aiops.execution.answer import answer
from aiops.execution.hand_over import take
from aiops.models import Escalation, Notification, Run
from aiops.upkeep.reminders import remind
from tests.execution.engine import COMMITS, Engine, question, told

pytestmark = COMMITS


def asked_before(run: Run, **ago: float) -> Escalation:
    """The open question of a run, as if it had been asked so long ago."""
    one, back = question(run), timedelta(**ago)
    moved = {
        name: _earlier(getattr(one, name), back) for name in ("opened_at", "due_at", "remind_at")
    }
    Escalation.objects.filter(id=one.id).update(**moved)
    return question(run)


def _earlier(moment: datetime | None, back: timedelta) -> datetime | None:
    return None if moment is None else moment - back


@pytest.fixture
def run(engine: Engine) -> Run:
    """It asks, and four hours are left."""
    return engine.run("letter")


def test_nobody_is_reminded_of_a_new_question(run: Run) -> None:
    assert remind() == 0
    assert told(run, "escalation.reminded") == []


def test_people_are_reminded_before_it_is_due_once(run: Run) -> None:
    asked_before(run, hours=3.5)

    assert (remind(), remind()) == (1, 0)

    one = question(run)
    assert (one.reminders, one.level, one.remind_at) == (1, 0, one.due_at)
    assert len(told(run, "escalation.reminded")) == 1


def test_a_late_question_is_handed_up_with_an_event(run: Run) -> None:
    take(question(run).id, actor="bob")
    asked_before(run, hours=6)

    remind()

    one = question(run)
    assert (one.group, one.level, one.owner) == ("admin", 1, "bob")
    assert one.remind_at is not None
    assert one.remind_at > timezone.now()
    (event,) = told(run, "escalation.handed_up")
    assert (event.data["was"], event.data["group"], event.data["level"]) == ("approver", "admin", 1)


def test_the_next_group_and_the_owner_are_told(run: Run, settings: Settings) -> None:
    settings.AIOPS_NOTIFY = {"admin": ["https://hooks.example.org/admins"]}
    asked_before(run, hours=6)

    remind()

    (one,) = Notification.objects.all()
    assert (one.about, one.address) == ("handed_up", "https://hooks.example.org/admins")


def test_an_answered_question_is_not_reminded_of(run: Run) -> None:
    asked_before(run, hours=6)
    answer(question(run).id, "approve", actor="ann")

    assert remind() == 0


def test_a_question_without_a_group_above_is_reminded_of_once_a_day_at_most(
    run: Run, settings: Settings
) -> None:
    settings.AIOPS_ESCALATION_GROUPS = ["approver"]
    asked_before(run, hours=600)

    remind()

    one = question(run)
    assert (one.level, one.reminders) == (0, 1)
    assert told(run, "escalation.handed_up") == []
