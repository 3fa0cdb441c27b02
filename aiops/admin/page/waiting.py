"""The runs that have waited longest, as the dashboard shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from aiops.admin.page import words
from aiops.admin.page.amounts import rough
from aiops.admin.page.overview import Waiting


@dataclass(frozen=True, slots=True)
class Line:
    """One run, why it waits, and for how long."""

    id: UUID
    look: words.Look
    title: str
    reason: str
    age: str


def shown(rows: Sequence[Waiting], now: datetime) -> list[Line]:
    return [
        Line(
            id=row.id,
            look=words.RUN[row.state],
            title=row.title or row.workflow,
            reason=row.reason,
            age=rough((now - row.since).total_seconds()),
        )
        for row in rows
    ]
