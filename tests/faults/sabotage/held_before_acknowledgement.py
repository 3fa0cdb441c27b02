"""A worker that stands still when a message's work is in the record, and its acknowledgement is not sent."""

from __future__ import annotations

from typing import Any

from celery.signals import task_postrun

from tests.faults.outside import gate


@task_postrun.connect
def _stand_still(sender: Any = None, **_: Any) -> None:
    if sender.name == "tasks.run_steps":
        gate("recorded")
