"""Sending the notifications that are due: by e-mail and by webhook, each until it is taken."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import httpx2
from django.conf import settings
from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone
from standardwebhooks.webhooks import Webhook

from aiops.execution import notices, outbox, posting
from aiops.execution.addresses import Refused
from aiops.execution.outbox import NotTaken
from aiops.models import Channel, EscalationState, Notification, NotificationState, transitions

#: The message that brings due notifications to a worker.
MESSAGE = "tasks.notify"


def hand_out() -> int:
    """Send messages for what is due; returns for how many. Raises BrokerAway, and all stays due."""
    waiting = Notification.objects.filter(
        state=NotificationState.WAITING, next_at__lte=timezone.now()
    )
    return outbox.hand_out(waiting, MESSAGE)


def deliver(named: Sequence[Sequence[int]]) -> int:
    """Send these, unless another message has meanwhile. Returns how many were taken.

    A crash between the sending and its record sends it a second time: both carry the same id.
    """
    return sum(_deliver(id_, tries) for id_, tries in named)


def _deliver(id_: int, tries: int) -> bool:
    waiting = Notification.objects.filter(id=id_, state=NotificationState.WAITING, tries=tries)
    again_at = timezone.now() + timedelta(seconds=outbox.PATIENCE_S)
    if not waiting.update(tries=F("tries") + 1, next_at=again_at):
        return False
    one = Notification.objects.select_related("escalation__run", "escalation__step").get(id=id_)
    try:
        if one.about in notices.ASKING and one.escalation.state != EscalationState.OPEN:
            _end(one, NotificationState.DROPPED)
            return False
        _send(one)
    except NotTaken as error:
        _failed(one, error)
        return False
    _end(one, NotificationState.SENT)
    return True


def _send(one: Notification) -> None:
    if one.channel == Channel.EMAIL:
        _mail(one)
    else:
        _post(one)


def _mail(one: Notification) -> None:
    outbox.mail(
        to=one.address,
        subject=notices.subject(one.about, one.escalation),
        body=notices.text(one.about, one.escalation),
        message_id=notices.message_id(one),
    )


def _post(one: Notification) -> None:
    body = json.dumps(notices.body(one), ensure_ascii=False)
    now = datetime.now(UTC)
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "aiops",
        "webhook-id": notices.webhook_id(one),
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(settings.AIOPS_NOTIFY_SECRET).sign(
            notices.webhook_id(one), now, body
        ),
    }
    try:
        # Whom the settings name may lie on the inside.
        answer = posting.post(one.address, body.encode(), headers, rules=None)
    except (posting.NotReached, Refused) as error:
        raise NotTaken(str(error)) from error
    if not answer.is_taken:
        raise NotTaken(answer.told(), is_final=answer.status == httpx2.codes.GONE)


def _failed(one: Notification, error: NotTaken) -> None:
    why = str(error)[:300]
    next_at = outbox.next_at(one.tries, error)
    if next_at is None:
        with transaction.atomic():
            if _end(one, NotificationState.FAILED, error=why):
                transitions.tell(
                    one.escalation.run_id,
                    "notification.given_up",
                    step=one.escalation.step_id,
                    address=notices.shown(one.address),
                    why=why,
                )
        return
    _still_mine(one).update(next_at=next_at, error=why)


def _end(one: Notification, state: str, error: str = "") -> bool:
    sent_at = timezone.now() if state == NotificationState.SENT else None
    return bool(_still_mine(one).update(state=state, error=error, sent_at=sent_at))


def _still_mine(one: Notification) -> QuerySet[Notification]:
    """The row, unless a later attempt has taken it over."""
    return Notification.objects.filter(id=one.id, state=NotificationState.WAITING, tries=one.tries)
