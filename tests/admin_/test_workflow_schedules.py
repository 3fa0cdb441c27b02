"""Schedules in the console: made with their next times shown, looked at, and steered by hand."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, IntervalSchedule
from pytest_django.fixtures import Settings

from aiops.admin.page.schedules import kept
from aiops.models import Backfill, Event, Node, Occurrence, Run, Schedule
from aiops.upkeep import backfills
from aiops.upkeep.schedules import start_due
from tests.admin_.doing import shown, text
from tests.upkeep.scheduling import at_clock, hourly, in_hours, looked_at, what

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("flows", "beats")]

LIST = reverse("admin:aiops_schedule_changelist")
ADD = reverse("admin:aiops_schedule_add")
NEXT = reverse("admin:aiops_schedule_next")
VERBS = ("run", "pause", "backfill")


@pytest.fixture
def flows(settings: Settings) -> None:
    settings.AIOPS_WORKFLOWS = ["tests.flows"]


@pytest.fixture
def beats() -> None:
    Node.objects.create(name="beat", role="beat", host="here", pid=1)


@pytest.fixture
def ann(as_: Callable[[str], Client]) -> Client:
    """Somebody who may do everything with schedules."""
    client = as_("admin")
    mine = Permission.objects.filter(
        content_type__app_label="aiops", codename__endswith="_schedule"
    )
    User.objects.get(username="ann-admin").user_permissions.add(*mine)
    return client


@pytest.fixture
def viewer(as_: Callable[[str], Client]) -> Client:
    client = as_("viewer")
    view = Permission.objects.get(codename="view_schedule")
    User.objects.get(username="ann-viewer").user_permissions.add(view)
    return client


def page(schedule: Schedule) -> str:
    return reverse("admin:aiops_schedule_page", args=[schedule.pk])


def do(schedule: Schedule, verb: str) -> str:
    return reverse("admin:aiops_schedule_do", args=[schedule.pk, verb])


def form(**changes: str) -> dict[str, str]:
    """What the form sends."""
    start = timezone.now()
    return {
        "name": "Letters every morning",
        "workflow": "line",
        "tenant": "default",
        "priority": "batch",
        "cron": "0 7 * * mon-fri",
        "zone": "Europe/Berlin",
        "every": "",
        "period": "minutes",
        "moment_0": "",
        "moment_1": "",
        "start_at_0": f"{start:%Y-%m-%d}",
        "start_at_1": f"{start:%H:%M:%S}",
        "end_at_0": "",
        "end_at_1": "",
        "jitter_s": "0",
        "input": '{"label": "{day}"}',
        "title": "Letters of {day}",
        "metadata": "{}",
        "overlap": "skip",
        "catch_up": "latest",
        "catch_up_s": "3600",
        **changes,
    }


# Making one


def test_a_schedule_is_made_as_people_write_its_times(ann: Client) -> None:
    response = ann.post(ADD, {**form(), "_save": "1"})

    assert response.status_code == 302, text(response)
    schedule = Schedule.objects.get()
    assert schedule.crontab is not None
    assert (schedule.crontab.hour, schedule.crontab.day_of_week) == ("7", "mon-fri")
    assert str(schedule.crontab.timezone) == "Europe/Berlin"
    assert (schedule.made_by, response["Location"]) == ("ann-admin", page(schedule))
    assert Event.objects.get(kind="schedule.made").actor == "ann-admin"


def test_times_that_beat_knows_already_are_used_again(ann: Client) -> None:
    known = CrontabSchedule.objects.create(minute="0", hour="7", timezone="UTC")

    ann.post(ADD, form(cron="0 7 * * *", zone="UTC"))

    assert Schedule.objects.get().crontab == known


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"cron": "", "every": "15"}, "interval"),
        ({"cron": "", "moment_0": "2099-01-01", "moment_1": "07:00:00"}, "clocked"),
    ],
)
def test_it_may_be_an_interval_or_one_moment(
    ann: Client, changes: dict[str, str], kind: str
) -> None:
    response = ann.post(ADD, form(**changes))

    assert response.status_code == 302, text(response)
    assert getattr(Schedule.objects.get(), kind) is not None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"cron": ""}, "exactly one of them"),
        ({"every": "5"}, "exactly one of them"),
        ({"cron": "0 7 * * 7"}, "Sunday is 0"),
        ({"cron": "often"}, "has five fields"),
        ({"cron": "", "moment_0": "2020-01-01", "moment_1": "07:00:00"}, "never due"),
        ({"cron": "*/5 * * * *", "jitter_s": "300"}, "change places"),
        ({"catch_up_s": "99999999"}, "back-fill"),
        ({"input": '{"number": "no number"}'}, "number"),
        ({"input": '{"label": "{dya}"}'}, "nothing that can be filled in"),
        ({"title": "{dya}"}, "nothing that can be filled in"),
        ({"workflow": "lime"}, "lime"),
        ({"end_at_0": "2020-01-01", "end_at_1": "07:00:00"}, "later end"),
    ],
)
def test_what_cannot_be_kept_is_refused_with_what_to_do(
    ann: Client, changes: dict[str, str], said: str
) -> None:
    response = ann.post(ADD, form(**changes))

    assert response.status_code == 200
    assert said in text(response)
    assert Schedule.objects.count() == 0
    assert CrontabSchedule.objects.filter(hour="7").count() == 0


def test_the_next_five_times_are_shown_before_anything_is_saved(ann: Client) -> None:
    response = ann.post(NEXT, form(name=""), headers={"HX-Request": "true"})

    assert text(response).count("<li>") == 5
    assert "07:00:00" in text(response)
    assert "At 07:00, Monday through Friday (Europe/Berlin)" in text(response)
    assert "<html" not in text(response)
    assert Schedule.objects.count() == CrontabSchedule.objects.filter(hour="7").count() == 0


def test_they_are_shown_without_scripts_too_and_say_what_is_wrong(ann: Client) -> None:
    whole = text(ann.post(NEXT, form()))
    wrong = text(ann.post(NEXT, form(cron="61 * * * *"), headers={"HX-Request": "true"}))

    assert "<html" in whole
    assert whole.count("<li><time") == 5
    assert "from 0 to 59" in wrong


def test_a_get_shows_no_times(ann: Client) -> None:
    assert ann.get(NEXT).status_code == 404


def test_a_change_is_told_and_leaves_alone_what_the_engine_moves(ann: Client) -> None:
    schedule = at_clock("0 7 * * *")
    Schedule.objects.update(paused_at=timezone.now(), paused_by="bob")
    url = reverse("admin:aiops_schedule_change", args=[schedule.pk])

    opened = text(ann.get(url))
    response = ann.post(url, form(name="Renamed", cron="30 8 * * *", zone="UTC"))

    assert 'value="0 7 * * *"' in opened
    assert response.status_code == 302, text(response)
    now = Schedule.objects.get()
    assert (now.name, now.paused_by, str(now.crontab.hour if now.crontab else "")) == (
        *("Renamed", "bob"),
        "8",
    )
    changed = Event.objects.get(kind="schedule.changed").data["fields"]
    assert {"name", "crontab"} <= set(changed)


def test_a_change_of_nothing_does_not_begin_anew(ann: Client) -> None:
    schedule = looked_at(at_clock("0 7 * * *"), hours_ago=3)
    start = schedule.start_at
    url = reverse("admin:aiops_schedule_change", args=[schedule.pk])
    same = {"start_at_0": f"{start:%Y-%m-%d}", "start_at_1": f"{start:%H:%M:%S}"}

    ann.post(url, form(name="Renamed", cron="0 7 * * *", zone="UTC", **same))

    assert "start_at" not in Event.objects.get(kind="schedule.changed").data["fields"]
    assert Schedule.objects.get().considered_until == schedule.considered_until


def test_deleting_one_leaves_its_runs(ann: Client) -> None:
    schedule = hourly()
    in_hours(0.6)
    url = reverse("admin:aiops_schedule_delete", args=[schedule.pk])

    asked = text(ann.get(url))
    ann.post(url, {"post": "yes"})

    assert "hourly" in asked
    assert (Schedule.objects.count(), Occurrence.objects.count(), Run.objects.count()) == (0, 0, 1)
    assert Event.objects.get(kind="schedule.deleted").actor == "ann-admin"


# Looking


def test_the_list_tells_when_in_words_what_comes_and_what_came(viewer: Client) -> None:
    at_clock("0 7 * * mon-fri", "Europe/Berlin")
    schedule = hourly()
    in_hours(0.6)
    Schedule.objects.filter(id=schedule.id).update(considered_until=timezone.now())

    seen = text(viewer.get(LIST))

    assert "At 07:00, Monday through Friday (Europe/Berlin)" in seen
    assert "Every hour" in seen
    assert str(Run.objects.get().id) in seen
    assert "Queued" in seen


def test_the_page_of_one_tells_what_became_of_its_due_times_and_why(viewer: Client) -> None:
    schedule = looked_at(hourly(catch_up="latest", catch_up_s=86400), hours_ago=3)
    start_due()
    in_hours(0.6)

    seen = text(viewer.get(page(schedule)))

    assert [seen.count(word) for word in ("Missed</span>", "Skipped</span>")] == [2, 1]
    assert "min late" in seen or "is still open" in seen
    assert "Run now" not in seen


def test_a_poll_that_brings_nothing_new_is_answered_with_nothing(viewer: Client) -> None:
    schedule = hourly()
    live = reverse("admin:aiops_schedule_live", args=[schedule.pk])
    version = viewer.get(page(schedule)).context["version"]

    same = viewer.get(live, {"v": version})
    in_hours(0.6)
    other = viewer.get(live, {"v": version})

    assert (same.status_code, other.status_code) == (204, 200)


def test_pages_say_when_no_beat_fires(viewer: Client) -> None:
    schedule = looked_at(hourly(), hours_ago=3)
    Node.objects.update(seen_at=timezone.now() - timedelta(minutes=3))

    for url in (LIST, page(schedule)):
        assert "No beat has fired for 3 min: hourly is overdue" in text(viewer.get(url))


def test_the_sidebar_counts_schedules_that_need_somebody(viewer: Client) -> None:
    hourly(input={"number": "no number"})
    in_hours(0.6)

    assert kept().in_trouble == 1


def test_a_paused_schedule_says_who_paused_it_and_why(ann: Client) -> None:
    schedule = hourly()

    ann.post(do(schedule, "pause"), {**shown(ann, do(schedule, "pause")), "reason": "No source"})

    assert "Paused by ann-admin" in text(ann.get(page(schedule)))
    assert "No source" in text(ann.get(page(schedule)))
    assert "Paused" in text(ann.get(LIST))


# Verbs


@pytest.mark.parametrize(
    ("verb", "kind"), [("run", "schedule.started"), ("pause", "schedule.paused")]
)
def test_a_verb_asks_first_and_then_tells_who_did_it_and_why(
    ann: Client, verb: str, kind: str
) -> None:
    schedule = hourly()
    url = do(schedule, verb)

    fields = shown(ann, url)
    before = Event.objects.count()
    response = ann.post(url, {**fields, "reason": "Because"})

    assert before == 0
    assert response.status_code == 302
    event = Event.objects.get(kind=kind)
    assert event.actor == "ann-admin"
    assert "Because" in (event.data.get("reason"), event.data.get("why"))


@pytest.mark.parametrize("verb", ["run", "pause"])
def test_a_verb_without_a_reason_does_nothing(ann: Client, verb: str) -> None:
    url = do(hourly(), verb)

    response = ann.post(url, shown(ann, url))

    assert "say why" in text(response).lower()
    assert Event.objects.count() == 0


def test_a_schedule_that_was_paused_meanwhile_is_looked_at_again(ann: Client) -> None:
    schedule = hourly()
    fields = shown(ann, do(schedule, "pause"))
    Schedule.objects.update(paused_at=timezone.now())

    response = ann.post(do(schedule, "pause"), {**fields, "reason": "r"})

    assert response.status_code == 409


@pytest.mark.parametrize("verb", ["run", "pause", "resume"])
def test_who_may_only_look_does_nothing(viewer: Client, verb: str) -> None:
    schedule = hourly()

    answers = [
        viewer.post(do(schedule, verb), {"reason": "r"}),
        viewer.get(do(schedule, verb)),
        viewer.post(reverse("admin:aiops_schedule_backfill", args=[schedule.pk]), {}),
        viewer.post(ADD, form()),
        viewer.post(NEXT, form()),
    ]

    assert {answer.status_code for answer in answers} == {403}
    assert Event.objects.count() == 0


def test_who_may_see_nothing_of_schedules_sees_nothing(as_: Callable[[str], Client]) -> None:
    client = as_("nobody")
    schedule = hourly()

    assert client.get(page(schedule)).status_code == 403
    assert client.get(LIST).status_code == 403


def test_there_is_no_page_of_a_schedule_that_is_not_there(ann: Client) -> None:
    assert ann.get(reverse("admin:aiops_schedule_page", args=[4711])).status_code == 404
    assert ann.get(reverse("admin:aiops_schedule_do", args=[4711, "run"])).status_code == 404
    assert ann.get(do(hourly(), "dance")).status_code == 404


# Back-fills


def last_day() -> dict[str, str]:
    now = timezone.now()
    return {
        "from_at": f"{now - timedelta(hours=24):%Y-%m-%dT%H:%M}",
        "to_at": f"{now:%Y-%m-%dT%H:%M}",
        "at_once": "2",
        "most": "100",
    }


def test_a_back_fill_is_shown_before_it_is_begun(ann: Client) -> None:
    schedule = hourly()
    url = reverse("admin:aiops_schedule_backfill", args=[schedule.pk])

    blank, planned = text(ann.get(url)), text(ann.get(url, last_day()))

    assert "would be started" not in blank
    assert "24 runs would be started" in planned
    assert Backfill.objects.count() == Occurrence.objects.count() == 0


def begin(client: Client, schedule: Schedule, **changes: str) -> Any:
    url = reverse("admin:aiops_schedule_backfill", args=[schedule.pk])
    given = last_day()
    fingerprint = client.get(url, given).context["fingerprint"]
    return client.post(url, {**given, "fingerprint": fingerprint, "reason": "Wrong", **changes})


def test_a_back_fill_is_begun_once_it_is_confirmed(ann: Client) -> None:
    schedule = hourly()

    response = begin(ann, schedule)

    assert response.status_code == 302
    assert what(schedule) == ["planned"] * 24
    assert Event.objects.get(kind="schedule.backfilled").actor == "ann-admin"
    assert "0 of 24" in text(ann.get(page(schedule)))


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"fingerprint": "old"}, "look again"), ({"reason": " "}, "give a reason")],
)
def test_a_back_fill_that_is_not_confirmed_well_begins_nothing(
    ann: Client, changes: dict[str, str], said: str
) -> None:
    response = begin(ann, hourly(), **changes)

    assert said in text(response).lower()
    assert Backfill.objects.count() == 0


def test_a_back_fill_is_stopped_with_a_reason(ann: Client) -> None:
    schedule = hourly()
    begin(ann, schedule)
    backfills.go_on()
    url = reverse("admin:aiops_schedule_stop_backfill", args=[Backfill.objects.get().pk])

    ann.post(url, {**shown(ann, url), "reason": "Enough"})

    backfill = Backfill.objects.get()
    assert (backfill.state, backfill.stopped_by, backfill.stopped_why) == (
        *("stopped", "ann-admin"),
        "Enough",
    )
    assert what(schedule).count("started") == 2


def test_the_interval_of_another_schedule_is_left_alone(ann: Client) -> None:
    first = hourly()
    url = reverse("admin:aiops_schedule_change", args=[first.pk])

    ann.post(url, form(cron="", every="2", period="hours"))

    assert IntervalSchedule.objects.filter(every=1, period="hours").exists()
    now = Schedule.objects.get()
    assert now.interval is not None
    assert now.interval.every == 2
