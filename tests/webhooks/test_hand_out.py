"""The keeper's part: one message for each endpoint that has something due, and not for too many."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from aiops.celery import app
from aiops.execution.dispatch import BrokerAway
from aiops.models import WebhookDelivery, WebhookEndpoint, webhook_moves
from aiops.webhooks import hand_out
from tests.execution.engine import COMMITS, Engine
from tests.webhooks.receiver import Receiver
from tests.webhooks.sending import fresh, listening

pytestmark = COMMITS


@pytest.fixture
def messages(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any, str]]:
    """What is sent, instead of sending it."""
    sent: list[tuple[str, Any, str]] = []

    def send_task(name: str, args: list[Any], *, queue: str, **_: Any) -> None:
        sent.append((name, args, queue))

    monkeypatch.setattr(app, "send_task", send_task)
    return sent


def test_an_endpoint_with_something_due_gets_one_message(
    engine: Engine, receiver: Receiver, messages: list[Any]
) -> None:
    endpoint, _ = listening(receiver.url)
    engine.run("line", input={"number": 1})

    results = [hand_out.hand_out(), hand_out.hand_out()]

    assert results == [1, 0]
    assert messages == [(hand_out.MESSAGE, [str(endpoint.id), 1], "aiops.io")]


def test_a_message_that_is_lost_is_sent_again(
    engine: Engine, receiver: Receiver, messages: list[Any]
) -> None:
    listening(receiver.url)
    engine.start("line", input={"number": 1})
    hand_out.hand_out()
    WebhookEndpoint.objects.update(held_until=timezone.now() - timedelta(seconds=1))

    assert hand_out.hand_out() == 1
    assert [args[1] for _, args, _ in messages] == [1, 2]


@pytest.mark.parametrize(
    "change",
    [
        {"state": "paused"},
        {"state": "disabled"},
        {"next_at": timezone.now() + timedelta(hours=1)},
    ],
)
def test_an_endpoint_that_is_not_to_be_tried_gets_none(
    engine: Engine, receiver: Receiver, messages: list[Any], change: dict[str, Any]
) -> None:
    listening(receiver.url)
    engine.start("line", input={"number": 1})
    WebhookEndpoint.objects.update(**change)

    assert hand_out.hand_out() == 0


def test_what_is_not_due_or_stands_behind_something_is_no_reason(
    engine: Engine, receiver: Receiver, messages: list[Any]
) -> None:
    listening(receiver.url)
    engine.run("line", input={"number": 1})
    first = WebhookDelivery.objects.order_by("id").first()
    assert first is not None
    WebhookDelivery.objects.filter(id=first.pk).update(next_at=timezone.now() + timedelta(hours=1))

    assert hand_out.hand_out() == 0


def test_only_some_endpoints_are_served_at_once_and_all_have_their_turn(
    engine: Engine, receiver: Receiver, messages: list[Any], settings: Settings
) -> None:
    settings.AIOPS_WEBHOOKS_AT_ONCE = 2
    made = [listening(receiver.url, name=f"n{number}")[0] for number in range(5)]
    engine.start("line", input={"number": 1})

    results = []
    for _ in range(3):
        results += [hand_out.hand_out(), hand_out.hand_out()]
        served = WebhookEndpoint.objects.filter(held_until__isnull=False)
        for one in served:
            webhook_moves.end_turn(one)

    assert results == [2, 0, 2, 0, 2, 0]
    assert {args[0] for _, args, _ in messages} == {str(one.id) for one in made}


def test_without_a_broker_everything_stays_due(
    engine: Engine, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def send_task(*_: Any, **__: Any) -> None:
        raise ConnectionError("the broker is away")

    monkeypatch.setattr(app, "send_task", send_task)
    endpoint, _ = listening(receiver.url)
    engine.start("line", input={"number": 1})

    with pytest.raises(BrokerAway):
        hand_out.hand_out()

    assert fresh(endpoint).held_until is None
