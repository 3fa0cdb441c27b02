"""Reminding people of open questions, and handing up those that are late."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from aiops.execution import notify, urgency
from aiops.models import Escalation, EscalationState, transitions

#: At most so many in one go: after an outage there may be thousands, and they can wait a moment.
MOST = 200


def remind() -> int:
    """Remind of what is due for it; returns of how many questions."""
    due = Escalation.objects.filter(state=EscalationState.OPEN, remind_at__lte=timezone.now())
    ids = list(due.order_by("remind_at").values_list("id", flat=True)[:MOST])
    return sum(_remind(one, timezone.now()) for one in ids)


def _remind(escalation_id: UUID, now: datetime) -> bool:
    with transaction.atomic():
        asked = Escalation.objects.defer("shows").get(id=escalation_id)
        if asked.remind_at is None or asked.remind_at > now or asked.due_at is None:
            return False  # another keeper was first
        nudge = urgency.nudge(
            opened_at=asked.opened_at,
            due_at=asked.due_at,
            group=asked.group,
            level=asked.level,
            if_nobody=asked.if_nobody,
            now=now,
            ladder=settings.AIOPS_ESCALATION_GROUPS,
        )
        reminded = transitions.remind_escalation(
            asked, group=nudge.group, level=nudge.level, remind_at=nudge.remind_at
        )
        if reminded:
            notify.tell(asked, nudge.about)
        return reminded
