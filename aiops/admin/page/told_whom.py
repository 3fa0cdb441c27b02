"""Who was told of a request, and whether it arrived."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from aiops.admin.page.words import Look
from aiops.execution import notices
from aiops.models import Channel, Notification, NotificationState

#: The newest are listed.
MOST = 20

_LOOKS: dict[str, Look] = {
    NotificationState.WAITING: Look("On its way", "schedule", "slate"),
    NotificationState.SENT: Look("Sent", "check_circle", "green"),
    NotificationState.FAILED: Look("Given up", "error", "red"),
    NotificationState.DROPPED: Look("Not needed any more", "block", "slate"),
}
_TRIED_AGAIN = Look("Tried again", "autorenew", "amber")
_ABOUT: dict[str, str] = {
    "opened": "asked",
    "reminder": "reminded",
    "handed_up": "handed up",
    "answered": "answered",
    "closed": "closed",
}


@dataclass(frozen=True, slots=True)
class Telling:
    """One notification."""

    address: str
    icon: str
    about: str
    look: Look
    at: datetime
    error: str


def told_whom(asked_id: UUID) -> list[Telling]:
    """The newest notifications about a request."""
    rows = Notification.objects.filter(escalation=asked_id).order_by("-id")[:MOST]
    return [_telling(row) for row in rows]


def _telling(row: Notification) -> Telling:
    is_retried = row.state == NotificationState.WAITING and row.error
    return Telling(
        address=notices.shown(row.address),
        icon="mail" if row.channel == Channel.EMAIL else "webhook",
        about=_ABOUT.get(row.about, row.about),
        look=_TRIED_AGAIN if is_retried else _LOOKS[row.state],
        at=row.sent_at or row.made_at,
        error=row.error,
    )
