"""Events in: what came, what became of it, and another try."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from aiops.models import Event, Run, Signal, Trigger
from tests.admin_.doing import shown, text
from tests.admin_.test_triggers import who
from tests.execution.conftest import flows
from tests.execution.rules import comes, rule

__all__ = ["flows"]

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("flows")]

LIST = reverse("admin:aiops_signal_changelist")


def of(signal: Signal) -> str:
    return reverse("admin:aiops_signal_change", args=[signal.pk])


def again(signal: Signal) -> str:
    return reverse("admin:aiops_signal_try", args=[signal.pk])


def content(signal: Signal) -> str:
    return reverse("admin:aiops_signal_content", args=[signal.pk])


def failed() -> Signal:
    """An event that could not start its run, and can by now."""
    trigger = rule(input={"number": "=type"})
    signal = comes(payload={"pence": 7, "card": "a secret"})
    Trigger.objects.filter(id=trigger.id).update(input={"number": "=data.pence"})
    return signal


def press(client: Client, signal: Signal) -> Any:
    seen = shown(client, again(signal))
    given = {"fingerprint": seen["fingerprint"], "reason": "corrected"}
    return client.post(again(signal), given, follow=True)


# The list


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ({}, ["a", "b", "c"]),
        ({"became__exact": "started"}, ["a"]),
        ({"name": "order.sent"}, ["b"]),
        ({"source": "/till"}, ["c"]),
        ({"tenant": "acme"}, ["c"]),
        ({"q": "b"}, ["b"]),
        ({"q": "order.s"}, ["b"]),
    ],
)
def test_the_list_is_filtered_by_what_people_ask_for(
    query: dict[str, str], numbers: list[str]
) -> None:
    rule()
    comes("a", subject="first")
    comes("b", name="order.sent", subject="second")
    comes("c", source="/till", tenant="acme", subject="third")

    page = text(who("view_signal").get(LIST, query))

    subjects = {"a": "first ·", "b": "second ·", "c": "third ·"}
    assert [number for number, about in subjects.items() if about in page] == numbers


def test_the_list_asks_the_database_no_more_for_more_events(
    django_assert_max_num_queries: Any,
) -> None:
    rule()
    for number in range(20):
        comes(str(number))
    client = who("view_signal")

    with django_assert_max_num_queries(20):
        client.get(LIST)


# The page of one


def test_the_page_tells_what_became_of_an_event_without_its_content() -> None:
    signal = failed()

    page = text(who("view_signal", "view_payload").get(of(signal)))

    assert "Could not start" in page
    assert "number: Input should be a valid integer" in page
    assert "a secret" not in page


def test_the_content_is_shown_on_request_and_that_is_recorded() -> None:
    signal = failed()

    page = text(who("view_signal", "view_payload").post(content(signal)))

    assert "a secret" in page
    event = Event.objects.get(kind="payload.viewed")
    assert (event.actor, event.data["what"]) == ("ann", "what an event carries")


def test_the_content_is_for_those_who_may_see_it() -> None:
    signal = failed()

    assert who("view_signal").post(content(signal)).status_code == 403
    assert not Event.objects.filter(kind="payload.viewed").exists()


# Trying again


def test_looking_at_another_try_changes_nothing() -> None:
    signal = failed()

    shown(who("view_signal", "retry_event"), again(signal))

    signal.refresh_from_db()
    assert (signal.became, Run.objects.count()) == ("failed", 0)
    assert not Event.objects.filter(kind="event.tried_again").exists()


def test_another_try_starts_the_run_and_tells_who_tried() -> None:
    signal = failed()

    page = text(press(who("view_signal", "retry_event"), signal))

    assert "it has started 1 run" in page
    signal.refresh_from_db()
    assert (signal.became, Run.objects.count()) == ("started", 1)
    event = Event.objects.get(kind="event.tried_again")
    assert (event.actor, event.data["reason"]) == ("ann", "corrected")


def test_another_try_that_fails_says_so() -> None:
    signal = failed()
    Trigger.objects.update(input={"number": "=source"})

    page = text(press(who("view_signal", "retry_event"), signal))

    assert "could not start" in page
    assert Run.objects.count() == 0


def test_a_try_that_somebody_else_has_made_meanwhile_is_not_made_again() -> None:
    signal = failed()
    client = who("view_signal", "retry_event")
    seen = shown(client, again(signal))
    press(client, signal)

    answer = client.post(again(signal), {"fingerprint": seen["fingerprint"]})

    assert (answer.status_code, Run.objects.count()) == (409, 1)


def test_an_event_that_no_trigger_is_for_is_not_tried() -> None:
    signal = comes()

    page = text(press(who("view_signal", "retry_event"), signal))

    assert "No active trigger is for it" in page


def test_only_those_who_may_try_events_again_do() -> None:
    signal = failed()
    client = who("view_signal", "view_trigger", "steer_trigger")

    answers = [client.get(again(signal)), client.post(again(signal), {})]

    assert [answer.status_code for answer in answers] == [403, 403]
    assert "Try again…" not in text(client.get(of(signal)))
