"""The keeper's part: a message to a worker for each endpoint that has something due."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from aiops.celery import app
from aiops.execution.dispatch import BROKER_ERRORS, BrokerAway
from aiops.models import webhook_moves
from aiops.pools import POOLS

#: The message that lets a worker send to one endpoint.
MESSAGE = "tasks.deliver_webhooks"
#: How long a message may take to its worker until the endpoint has another one.
PATIENCE = timedelta(seconds=60)


def hand_out() -> int:
    """Send messages for what is due; returns for how many endpoints. Raises BrokerAway: all stays due.

    Only some endpoints are served at once: slow receivers must not take every slot of the pool.
    """
    now = timezone.now()
    with transaction.atomic():
        found = webhook_moves.due(settings.AIOPS_WEBHOOKS_AT_ONCE, now)
        room = settings.AIOPS_WEBHOOKS_AT_ONCE - webhook_moves.being_served(now) if found else 0
        for endpoint_id in found[: max(room, 0)]:
            turn = webhook_moves.give_turn(endpoint_id, held_until=now + PATIENCE)
            _send_message(endpoint_id, turn)
        return len(found[: max(room, 0)])


def _send_message(endpoint_id: UUID, turn: int) -> None:
    """To the pool of short calls: a receiver that is slow must not hold the engine's own messages."""
    try:
        app.send_task(MESSAGE, [str(endpoint_id), turn], queue=POOLS["io"].queue, retry=False)
    except BROKER_ERRORS as error:
        raise BrokerAway(str(error)) from error
