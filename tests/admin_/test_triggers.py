"""Triggers in the console: written, tried, activated and paused by those who may."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from aiops.models import Event, Firing, Run, Signal, Trigger
from tests.admin_.doing import shown, text
from tests.execution.conftest import flows
from tests.execution.rules import comes, rule

__all__ = ["flows"]

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("flows")]

LIST, ADD = reverse("admin:aiops_trigger_changelist"), reverse("admin:aiops_trigger_add")
TRY = reverse("admin:aiops_trigger_try")
WRITE = ("view_trigger", "add_trigger", "change_trigger", "delete_trigger")


def who(*may: str) -> Client:
    """Somebody who may do just this."""
    user, _ = User.objects.get_or_create(username="ann", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=may))
    client = Client()
    client.force_login(user)
    return client


def form(**changes: str) -> dict[str, str]:
    return {
        "name": "paid orders",
        "event": "order.paid",
        "source": "",
        "condition": "",
        "tenant": "default",
        "workflow": "line",
        "input": '{"number": "=data.pence"}',
        "key": "",
        "title": "",
        "priority": "interactive",
        "if_exists": "return",
        "sample": "",
        **changes,
    }


def of(trigger: Trigger) -> str:
    return reverse("admin:aiops_trigger_change", args=[trigger.pk])


def do(trigger: Trigger, verb: str) -> str:
    return reverse("admin:aiops_trigger_do", args=[trigger.pk, verb])


# Writing one


def test_a_new_trigger_is_paused_and_tells_who_made_it() -> None:
    answer = who(*WRITE).post(ADD, form())

    made = Trigger.objects.get()
    assert answer.status_code == 302, text(answer)
    assert (made.is_active, made.made_by) == (False, "ann")
    assert made.input == {"number": "=data.pence"}
    event = Event.objects.get(kind="trigger.made")
    assert (event.actor, event.data["name"]) == ("ann", "paid orders")


def test_a_change_writes_what_was_changed_and_leaves_the_rest() -> None:
    trigger = rule()
    client = who(*WRITE)

    client.post(of(trigger), form(condition="data.pence > `5`"))

    trigger.refresh_from_db()
    assert (trigger.condition, trigger.is_active, trigger.changed_by) == (
        "data.pence > `5`",
        True,
        "ann",
    )
    assert Event.objects.get(kind="trigger.changed").data["fields"] == ["condition"]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"condition": "data..x"}, "no JMESPath expression"),
        ({"input": '{"number": "=nofn(data)"}'}, "no function nofn()"),
        ({"input": '{"number": "many"}'}, "number: Input should be a valid integer"),
        ({"input": "7"}, "the input of &#x27;line&#x27; is not right"),
        ({"key": "always"}, "would have the same key"),
        ({"title": "=("}, "no JMESPath expression"),
        ({"event": "or*der"}, "at its end only"),
        ({"workflow": "lime"}, "Select a valid choice"),
        ({"sample": "{}"}, "it is missing"),
    ],
)
def test_what_cannot_work_is_said_beside_its_field_and_not_kept(
    changes: dict[str, str], told: str
) -> None:
    answer = who(*WRITE).post(ADD, form(**changes))

    assert answer.status_code == 200
    assert told in text(answer)
    assert not Trigger.objects.exists()


def sample(**changes: Any) -> str:
    given = {"specversion": "1.0", "type": "order.paid", "source": "/s", "id": "1"}
    return json.dumps({**given, "data": {"pence": 7}, **changes})


@pytest.mark.parametrize(
    ("example", "told"),
    [
        (sample(), ""),
        (sample(data={"pence": "many"}), "With the example: the input of"),
        (sample(type="order.sent"), "The trigger is not for it"),
    ],
)
def test_a_trigger_is_checked_with_an_example_before_it_is_kept(example: str, told: str) -> None:
    answer = who(*WRITE).post(ADD, form(sample=example))

    assert Trigger.objects.exists() == (not told)
    assert told in text(answer)


def test_a_trigger_that_the_newest_event_does_not_fit_is_kept_with_a_warning() -> None:
    comes(payload={"pence": "a secret"})

    answer = who(*WRITE).post(ADD, form(), follow=True)

    assert "The newest such event, e1, could not start a run" in text(answer)
    assert "a secret" not in text(answer)
    assert Trigger.objects.exists()


def test_a_trigger_that_is_deleted_leaves_what_it_did_and_who_deleted_it() -> None:
    trigger = rule()
    comes()

    url = reverse("admin:aiops_trigger_delete", args=[trigger.pk])
    who(*WRITE).post(url, {"post": "yes"})

    assert not Trigger.objects.exists()
    assert (Run.objects.count(), Firing.objects.get().trigger_name) == (1, "paid orders")
    assert Event.objects.get(kind="trigger.deleted").actor == "ann"


@pytest.mark.parametrize("may", [("view_trigger",), ("view_trigger", "steer_trigger")])
def test_only_those_who_may_write_triggers_do(may: tuple[str, ...]) -> None:
    trigger = rule()
    client = who(*may)

    answers = [client.post(ADD, form(name="x")), client.post(of(trigger), form(name="x"))]

    assert [answer.status_code for answer in answers] == [403, 403]
    assert Trigger.objects.get().name == "paid orders"


# The list


def test_the_list_tells_what_was_started_today_and_what_went_wrong_last() -> None:
    rule("starts")
    rule("fails", input={"number": "=type"})
    comes("e1")
    comes("e2")

    page = text(who("view_trigger").get(LIST))

    assert "number: Input should be a valid integer" in page
    rows = {row.split("</b>")[0].split("<b>")[-1]: row for row in page.split("<tr") if "<b>" in row}
    assert ">2<" in "".join(rows["starts"].split())
    assert ">0<" in "".join(rows["fails"].split())


def test_the_list_asks_the_database_no_more_for_more_triggers(
    django_assert_max_num_queries: Any,
) -> None:
    for number in range(20):
        rule(f"rule {number}", event="nothing")
    client = who("view_trigger")

    with django_assert_max_num_queries(16):
        client.get(LIST)


# Activating and pausing


@pytest.mark.parametrize(
    ("verb", "is_active", "kind"),
    [("activate", False, "trigger.activated"), ("pause", True, "trigger.paused")],
)
def test_looking_changes_nothing_and_pressing_is_recorded(
    verb: str, is_active: bool, kind: str
) -> None:
    trigger = rule(is_active=is_active)
    client = who("view_trigger", "steer_trigger")

    seen = shown(client, do(trigger, verb))
    before = (Trigger.objects.get().is_active, Event.objects.count())
    client.post(do(trigger, verb), {"fingerprint": seen["fingerprint"], "reason": "so"})

    assert before == (is_active, 0)
    assert Trigger.objects.get().is_active is not is_active
    event = Event.objects.get(kind=kind)
    assert (event.actor, event.data["reason"]) == ("ann", "so")


def test_what_has_changed_since_somebody_looked_is_looked_at_again() -> None:
    trigger = rule()
    client = who("view_trigger", "steer_trigger")

    answer = client.post(do(trigger, "pause"), {"fingerprint": "pause-of-before"})

    assert (answer.status_code, Trigger.objects.get().is_active) == (409, True)


def test_only_those_who_may_steer_triggers_do() -> None:
    trigger = rule()
    client = who(*WRITE)

    answers = [client.get(do(trigger, "pause")), client.post(do(trigger, "pause"), {})]

    assert [answer.status_code for answer in answers] == [403, 403]
    assert Trigger.objects.get().is_active


# Trying an event


def test_trying_an_event_tells_the_run_it_would_start_and_starts_none() -> None:
    rule(title="=id")
    rule("another", event="order.sent")
    before = Trigger.objects.values().order_by("id")[0]

    page = text(who("view_trigger").post(TRY, {"event": sample(), "tenant": "default"}))

    assert "Would start a run" in page
    assert "paid orders:/s:1" in page
    assert "&quot;number&quot;: 7" in page
    assert "it is for events of type order.sent" in page
    assert (Run.objects.count(), Signal.objects.count(), Firing.objects.count()) == (0, 0, 0)
    assert (Event.objects.count(), Trigger.objects.values().order_by("id")[0]) == (0, before)


@pytest.mark.parametrize(
    ("fields", "event", "told"),
    [
        ({"is_active": False}, sample(), "Paused: starts nothing"),
        ({"input": {"number": "=type"}}, sample(), "Could not start"),
        ({"tenant": "acme"}, sample(), "it is for events of tenant acme"),
        ({}, "{", "it is no JSON"),
        ({}, "[]", "a JSON object"),
    ],
)
def test_trying_an_event_tells_why_nothing_would_start(
    fields: dict[str, Any], event: str, told: str
) -> None:
    rule(**fields)

    page = text(who("view_trigger").post(TRY, {"event": event, "tenant": "default"}))

    assert told in page
    assert "Would start a run" not in page


def test_an_event_whose_run_is_there_already_would_start_none() -> None:
    rule()
    comes("1", source="/s")

    page = text(who("view_trigger").post(TRY, {"event": sample(), "tenant": "default"}))

    assert "A run has this key already" in page
    assert str(Run.objects.get().id) in page


def test_nobody_tries_an_event_who_may_not_see_triggers() -> None:
    assert who("view_signal").post(TRY, {"event": sample()}).status_code == 403
