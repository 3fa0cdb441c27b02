"""What beat fires: schedules that are due, and retention of what nobody needs any more."""

from __future__ import annotations

from aiops.celery import app
from aiops.upkeep import backfills, beat, retention, schedules


@app.task(name="tasks.start_due")
def start_due() -> int:
    """Start what is due, and a little more of each back-fill."""
    beat.sign()
    return schedules.start_due() + backfills.go_on()


@app.task(name="tasks.sweep")
def sweep() -> int:
    """Delete what is past its retention."""
    return retention.sweep()
