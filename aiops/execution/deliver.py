"""Sending the notifications that are due: by e-mail and by webhook, each until it is taken."""

from __future__ import annotations

import json
import smtplib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import httpx2
from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone
from standardwebhooks.webhooks import Webhook

from aiops.celery import app
from aiops.execution import notices, posting
from aiops.execution.addresses import Refused
from aiops.execution.dispatch import BROKER_ERRORS, BrokerAway
from aiops.models import Channel, EscalationState, Notification, NotificationState, transitions

#: The message that brings due notifications to a worker.
MESSAGE = "tasks.notify"
#: How long a message, and then an attempt, may take until the notification is due again.
PATIENCE_S = 90.0
#: How long to wait after each attempt that failed; after the last one it is given up.
BACKOFF_S: tuple[float, ...] = (10, 60, 300, 1800, 7200, 21600)
_MOST_AT_ONCE = 50

#: One notification as a message names it: its id, and how often it had been tried.
Named = tuple[int, int]


class NotTaken(Exception):
    """The other side did not take it; the message says why. `is_final`: it never will."""

    def __init__(self, why: str, *, is_final: bool = False) -> None:
        super().__init__(why)
        self.is_final = is_final


def hand_out() -> int:
    """Send messages for what is due; returns for how many. Raises BrokerAway, and all stays due."""
    now = timezone.now()
    with transaction.atomic():
        due = Notification.objects.select_for_update(skip_locked=True).filter(
            state=NotificationState.WAITING, next_at__lte=now
        )
        found: list[Named] = list(due.order_by("next_at").values_list("id", "tries")[:200])
        if not found:
            return 0
        ids = [id_ for id_, _ in found]
        again_at = now + timedelta(seconds=PATIENCE_S)
        Notification.objects.filter(id__in=ids).update(next_at=again_at)
        for begin in range(0, len(found), _MOST_AT_ONCE):
            _send_message(found[begin : begin + _MOST_AT_ONCE])
    return len(found)


def _send_message(named: Sequence[Named]) -> None:
    try:
        app.send_task(MESSAGE, [named], retry=False)
    except BROKER_ERRORS as error:
        raise BrokerAway(str(error)) from error


def deliver(named: Sequence[Sequence[int]]) -> int:
    """Send these, unless another message has meanwhile. Returns how many were taken.

    A crash between the sending and its record sends it a second time: both carry the same id.
    """
    return sum(_deliver(id_, tries) for id_, tries in named)


def _deliver(id_: int, tries: int) -> bool:
    waiting = Notification.objects.filter(id=id_, state=NotificationState.WAITING, tries=tries)
    again_at = timezone.now() + timedelta(seconds=PATIENCE_S)
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
    mail = EmailMessage(
        subject=notices.subject(one.about, one.escalation),
        body=notices.text(one.about, one.escalation),
        to=[one.address],
        headers={"Message-ID": notices.message_id(one), "Auto-Submitted": "auto-generated"},
    )
    try:
        mail.send()
    except (smtplib.SMTPException, OSError, ValueError) as error:
        raise NotTaken(f"{type(error).__name__}: {error}") from error


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
    if error.is_final or one.tries > len(BACKOFF_S):
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
    next_at = timezone.now() + timedelta(seconds=BACKOFF_S[one.tries - 1])
    _still_mine(one).update(next_at=next_at, error=why)


def _end(one: Notification, state: str, error: str = "") -> bool:
    sent_at = timezone.now() if state == NotificationState.SENT else None
    return bool(_still_mine(one).update(state=state, error=error, sent_at=sent_at))


def _still_mine(one: Notification) -> QuerySet[Notification]:
    """The row, unless a later attempt has taken it over."""
    return Notification.objects.filter(id=one.id, state=NotificationState.WAITING, tries=one.tries)
