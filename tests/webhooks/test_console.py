"""The pages of webhooks: what they show, and what a person can do there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client, override_settings
from django.urls import reverse

from aiops.models import Event, WebhookDelivery, WebhookEndpoint
from aiops.webhooks import configure
from aiops.webhooks.sealing import unseal
from tests.admin_.doing import shown, text
from tests.execution.engine import Engine
from tests.webhooks.receiver import Receiver
from tests.webhooks.sending import fresh, listening, send

pytestmark = pytest.mark.django_db(transaction=True)

LIST = "admin:aiops_webhookendpoint_changelist"
NEW = "admin:aiops_webhook_new"
VIEW = ("view_webhookendpoint", "view_webhookdelivery", "view_run")
ALL = (*VIEW, "configure_webhook", "steer_webhook", "replay_delivery")

As = Callable[..., Client]


@pytest.fixture(autouse=True)
def _static_files(tmp_path: Path) -> Iterator[None]:
    with override_settings(STATIC_ROOT=str(tmp_path)):
        yield


@pytest.fixture
def as_(client: Client) -> As:
    """Sign in as somebody with these permissions."""

    def sign_in(*codenames: str) -> Client:
        user = User.objects.create(username="ann", is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
        client.force_login(user)
        return client

    return sign_in


def page_of(endpoint: WebhookEndpoint) -> str:
    return reverse("admin:aiops_webhookendpoint_change", args=[endpoint.id])


def do(endpoint: WebhookEndpoint, verb: str) -> str:
    return reverse("admin:aiops_webhook_do", args=[endpoint.id, verb])


def press(client: Client, url: str, **sends: str) -> Any:
    fingerprint = shown(client, url)["fingerprint"]
    return client.post(url, {"fingerprint": fingerprint, "reason": "a move", **sends})


def filled(client: Client, page: str, **fields: Any) -> dict[str, Any]:
    given = {"id": shown(client, page)["id"], "name": "shop", "tenant": "default", "workflows": ""}
    return {**given, **fields}


# Looking


def test_the_list_tells_how_each_endpoint_does(engine: Engine, receiver: Receiver, as_: As) -> None:
    listening(receiver.url)
    engine.run("line", input={"number": 1})
    send()
    engine.start("line", input={"number": 2})
    receiver.answers = [500]
    send()

    page = text(as_(*VIEW).get(reverse(LIST)))

    for told in ("shop", "Failing", "it answered 500", "http://127.0.0.1", "67 %"):
        assert told in page, told
    assert "a-secret-path" not in page


def test_an_empty_list_says_what_webhooks_are_for(as_: As) -> None:
    assert "Nobody outside is told" in text(as_(*VIEW).get(reverse(LIST)))


def test_the_page_of_an_endpoint_shows_what_was_sent(
    engine: Engine, receiver: Receiver, as_: As
) -> None:
    endpoint, _ = listening(receiver.url)
    engine.run("line", input={"number": 1}, title="Refund")
    send()

    page = text(as_(*VIEW).get(page_of(endpoint)))

    for told in ("run.accepted", "run.succeeded", "answered 204", "Refund", "1 secret"):
        assert told in page, told


def test_the_page_of_a_delivery_shows_every_try_and_the_message(
    engine: Engine, receiver: Receiver, as_: As
) -> None:
    receiver.answers = [500]
    receiver.says = b"out of order"
    listening(receiver.url, gives_result=True, kinds=["run.succeeded"])
    run = engine.run("line", input={"number": 1})
    send()
    one = WebhookDelivery.objects.get()
    url = reverse("admin:aiops_webhookdelivery_change", args=[one.pk])

    page = text(as_(*VIEW).get(url))

    for told in ("it answered 500", str(one.message_id), "aiops.run.succeeded", str(run.id)):
        assert told in page, told
    assert '"result"' not in page
    assert "out of order" not in page


def test_the_answer_of_a_receiver_that_gets_results_is_content(
    engine: Engine, receiver: Receiver, as_: As
) -> None:
    receiver.says = b"thank you for 42"
    receiver.answers = [200]
    listening(receiver.url, gives_result=True, kinds=["run.succeeded"])
    engine.run("line", input={"number": 1})
    send()
    url = reverse("admin:aiops_webhookdelivery_change", args=[WebhookDelivery.objects.get().pk])

    assert "thank you for 42" in text(as_(*VIEW, "view_payload").get(url))


@pytest.mark.parametrize(
    ("query", "number"),
    [
        ({}, 4),
        ({"state": "sent"}, 3),
        ({"state": "waiting"}, 1),
        ({"kind": "run.accepted"}, 2),
        ({"run": "nonsense"}, 0),
        ({"endpoint": "nonsense"}, 0),
    ],
)
def test_deliveries_are_filtered(
    engine: Engine, receiver: Receiver, as_: As, query: dict[str, str], number: int
) -> None:
    receiver.choose = lambda n: 500 if n == 3 else 204
    listening(receiver.url)
    for which in range(2):
        engine.run("line", input={"number": which})
    send()

    page = text(as_(*VIEW).get(reverse("admin:aiops_webhookdelivery_changelist", query=query)))

    assert page.count('data-label="State"') == number


def test_deliveries_of_one_run_are_found_by_its_id(
    engine: Engine, receiver: Receiver, as_: As
) -> None:
    listening(receiver.url)
    run, _ = engine.start("line", input={"number": 1}), engine.start("line", input={"number": 2})

    url = reverse("admin:aiops_webhookdelivery_changelist", query={"run": str(run.id)})

    assert text(as_(*VIEW).get(url)).count('data-label="State"') == 1


def test_the_page_of_a_run_leads_to_what_was_sent_about_it(
    engine: Engine, receiver: Receiver, as_: As
) -> None:
    listening(receiver.url)
    run = engine.run("line", input={"number": 1})
    receiver.answers = [204, 500]
    send()
    client, url = as_(*VIEW), reverse("admin:aiops_run_change", args=[run.id])

    page = text(client.get(url))

    assert "1 waiting, 1 sent" in page
    assert f"?run={run.id}" in page
    WebhookDelivery.objects.all().delete()
    assert "cx-deliveries-title" not in text(client.get(url))


# Making and changing


def test_a_secret_is_shown_once_when_a_webhook_is_made(receiver: Receiver, as_: As) -> None:
    client = as_(*ALL)
    given = filled(client, reverse(NEW), url=receiver.url, kinds=["run.succeeded"])

    response = client.post(reverse(NEW), given)

    endpoint = WebhookEndpoint.objects.get()
    secret = unseal(endpoint.secrets[0]["sealed"])
    assert secret in text(response)
    assert "no-store" in response["Cache-Control"]
    assert secret not in text(client.get(page_of(endpoint)))
    assert (endpoint.kinds, endpoint.made_by) == (["run.succeeded"], "ann")
    event = Event.objects.get(kind="webhook.changed")
    assert (event.actor, event.run_id) == ("ann", None)


def test_a_form_that_is_sent_twice_makes_one(receiver: Receiver, as_: As) -> None:
    client = as_(*ALL)
    given = filled(client, reverse(NEW), url=receiver.url)
    client.post(reverse(NEW), given)

    again = client.post(reverse(NEW), given)

    assert (again.status_code, WebhookEndpoint.objects.count()) == (302, 1)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("https://127.0.0.1/", "not an address of the public Internet"),
        ("https://ann:x@example.org/", "leave them out"),
        ("not a url", "https://host/path"),
    ],
)
def test_an_address_that_cannot_be_is_told_why(as_: As, url: str, why: str) -> None:
    client = as_(*ALL)

    page = text(client.post(reverse(NEW), filled(client, reverse(NEW), url=url)))

    assert why in page
    assert not WebhookEndpoint.objects.exists()


def test_a_change_is_written_with_what_is_different(receiver: Receiver, as_: As) -> None:
    endpoint, _ = listening(receiver.url)
    client = as_(*ALL)
    url = reverse("admin:aiops_webhook_edit", args=[endpoint.id])

    response = client.post(url, filled(client, url, url=receiver.url, tenant="acme"))

    assert response.status_code == 302
    assert fresh(endpoint).tenant == "acme"
    assert Event.objects.latest("id").data["fields"] == ["tenant"]


def test_a_rotation_shows_the_new_secret_and_keeps_the_old_one_for_a_while(
    receiver: Receiver, as_: As
) -> None:
    endpoint, old = listening(receiver.url)
    client = as_(*ALL)

    page = text(press(client, do(endpoint, "rotate"), hours="24"))

    kept = [unseal(one["sealed"]) for one in fresh(endpoint).secrets]
    assert kept[1] == old
    assert kept[0] in page
    assert "2 secrets" in text(client.get(page_of(endpoint)))


# Steering


def test_pausing_resuming_and_removing_are_recorded_with_who_and_why(
    receiver: Receiver, as_: As
) -> None:
    endpoint, _ = listening(receiver.url)
    client = as_(*ALL)

    states = []
    for verb in ("pause", "resume", "remove"):
        assert press(client, do(endpoint, verb)).status_code == 302
        states.append(fresh(endpoint).state)

    assert states == ["paused", "active", "removed"]
    assert fresh(endpoint).secrets == []
    rows = Event.objects.filter(kind="webhook.changed", actor="ann").order_by("id")
    assert [one.data["did"] for one in rows][-3:] == ["paused", "resumed", "removed"]
    assert {one.data.get("reason") for one in rows[1:]} == {"a move"}


def test_a_test_is_sent_and_its_page_shown(receiver: Receiver, as_: As) -> None:
    endpoint, _ = listening(receiver.url)

    response = press(as_(*ALL), do(endpoint, "test"))

    one = WebhookDelivery.objects.get()
    assert response["Location"] == reverse("admin:aiops_webhookdelivery_change", args=[one.pk])
    assert send(endpoint) == 1


@pytest.mark.parametrize("verb", ["pause", "test", "rotate", "remove"])
def test_looking_at_a_verb_changes_nothing(receiver: Receiver, as_: As, verb: str) -> None:
    endpoint, _ = listening(receiver.url)
    before = WebhookEndpoint.objects.values().get(), Event.objects.count()

    assert as_(*ALL).get(do(endpoint, verb)).status_code == 200

    assert (WebhookEndpoint.objects.values().get(), Event.objects.count()) == before
    assert not WebhookDelivery.objects.exists()


@pytest.mark.parametrize("verb", ["pause", "resume", "test", "rotate", "remove"])
def test_who_may_only_look_is_refused_and_sees_no_button(
    receiver: Receiver, as_: As, verb: str
) -> None:
    endpoint, _ = listening(receiver.url)
    client = as_(*VIEW)

    assert client.get(do(endpoint, verb)).status_code == 403
    assert client.post(do(endpoint, verb), {"reason": "x"}).status_code == 403
    assert do(endpoint, verb) not in text(client.get(page_of(endpoint)))
    assert client.post(reverse(NEW), {}).status_code == 403
    assert fresh(endpoint).state == "active"


def test_what_has_moved_since_is_looked_at_again(receiver: Receiver, as_: As) -> None:
    endpoint, _ = listening(receiver.url)
    client = as_(*ALL)
    seen = shown(client, do(endpoint, "pause"))["fingerprint"]
    configure.rotate(fresh(endpoint), actor="bob")

    response = client.post(do(endpoint, "pause"), {"fingerprint": seen, "reason": "x"})

    assert (response.status_code, fresh(endpoint).state) == (409, "active")


def test_a_verb_without_the_token_is_refused(receiver: Receiver, as_: As) -> None:
    endpoint, _ = listening(receiver.url)
    client = as_(*ALL)
    client.handler.enforce_csrf_checks = True

    assert client.post(do(endpoint, "pause"), {"reason": "x"}).status_code == 403


# Sending again


def again(query: dict[str, Any]) -> str:
    return reverse("admin:aiops_webhookdelivery_replay", query=query)


def test_the_chosen_are_counted_then_sent_again(
    engine: Engine, receiver: Receiver, as_: As
) -> None:
    receiver.choose = lambda n: 500 if n == 1 else 204
    listening(receiver.url)
    engine.run("line", input={"number": 1})
    send()
    ids = [one.pk for one in WebhookDelivery.objects.all()]
    client = as_(*ALL)

    page = text(client.get(again({"id": ids})))
    assert "1 message will be sent again" in page
    assert "1 message of the chosen is left out" in page
    assert WebhookDelivery.objects.count() == 2
    assert press(client, again({"id": ids})).status_code == 302

    one = WebhookDelivery.objects.latest("id")
    assert one.replay_of == ids[0]
    assert Event.objects.latest("id").data["did"] == "replayed"


def test_what_was_given_up_since_a_time_is_sent_again(
    engine: Engine, receiver: Receiver, as_: As
) -> None:
    endpoint, _ = listening(receiver.url)
    for number in range(3):
        engine.start("line", input={"number": number})
    WebhookDelivery.objects.update(state="failed")
    url = again({"endpoint": str(endpoint.id), "since": "24"})
    client = as_(*ALL)

    assert "3 messages will be sent again" in text(client.get(url))
    press(client, url)

    assert WebhookDelivery.objects.filter(replay_of__isnull=False).count() == 3
    assert "nothing to send again" in text(client.get(url))


def test_who_may_not_replay_is_refused(receiver: Receiver, as_: As, engine: Engine) -> None:
    listening(receiver.url)
    engine.start("line", input={"number": 1})
    WebhookDelivery.objects.update(state="failed")
    url = again({"id": [WebhookDelivery.objects.get().pk]})
    client = as_(*VIEW)

    assert (client.get(url).status_code, client.post(url).status_code) == (403, 403)
    assert WebhookDelivery.objects.count() == 1
