"""Schedules, Celery results, users and groups in the look of the console."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask, PeriodicTasks
from django_celery_beat.schedulers import DatabaseScheduler
from django_celery_results.models import TaskResult

from aiops.admin.beat import next_run
from aiops.celery import app
from aiops.models import Event
from tests.admin_.doing import text

pytestmark = pytest.mark.django_db

LIST = "admin:django_celery_beat_periodictask_changelist"
PAGE = "admin:django_celery_beat_periodictask_change"


def schedule(**fields: Any) -> PeriodicTask:
    every, _ = IntervalSchedule.objects.get_or_create(every=10, period="minutes")
    given = {"name": "nightly", "task": "tasks.sweep", "interval": every, **fields}
    return PeriodicTask.objects.create(**given)


def form(task: PeriodicTask, **changes: str) -> dict[str, str]:
    return {
        "name": task.name,
        "task": task.task,
        "regtask": "",
        "interval": str(task.interval_id),
        "enabled": "on",
        "args": "[]",
        "kwargs": "{}",
        "headers": "{}",
        **changes,
    }


# The list and the form


def test_the_list_tells_the_last_and_the_next_time(as_: Callable[[str], Client]) -> None:
    schedule(last_run_at=timezone.now() - timedelta(minutes=4))

    page = text(as_("viewer").get(reverse(LIST)))

    assert "4 min ago" in page
    assert "in 6 min" in page


@pytest.mark.parametrize("role", ["viewer", "admin"])
def test_the_form_opens_for_everyone_who_may_see_it(
    as_: Callable[[str], Client], role: str
) -> None:
    task = schedule()

    response = as_(role).get(reverse(PAGE, args=[task.pk]))

    assert response.status_code == 200
    assert ("_save" in text(response)) == (role == "admin")


def test_a_new_schedule_is_made_with_who_made_it(as_: Callable[[str], Client]) -> None:
    every = IntervalSchedule.objects.create(every=1, period="hours")
    blank = PeriodicTask(name="hourly", task="tasks.sweep", interval=every)

    response = as_("admin").post(reverse("admin:django_celery_beat_periodictask_add"), form(blank))

    assert response.status_code == 302, text(response)
    assert PeriodicTask.objects.get(name="hourly").interval == every
    event = Event.objects.get(kind="schedule.made")
    assert (event.actor, event.data["name"]) == ("ann-admin", "hourly")


def test_a_change_tells_who_changed_what(as_: Callable[[str], Client]) -> None:
    task = schedule()

    as_("admin").post(reverse(PAGE, args=[task.pk]), form(task, name="daily"))

    event = Event.objects.get(kind="schedule.changed")
    assert (event.actor, event.data["name"], event.data["fields"]) == (
        "ann-admin",
        "daily",
        ["name"],
    )


@pytest.mark.parametrize("role", ["viewer", "operator", "approver"])
def test_only_an_admin_changes_schedules(as_: Callable[[str], Client], role: str) -> None:
    task = schedule()
    client = as_(role)

    saved = client.post(reverse(PAGE, args=[task.pk]), form(task, name="other"))
    chosen = {"action": "disable_schedules", "_selected_action": [str(task.pk)]}
    client.post(reverse(LIST), chosen)

    assert saved.status_code == 403
    task.refresh_from_db()
    assert (task.name, task.enabled) == ("nightly", True)


def test_chosen_schedules_are_paused_so_that_beat_sees_it(as_: Callable[[str], Client]) -> None:
    task, off = schedule(), schedule(name="off", enabled=False)
    PeriodicTasks.objects.update(last_update=datetime(2020, 1, 1, tzinfo=UTC))

    as_("admin").post(
        reverse(LIST),
        {"action": "disable_schedules", "_selected_action": [str(task.pk), str(off.pk)]},
    )

    task.refresh_from_db()
    assert not task.enabled
    assert PeriodicTasks.last_change() > timezone.now() - timedelta(minutes=1)
    assert list(Event.objects.values_list("kind", "data__name")) == [("schedule.paused", "nightly")]


def test_no_action_of_the_list_sends_a_message_from_here(as_: Callable[[str], Client]) -> None:
    schedule()

    page = text(as_("admin").get(reverse(LIST)))

    assert 'value="run_tasks"' not in page
    assert 'value="enable_schedules"' in page


# When it fires next

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def test_a_paused_schedule_has_no_next_time() -> None:
    assert next_run(schedule(enabled=False), NOON) is None


def test_a_schedule_that_fires_once_has_none_after_that() -> None:
    assert next_run(schedule(one_off=True, total_run_count=1), NOON) is None


def test_a_schedule_that_is_late_fires_now() -> None:
    now = timezone.now()

    assert next_run(schedule(last_run_at=now - timedelta(days=2)), now) == now


def test_a_schedule_that_has_not_begun_fires_when_it_begins() -> None:
    begins = timezone.now() + timedelta(days=3)

    assert next_run(schedule(start_time=begins), timezone.now()) == begins


def test_a_crontab_fires_at_its_minute() -> None:
    times = CrontabSchedule.objects.create(minute="20", hour="*")
    now = timezone.now()

    at = next_run(schedule(interval=None, crontab=times, last_run_at=now), now)

    assert at is not None
    assert at.minute == 20 or (at + timedelta(seconds=1)).minute == 20
    assert now < at <= now + timedelta(hours=1, seconds=1)


# Retention is a schedule, though no migration writes one


class Beat(DatabaseScheduler):  # type: ignore[misc]  # the package has no types
    """Beat as it starts; the real one reads the schedules on a connection that it closes first."""

    schedule: ClassVar[dict[str, Any]] = {}


def test_beat_writes_retention_among_the_schedules_and_leaves_it_paused_if_it_was() -> None:
    Beat(app=app, lazy=True).setup_schedule()
    task = PeriodicTask.objects.get(task="tasks.sweep")
    was_enabled = task.enabled
    task.enabled = False
    task.save()

    Beat(app=app, lazy=True).setup_schedule()

    assert was_enabled
    assert list(PeriodicTask.objects.filter(task="tasks.sweep").values_list("enabled")) == [
        (False,)
    ]


# Results


def test_results_are_read_only_and_their_content_is_for_those_who_may_see_it(
    as_: Callable[[str], Client],
) -> None:
    found = TaskResult.objects.create(task_id="t-1", task_name="tasks.start_run", result='"Ann"')
    url = reverse("admin:django_celery_results_taskresult_change", args=[found.pk])

    hidden, seen = text(as_("operator").get(url)), text(as_("admin").get(url))

    assert ("Ann" in hidden, "Ann" in seen) == (False, True)
    assert "_save" not in seen
    assert as_("admin").post(url, {"task_id": "t-2"}).status_code == 403
    add = reverse("admin:django_celery_results_taskresult_add")
    assert as_("admin").get(add).status_code == 403


# People


def test_users_and_groups_open_for_an_admin(as_: Callable[[str], Client]) -> None:
    client = as_("admin")
    someone = User.objects.create(username="cid")
    group = Group.objects.get(name="viewer")

    for url in (
        reverse("admin:auth_user_changelist"),
        reverse("admin:auth_user_add"),
        reverse("admin:auth_user_change", args=[someone.pk]),
        reverse("admin:auth_user_password_change", args=[someone.pk]),
        reverse("admin:auth_group_changelist"),
        reverse("admin:auth_group_change", args=[group.pk]),
    ):
        assert client.get(url).status_code == 200, url


def test_others_see_no_users(as_: Callable[[str], Client]) -> None:
    assert as_("approver").get(reverse("admin:auth_user_changelist")).status_code == 403


def user_form(user: User, **changes: str) -> dict[str, str]:
    return {"username": user.username, "is_active": "on", "is_staff": "on", **changes}


def test_an_admin_who_is_no_superuser_cannot_make_one(as_: Callable[[str], Client]) -> None:
    client = as_("admin")
    me = User.objects.get(username="ann-admin")
    url = reverse("admin:auth_user_change", args=[me.pk])

    client.post(url, user_form(me, first_name="Ann", is_superuser="on"))

    me.refresh_from_db()
    assert (me.first_name, me.is_superuser) == ("Ann", False)


def test_an_admin_who_is_no_superuser_changes_no_superuser(as_: Callable[[str], Client]) -> None:
    client = as_("admin")
    root = User.objects.create_superuser("root", password="kept")
    password = {"password1": "Taken-4711-over", "password2": "Taken-4711-over"}

    changed = client.post(
        reverse("admin:auth_user_change", args=[root.pk]), user_form(root, is_active="")
    )
    taken = client.post(reverse("admin:auth_user_password_change", args=[root.pk]), password)

    assert (changed.status_code, taken.status_code) == (403, 403)
    root.refresh_from_db()
    assert (root.is_active, root.check_password("kept")) == (True, True)
