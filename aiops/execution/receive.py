"""Receiving an event from outside: kept once, and told to the runs that wait for it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import F

from aiops.execution import meeting
from aiops.execution.advance import nudge
from aiops.execution.resume import NotPossible
from aiops.models import Reason, Signal, Step, StepState, transitions


def receive(
    name: str, payload: Any, *, source_id: str, match: str = "", tenant: str = "default"
) -> Signal:
    """Keep an event, and wake what waits for it. One that comes before its waiter waits for it.

    `match` is the key that tells whose event it is, as the waiting step's `match` gives it;
    `source_id` is the sender's id of the event: the same id a second time changes nothing and is
    counted. Raises NotPossible for an event without a name or an id.
    """
    if not name or not source_id:
        raise NotPossible("an event needs its name, and an id that its sender never uses again")
    with transaction.atomic():
        meeting.hold(tenant, name, match)
        try:
            with transaction.atomic():
                signal = Signal.objects.create(
                    tenant=tenant, name=name, match=match, source_id=source_id, payload=payload
                )
        except IntegrityError:
            return _again(tenant, name, source_id)
        waiting = _waiting(tenant, name, match)
        transitions.wake([step for step, _ in waiting])
        for run_id in {run for _, run in waiting}:
            nudge(run_id)
        return signal


def _again(tenant: str, name: str, source_id: str) -> Signal:
    known = Signal.objects.filter(tenant=tenant, name=name, source_id=source_id)
    known.update(duplicates=F("duplicates") + 1)
    return known.get()


def _waiting(tenant: str, name: str, match: str) -> list[tuple[UUID, UUID]]:
    """Steps that wait for this event, with their runs."""
    steps = Step.objects.filter(
        run__tenant=tenant,
        state=StepState.WAITING,
        reason=Reason.EVENT,
        # Every wait for an event has a time limit, so the index of due times finds them.
        wake_at__isnull=False,
        progress={"event": name, "key": match},
    )
    return list(steps.values_list("id", "run_id"))
