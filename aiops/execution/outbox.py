"""What every outbox shares: rows that are due are named in messages, and tried until they are taken."""

from __future__ import annotations

import smtplib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from aiops.celery import app
from aiops.execution.dispatch import BROKER_ERRORS, BrokerAway

#: How long a message, and then an attempt, may take until the row is due again.
PATIENCE_S = 90.0
#: How long to wait after each attempt that failed; after the last one it is given up.
BACKOFF_S: tuple[float, ...] = (10, 60, 300, 1800, 7200, 21600)
_MOST_AT_ONCE = 50
_MOST_IN_ALL = 200

#: One row as a message names it: its id, and how often it had been tried.
Named = tuple[int, int]


class NotTaken(Exception):
    """The other side did not take it; the message says why. `is_final`: it never will."""

    def __init__(self, why: str, *, is_final: bool = False) -> None:
        super().__init__(why)
        self.is_final = is_final


def hand_out(due: QuerySet[Any], message: str) -> int:
    """Send messages for these rows, which have `tries` and `next_at`; returns for how many.

    Raises BrokerAway, and all stays due.
    """
    with transaction.atomic():
        rows = due.select_for_update(skip_locked=True, of=("self",)).order_by("next_at")
        found: list[Named] = list(rows.values_list("id", "tries")[:_MOST_IN_ALL])
        if not found:
            return 0
        again_at = timezone.now() + timedelta(seconds=PATIENCE_S)
        due.model.objects.filter(id__in=[id_ for id_, _ in found]).update(next_at=again_at)
        for begin in range(0, len(found), _MOST_AT_ONCE):
            _send_message(message, found[begin : begin + _MOST_AT_ONCE])
    return len(found)


def next_at(tries: int, error: NotTaken) -> datetime | None:
    """When to try again after so many tries; None: it is given up."""
    if error.is_final or tries > len(BACKOFF_S):
        return None
    return timezone.now() + timedelta(seconds=BACKOFF_S[tries - 1])


def mail(*, to: str, subject: str, body: str, message_id: str) -> None:
    """Hand a mail to the mail server. Raises NotTaken."""
    one = EmailMessage(
        subject=subject,
        body=body,
        to=[to],
        # The same for every attempt: who has seen it drops the second one.
        headers={"Message-ID": message_id, "Auto-Submitted": "auto-generated"},
    )
    try:
        one.send()
    except (smtplib.SMTPException, OSError, ValueError) as error:
        raise NotTaken(f"{type(error).__name__}: {error}") from error


def _send_message(message: str, named: Sequence[Named]) -> None:
    try:
        app.send_task(message, [named], retry=False)
    except BROKER_ERRORS as error:
        raise BrokerAway(str(error)) from error
