"""Triggers and events for tests of them."""

from __future__ import annotations

from typing import Any

from aiops.execution.incoming import Incoming
from aiops.execution.receive import take_in
from aiops.models import Signal, Trigger


def rule(name: str = "paid orders", **fields: Any) -> Trigger:
    """A trigger that is active: an order that is paid starts a line."""
    given = {
        "name": name,
        "event": "order.paid",
        "workflow": "line",
        "input": {"number": "=data.pence"},
        "is_active": True,
    }
    return Trigger.objects.create(**{**given, **fields})


def incoming(number: str = "e1", **fields: Any) -> Incoming:
    given = {"name": "order.paid", "payload": {"pence": 7}, "match": "A1", "source": "/shop"}
    return Incoming(**{**given, "source_id": number, "subject": "A1", **fields})


def comes(number: str = "e1", **fields: Any) -> Signal:
    """An event comes."""
    return take_in(incoming(number, **fields))
