"""Retention: what was sent goes after some days, and what waits or was given up does not."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from aiops.models import Escalation, Notification, WebhookDelivery, WebhookEndpoint
from aiops.upkeep import retention
from tests.execution.orders import ask, begun

pytestmark = pytest.mark.django_db


@pytest.fixture
def flows(settings: Settings) -> None:
    settings.AIOPS_WORKFLOWS = ["tests.flows"]


@pytest.mark.parametrize(
    ("state", "days", "stays"),
    [
        ("sent", 29, True),
        ("sent", 31, False),
        ("dropped", 31, False),
        ("waiting", 400, True),
        ("failed", 31, True),
        ("failed", 181, False),
    ],
)
def test_deliveries_go_when_nobody_needs_them(state: str, days: int, stays: bool) -> None:
    endpoint = WebhookEndpoint.objects.create(id=uuid4(), name="shop", url="https://example.org")
    made_at = timezone.now() - timedelta(days=days)
    WebhookDelivery.objects.create(endpoint=endpoint, kind="k", state=state, made_at=made_at)

    retention.sweep()

    assert WebhookDelivery.objects.exists() is stays


@pytest.mark.parametrize("state", ["paused", "disabled"])
def test_what_waits_for_an_endpoint_that_nobody_mends_is_given_up(state: str) -> None:
    endpoint = WebhookEndpoint.objects.create(
        id=uuid4(), name="shop", url="https://example.org", state=state
    )
    made_at = timezone.now() - timedelta(days=retention.GIVEN_UP_DAYS + 1)
    WebhookDelivery.objects.create(endpoint=endpoint, kind="k", made_at=made_at)

    retention.sweep()

    assert WebhookDelivery.objects.get().state == "failed"


@pytest.mark.parametrize(
    ("state", "days", "stays"),
    [
        ("sent", 29, True),
        ("sent", 31, False),
        ("dropped", 31, False),
        ("failed", 31, False),
        ("waiting", 31, True),
    ],
)
def test_notifications_go_when_they_are_over(
    flows: None, state: str, days: int, stays: bool
) -> None:
    ask(begun(), "notify")
    Notification.objects.create(
        escalation=Escalation.objects.get(),
        about="opened",
        channel="email",
        address="ann@example.org",
        state=state,
        made_at=timezone.now() - timedelta(days=days),
    )

    retention.sweep()

    assert Notification.objects.exists() is stays
