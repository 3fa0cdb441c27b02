"""Starting runs of ours and chains of the peer's, and waiting for their ends."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from celery import Signature
from celery.result import AsyncResult
from django.db.models import Max, Min

from aiops.execution.start import start_run
from aiops.flow.workflows import Workflow
from aiops.models import Run, RunState

POLL_S = 0.02
WAIT_S = 180.0


def start(workflow: Workflow, number: int, items: int = 0) -> list[UUID]:
    """Start runs one after the other, as a web process does."""
    given: dict[str, Any] = {"number": 1, "items": list(range(items))}
    return [start_run(workflow, given).id for _ in range(number)]


def finish(runs: Sequence[UUID]) -> None:
    """Wait until all have succeeded."""
    deadline = time.monotonic() + WAIT_S
    while Run.objects.filter(id__in=runs, finished_at__isnull=True).exists():
        if time.monotonic() > deadline:
            states = list(Run.objects.filter(id__in=runs).values_list("state", "reason"))
            raise TimeoutError(f"not finished after {WAIT_S:.0f} s: {states[:5]}")
        time.sleep(POLL_S)
    failed = Run.objects.filter(id__in=runs).exclude(state=RunState.SUCCEEDED)
    assert not failed, f"did not succeed: {[(run.state, run.reason) for run in failed[:5]]}"


def took_s(runs: Sequence[UUID]) -> float:
    """From the first start to the last end, by the record."""
    times: dict[str, datetime] = Run.objects.filter(id__in=runs).aggregate(
        began=Min("created_at"), ended=Max("finished_at")
    )
    return (times["ended"] - times["began"]).total_seconds()


def waited_s(run: UUID) -> float:
    """From a run's start to its first claim: the ring, the keeper, the broker, the worker."""
    found = Run.objects.get(id=run)
    assert found.started_at is not None, "it has not begun"
    return (found.started_at - found.created_at).total_seconds()


def send(canvas: Callable[[], Signature], number: int) -> list[AsyncResult[Any]]:
    """Send canvases of the peer's one after the other; each is built anew, because sending gives it its ids."""
    return [canvas().apply_async() for _ in range(number)]


def receive(results: Sequence[AsyncResult[Any]]) -> None:
    """Wait until the last task of each has answered.

    Polled, as our runs are, so that both wait alike.
    """
    deadline = time.monotonic() + WAIT_S
    for result in results:
        while not result.ready():
            if time.monotonic() > deadline:
                raise TimeoutError(f"bare Celery did not finish {result.id} in {WAIT_S:.0f} s")
            time.sleep(POLL_S)
