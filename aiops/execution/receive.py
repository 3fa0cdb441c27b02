"""Receiving an event from outside: kept once, told to the runs that wait for it, and judged by the triggers."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from aiops.execution import meeting, triggers
from aiops.execution.advance import nudge
from aiops.execution.incoming import Incoming
from aiops.execution.payloads import dumps
from aiops.execution.resume import NotPossible
from aiops.flow import data
from aiops.flow.errors import BadOutput
from aiops.models import Reason, Signal, Step, StepState, signal_moves, transitions

#: A larger event is refused: it is to carry an address instead.
MOST_BYTES = 1_000_000
_MOST_CHARACTERS = {
    **dict.fromkeys(("name", "source_id", "match", "subject"), 200),
    **{"source": 300, "tenant": 100, "actor": 150},
}
#: Lists and objects may lie so deep in each other.
MOST_DEPTH = 100


def receive(
    name: str, payload: Any, *, source_id: str, match: str = "", tenant: str = "default"
) -> Signal:
    """Take in an event of somebody who has no address; see `take_in`."""
    return take_in(
        Incoming(name=name, payload=payload, source_id=source_id, match=match, tenant=tenant)
    )


@transaction.atomic
def take_in(event: Incoming) -> Signal:
    """Keep an event, wake what waits for it, and start what its triggers say: all of it, or nothing.

    One that comes before its waiter waits for it. The same source and id a second time changes
    nothing and is counted; `is_new` tells. A trigger that cannot start its run undoes neither the
    others nor the event. Raises NotPossible for an event that cannot be kept.
    """
    _refuse_unkeepable(event)
    meeting.hold(event.tenant, event.name, event.match)
    signal = signal_moves.put_in(
        # Of this machine's clock, as the runs' own: what it starts is younger than it.
        timezone.now(),
        tenant=event.tenant,
        name=event.name,
        match=event.match,
        source=event.source or f"event:{event.name}",
        source_id=event.source_id,
        subject=event.subject,
        happened_at=event.happened_at,
        payload=event.payload,
        extensions=dict(event.extensions),
        actor=event.actor,
    )
    if not signal.is_new:
        return signal
    signal.payload = event.payload
    _wake(signal)
    triggers.fire(signal)
    signal_moves.settle(signal)
    return signal


def _wake(signal: Signal) -> None:
    waiting = _waiting(signal.tenant, signal.name, signal.match)
    if not waiting:
        return
    transitions.wake([step for step, _ in waiting])
    runs = sorted({run for _, run in waiting})
    for run_id in runs:
        nudge(run_id)
    signal_moves.woke(signal, runs)


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


def _refuse_unkeepable(event: Incoming) -> None:
    if not event.name or not event.source_id:
        raise NotPossible("an event needs its name, and an id that its sender never uses again")
    for name, most in _MOST_CHARACTERS.items():
        if len(getattr(event, name)) > most:
            raise NotPossible(f"its {name} has more than {most} characters: shorten it")
    if data.depth(event.payload) > MOST_DEPTH:
        raise NotPossible(f"its data may be nested {MOST_DEPTH} deep at most: make it flatter")
    try:
        told = [event.name, event.source, event.source_id, event.match, event.subject]
        data.refuse_unkeepable("the event", [event.payload, dict(event.extensions), *told])
    except BadOutput as error:
        raise NotPossible(error.message) from None
    size = len(dumps(event.payload).encode())
    if size > MOST_BYTES:
        raise NotPossible(
            f"its data is {size} bytes, and {MOST_BYTES} are accepted: store it, and send its "
            "address"
        )
