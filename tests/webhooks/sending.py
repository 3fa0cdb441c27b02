"""Endpoints, and a worker that sends to them at once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone

from aiops.models import Run, WebhookDelivery, WebhookEndpoint, webhook_moves
from aiops.webhooks import configure, deliver
from aiops.webhooks.configure import Given


def listening(url: str, **fields: Any) -> tuple[WebhookEndpoint, str]:
    """An endpoint, and its secret."""
    return configure.make(Given(**{"name": "shop", "url": url, **fields}), actor="ann")


def send(endpoint: WebhookEndpoint | None = None) -> int:
    """What a message of the keeper would let a worker do."""
    found = endpoint or WebhookEndpoint.objects.get()
    held_until = timezone.now() + timedelta(seconds=60)
    turn = webhook_moves.give_turn(found.id, held_until=held_until)
    return deliver.deliver(found.id, turn)


def let_time_pass() -> None:
    """Let the time come for everything that waits for one."""
    past = timezone.now() - timedelta(seconds=1)
    WebhookDelivery.objects.update(next_at=past)
    WebhookDelivery.objects.filter(leased_until__isnull=False).update(leased_until=past)
    WebhookEndpoint.objects.filter(next_at__isnull=False).update(next_at=past)


def waiting() -> list[str]:
    rows = WebhookDelivery.objects.filter(state="waiting").order_by("id")
    return list(rows.values_list("kind", flat=True))


def fresh(endpoint: WebhookEndpoint) -> WebhookEndpoint:
    return WebhookEndpoint.objects.get(id=endpoint.id)


def kinds_of(run: Run) -> list[str]:
    """The kinds that were written for a run, in order."""
    rows = WebhookDelivery.objects.filter(run=run).order_by("id")
    return list(rows.values_list("kind", flat=True))
