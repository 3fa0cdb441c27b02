"""The line before a lane: the steps that are parked by it, and whose turn it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from aiops.models import Priority, transitions

#: Whose last turn is longer ago than that of so many others begins anew.
MOST_TENANTS = 200


@dataclass(frozen=True, slots=True)
class Line:
    """The steps that wait in line for one lane, those of paused runs left out."""

    lane: str
    steps: int
    runs: int
    #: Since when the one that waits longest has waited.
    oldest: datetime | None
    #: How many of them somebody is waiting for.
    interactive: int

    @property
    def priority(self) -> str:
        """The best priority in the line; "" when nobody is in it."""
        if not self.steps:
            return ""
        return Priority.INTERACTIVE if self.interactive else Priority.BATCH


_LINES = """
SELECT s.lane, count(*), count(DISTINCT s.run_id), min(s.since),
    count(*) FILTER (WHERE r.priority = 'interactive')
FROM aiops_step s JOIN aiops_run r ON r.id = s.run_id
WHERE s.reason = 'lane' AND s.lane <> '' AND s.wake_at > now()
    AND r.paused_at IS NULL AND r.finished_at IS NULL
GROUP BY s.lane
"""

# Interactive before batch; within each, the tenants take turns, beginning with the one whose last
# turn lies furthest back; within a tenant, who came first.
_NEXT = """
WITH turns AS (
    SELECT s.id, r.priority, r.tenant, s.history->>'parked_at' AS parked_at, row_number() OVER (
        PARTITION BY r.priority, r.tenant ORDER BY s.history->>'parked_at', s.id) AS turn
    FROM aiops_step s JOIN aiops_run r ON r.id = s.run_id
    WHERE s.reason = 'lane' AND s.lane = %(lane)s AND s.wake_at > now()
        AND r.paused_at IS NULL AND r.finished_at IS NULL
)
SELECT id, tenant FROM turns
ORDER BY priority <> 'interactive', turn,
    coalesce(array_position(%(served)s::text[], tenant::text), 0), parked_at, id
LIMIT %(most)s
"""


def lines() -> dict[str, Line]:
    """Who waits in line, by lane."""
    with connection.cursor() as cursor:
        cursor.execute(_LINES)
        return {row[0]: Line(*row) for row in cursor.fetchall()}


def line(name: str) -> Line:
    """Who waits in line for one lane."""
    return lines().get(name) or Line(name, 0, 0, None, 0)


def wake(name: str, most: int, *, served: Sequence[str] = ()) -> list[str]:
    """Give up to `most` parked steps their turn; the keeper moves their runs on.

    `served` are the tenants who had a turn, the last one last. Returns it as it is now.
    """
    with connection.cursor() as cursor:
        cursor.execute(_NEXT, {"lane": name, "most": max(0, most), "served": list(served)})
        chosen = cursor.fetchall()
    transitions.wake([step for step, _ in chosen])
    turns = Counter(tenant for _, tenant in chosen)
    kept = [tenant for tenant in served if tenant not in turns]
    # Who got most of these turns is the last to get the next one.
    return [*kept, *sorted(turns, key=lambda tenant: turns[tenant])][-MOST_TENANTS:]
