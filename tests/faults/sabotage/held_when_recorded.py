"""A worker that stands still when its work is in the record: before what follows is sent, and after it."""

from __future__ import annotations

from typing import Any

from celery.signals import task_postrun

from aiops.execution import runner
from aiops.execution.claim import Owner
from tests.faults.outside import gate

_run_segment = runner.run_segment


def _run_and_stand_still(message: runner.Message, owner: Owner) -> runner.Delivery:
    delivery = _run_segment(message, owner)
    gate("recorded")
    return delivery


@task_postrun.connect
def _stand_still(sender: Any = None, **_: Any) -> None:
    """Celery has sent the next link of the chain; the acknowledgement comes after this."""
    if sender.name == "tasks.run_steps":
        gate("unacknowledged")


runner.run_segment = _run_and_stand_still
