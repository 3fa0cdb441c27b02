"""A process that stands still when it has marked work as sent, and its message is not sent."""

from __future__ import annotations

from aiops.execution import dispatch
from aiops.execution.canvas import Vehicle
from tests.faults.outside import gate

_publish = dispatch.publish


def _stand_still_and_publish(run: dispatch.Addressee, vehicle: Vehicle) -> None:
    gate("publishing")
    _publish(run, vehicle)


dispatch.publish = _stand_still_and_publish
