"""What a notification says: never what a run is about, only where to look."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.urls import reverse

from aiops.execution import urgency
from aiops.models import Escalation, EscalationKind, Notification

#: Those that ask somebody to act: not sent any more once the question is over.
ASKING = frozenset({"opened", "reminder", "handed_up"})

_BEGINNINGS: dict[str, str] = {
    "opened": "A person is asked",
    "reminder": "Still open",
    "handed_up": "Late, handed up",
    "answered": "Answered",
    "closed": "Closed",
}


def subject(about: str, asked: Escalation) -> str:
    return f"[{asked.get_severity_display()}] {_BEGINNINGS[about]}: {headline(asked)}"


def text(about: str, asked: Escalation) -> str:
    """The plain text of a mail."""
    due = f"{asked.due_at:%Y-%m-%d %H:%M} UTC" if asked.due_at else "no due time"
    return "\n".join(
        [
            f"{_BEGINNINGS[about]}: {headline(asked)}",
            "",
            f"Severity: {asked.get_severity_display()}",
            f"Due: {due}; if nobody answers, {urgency.IF_NOBODY.get(asked.if_nobody, '')}",
            f"For: {asked.group or 'anyone'}",
            f"Owner: {asked.owner or 'nobody has taken it'}",
            f"Run: {asked.run_id}",
            "",
            f"Look at it and answer it: {url(asked)}",
            "",
        ]
    )


def headline(asked: Escalation) -> str:
    """What it is about, in words of the workflow's author alone.

    The question of a failed step quotes its error, which may quote what the run is about.
    """
    step = f"{asked.step}, " if asked.step is not None else ""
    is_approval = asked.kind == EscalationKind.APPROVAL
    said = asked.question if is_approval else asked.get_kind_display()
    # A mail's subject is one line.
    return " ".join(f"{said} ({step}{asked.run.workflow})".split())


def body(one: Notification) -> dict[str, Any]:
    """The JSON of a webhook."""
    asked = one.escalation
    return {
        "type": f"escalation.{one.about}",
        "timestamp": one.made_at.isoformat(),
        "data": {
            "id": str(asked.id),
            "kind": asked.kind,
            "state": asked.state,
            "severity": asked.severity,
            "headline": headline(asked),
            "group": asked.group,
            "owner": asked.owner,
            "opened_at": asked.opened_at.isoformat(),
            "due_at": asked.due_at.isoformat() if asked.due_at else None,
            "if_nobody": asked.if_nobody,
            "run_id": str(asked.run_id),
            "workflow": asked.run.workflow,
            "step": str(asked.step) if asked.step is not None else None,
            "url": url(asked),
        },
    }


def url(asked: Escalation) -> str:
    path = reverse("admin:aiops_escalation_change", args=[asked.id])
    return f"{settings.AIOPS_BASE_URL}{path}"


def webhook_id(one: Notification) -> str:
    """The same for every attempt: a receiver drops what it has seen."""
    return f"{one.escalation_id}.{one.pk}"


def message_id(one: Notification) -> str:
    host = urlsplit(settings.AIOPS_BASE_URL).hostname or "localhost"
    return f"<{webhook_id(one)}@{host}>"


def shown(address: str) -> str:
    """An address without what may be a secret: the path and the user of a URL."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.hostname}" if parts.scheme and parts.hostname else address
