"""No limbo, proved: every unfinished step owns a live reason. What does not is named and repaired."""

# ruff: noqa: S608  # built from the constants below; every value is bound

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

from aiops.execution import resend
from aiops.execution.advance import settle
from aiops.execution.board import Board
from aiops.execution.canvas import ready
from aiops.execution.holds import NOT_PAUSED
from aiops.models import Run, Step, StepState, transitions
from aiops.upkeep.mend import mend

#: A reason may be over for this long before it counts: the keeper's own loop needs a moment.
SLACK_S = 5.0
#: Joins are looked for in runs that moved within this time; in all runs when a keeper begins.
RECENT_S = 300.0


@dataclass(frozen=True, slots=True)
class Limbo:
    """A step (or a whole run) that nothing will move, and what is wrong with it."""

    run_id: UUID
    step_id: UUID | None
    what: str


# One row per step without a live reason. Each arm is one sentence of the promise. A pause is the live
# reason of whatever would need a message without it.
_STEPS = f"""
SELECT s.run_id, s.id, CASE
    WHEN s.state = 'running' THEN 'its lease is over'
    WHEN s.state = 'queued' THEN 'its message is overdue'
    WHEN s.state = 'retrying' THEN 'its time to retry has passed'
    WHEN s.state = 'attention' THEN 'nobody is asked about it'
    WHEN s.reason = 'items' AND s.dispatch_due < past THEN 'its members are overdue'
    ELSE 'its wait has no cause' END AS what
FROM aiops_step s JOIN aiops_run r ON r.id = s.run_id
CROSS JOIN (SELECT now() - make_interval(secs => %(slack)s) AS past) t
WHERE r.finished_at IS NULL AND r.paused_at IS NULL
AND s.state IN ('running', 'queued', 'retrying', 'attention', 'waiting')
AND (
    (s.state = 'running' AND s.lease_until < past)
    OR (s.state = 'queued' AND s.map_id IS NULL AND s.dispatch_due < past AND {NOT_PAUSED})
    OR (s.state = 'queued' AND s.map_id IS NOT NULL AND NOT EXISTS (
        SELECT FROM aiops_step m WHERE m.id = s.map_id AND m.state = 'waiting'))
    OR (s.state = 'retrying' AND s.wake_at < past)
    OR (s.state = 'attention' AND NOT EXISTS (
        SELECT FROM aiops_escalation e WHERE e.step_id = s.id AND e.state = 'open'))
    OR (s.state = 'waiting' AND CASE s.reason
        WHEN 'timer' THEN coalesce(s.wake_at < past, TRUE)
        WHEN 'lane' THEN s.wake_at < past
        WHEN 'budget' THEN s.wake_at < past
        WHEN 'job' THEN coalesce(s.wake_at < past, TRUE)
        WHEN 'event' THEN coalesce(s.wake_at < past, TRUE)
        WHEN 'approval' THEN s.wake_at < past OR NOT EXISTS (
            SELECT FROM aiops_escalation e WHERE e.step_id = s.id AND e.state = 'open')
        -- What ended a moment ago may have its `advance` on the way.
        WHEN 'child' THEN NOT EXISTS (
            SELECT FROM aiops_run c WHERE c.parent_step_id = s.id
            AND (c.finished_at IS NULL OR c.finished_at > past))
        WHEN 'items' THEN (s.dispatch_due < past AND {NOT_PAUSED}) OR NOT EXISTS (
            SELECT FROM aiops_step i WHERE i.map_id = s.id
            AND (i.state IN ('queued', 'running', 'retrying', 'attention') OR i.since > past))
        ELSE TRUE END)
)
"""

# Runs that are open while none of their steps is anywhere on its way, or put off for a while.
_RUNS = """
SELECT r.id, NULL::uuid, 'none of its steps is on its way'
FROM aiops_run r
WHERE r.finished_at IS NULL AND r.paused_at IS NULL
AND r.since < now() - make_interval(secs => %(slack)s)
AND (r.after_id IS NULL
    OR EXISTS (SELECT FROM aiops_run a WHERE a.id = r.after_id AND a.finished_at IS NOT NULL))
AND NOT EXISTS (
    SELECT FROM aiops_step s WHERE s.run_id = r.id
    AND (s.state IN ('queued', 'running', 'retrying', 'waiting', 'attention')
        OR s.wake_at > now() - make_interval(secs => %(slack)s)
        OR s.since > now() - make_interval(secs => %(slack)s)))
"""


def limbo(slack_s: float = SLACK_S, *, recent_s: float | None = RECENT_S) -> list[Limbo]:
    """What is in limbo now; empty when the promise holds.

    `recent_s` bounds the search for lost joins, which reads whole runs; None searches all.
    """
    with connection.cursor() as cursor:
        cursor.execute(f"{_STEPS} UNION ALL {_RUNS}", {"slack": slack_s})
        found = [Limbo(*row) for row in cursor.fetchall()]
    stuck = {one.run_id for one in found if one.step_id is None}
    joins = _lost_joins(slack_s, recent_s)
    return found + [one for one in joins if one.run_id not in stuck]


def number() -> int:
    """How many are in limbo, lost joins not looked for: what a page shows."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT count(*) FROM ({_STEPS} UNION ALL {_RUNS}) found", {"slack": SLACK_S}
        )
        (found,) = cursor.fetchone() or (0,)
        return int(found)


def repair(one: Limbo) -> None:
    """Move what is in limbo, and tell what was wrong. Raises BrokerAway where a message is all it needs."""
    if one.what in ("its message is overdue", "its members are overdue"):
        resend.resend_due()
    with transaction.atomic():
        run = transitions.lock(one.run_id)
        if run is None or run.is_ended:
            return
        transitions.tell(one.run_id, "limbo.repaired", step=one.step_id, what=one.what)
        for step in Step.objects.filter(id__in=[one.step_id]).select_related("run"):
            mend(run, step)
        settle(run)


def _lost_joins(slack_s: float, recent_s: float | None) -> list[Limbo]:
    """Steps that could begin and were not begun, in runs where something else is on its way.

    A run that has just moved is left alone: its `advance` may be on its way.
    """
    now = timezone.now()
    moved = Step.objects.filter(
        run__finished_at__isnull=True,
        run__paused_at__isnull=True,
        run__cancel_requested_at__isnull=True,
        map__isnull=True,
        finished_at__lt=now - timedelta(seconds=slack_s),
        run__steps__state=StepState.PENDING,
    )
    if recent_s is not None:
        moved = moved.filter(finished_at__gt=now - timedelta(seconds=recent_s))
    found = []
    for run in Run.objects.filter(id__in=moved.values("run_id"), after__isnull=True):
        if _has_moved_since(run, now - timedelta(seconds=slack_s)):
            continue
        board = Board.load(run)
        names = ready(board.plan, board.states, board.chosen()).begin
        views = [board.views[name] for name in names]
        found += [
            Limbo(run.id, view.id, "it was not begun")
            for view in views
            if view.wake_at is None or view.wake_at < now - timedelta(seconds=slack_s)
        ]
    return found


def _has_moved_since(run: Run, moment: datetime) -> bool:
    return Step.objects.filter(run=run, map__isnull=True, finished_at__gte=moment).exists()
