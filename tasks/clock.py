"""What beat fires: retention of what nobody needs any more."""

from __future__ import annotations

from aiops.celery import app
from aiops.upkeep import retention


@app.task(name="tasks.sweep")
def sweep() -> int:
    """Delete what is past its retention."""
    return retention.sweep()
