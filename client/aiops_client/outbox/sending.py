"""Owing a start, and sending what is owed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models import F
from django.utils import timezone

from aiops_client.client import Client
from aiops_client.outbox.models import Start
from aiops_client.problem import Problem, Unreachable

#: A start is not tried by a second sender for so long.
_MINE_S = 60.0
_PAUSE_MOST_S = 300.0


def start(workflow: str, input: Mapping[str, Any], **options: Any) -> Start:
    """Owe a run, in the caller's transaction: it is started if that commits, and only then."""
    return Start.objects.create(workflow=workflow, input=dict(input), options=options)


def client() -> Client:
    """The client that AIOPS_SERVER and AIOPS_KEY of the settings name. Waits for nothing long."""
    return Client(settings.AIOPS_SERVER, settings.AIOPS_KEY, patience_s=0, timeout_s=10)


def send_due(asks: Client, most: int = 100) -> int:
    """Send what is due, the oldest first; returns how many were taken. Others may send as well."""
    now = timezone.now()
    due = Start.objects.filter(next_at__lte=now).order_by("next_at")
    return sum(_send(asks, one) for one in due[:most])


def _send(asks: Client, owed: Start) -> bool:
    mine = Start.objects.filter(id=owed.id, next_at=owed.next_at)
    if not mine.update(next_at=_after(_MINE_S), tries=F("tries") + 1):
        return False
    try:
        run = asks.start(owed.workflow, owed.input, key=str(owed.id), **owed.options)
    except Unreachable as error:
        _later(owed, str(error))
    except Problem as problem:
        if problem.passes or problem.status >= 500:
            _later(owed, str(problem), problem.wait_s)
        else:
            Start.objects.filter(id=owed.id).update(next_at=None, error=str(problem))
    else:
        Start.objects.filter(id=owed.id).update(
            next_at=None, error="", run_id=run.id, page=run.page
        )
        return True
    return False


def _later(owed: Start, error: str, wait_s: float | None = None) -> None:
    pause_s = wait_s or min(2.0 ** min(owed.tries, 10), _PAUSE_MOST_S)
    Start.objects.filter(id=owed.id).update(next_at=_after(pause_s), error=error)


def _after(wait_s: float) -> Any:
    return timezone.now() + timedelta(seconds=wait_s)
