"""What an event would do, for the page on which people try one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aiops.execution import cloud_event, trigger_checks
from aiops.execution.cloud_event import WrongEvent
from aiops.execution.trigger_checks import Would

EXAMPLE = """{
  "specversion": "1.0",
  "type": "com.example.order.paid",
  "source": "/shop",
  "id": "example-1",
  "subject": "order-4711",
  "data": {"order_id": "4711"}
}"""


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of trying an event."""

    #: What is wrong with the event itself; "" when nothing is.
    error: str = ""
    #: What the triggers that it is for would do, and those that it is not for.
    for_it: Sequence[Would] = ()
    passes: Sequence[Would] = ()


def tried(text: str, tenant: str) -> Tried:
    """Judge an event as it was typed. Nothing is written."""
    try:
        event = cloud_event.read(cloud_event.parsed(text.encode()))
    except WrongEvent as error:
        return Tried(error=str(error))
    happening = trigger_checks.happening_of(event, event.tenant or tenant.strip() or "default")
    found = trigger_checks.what_would(happening)
    return Tried(
        for_it=[one for one in found if one.is_for_it],
        passes=[one for one in found if not one.is_for_it],
    )
