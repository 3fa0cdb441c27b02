"""No limbo, proved: every unfinished step owns a live reason. What does not is named and repaired."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db import connection
from django.utils import timezone

from aiops.execution.advance import advance
from aiops.execution.board import Board
from aiops.execution.canvas import ready
from aiops.models import Run, Step, StepState, transitions

#: A reason may be over for this long before it counts: the keeper's own loop needs a moment.
SLACK_S = 5.0


@dataclass(frozen=True, slots=True)
class Limbo:
    """A step (or a whole run) that nothing will move, and what is wrong with it."""

    run_id: UUID
    step_id: UUID | None
    what: str


# One row per step without a live reason. Each arm is one sentence of the promise.
_STEPS = """
SELECT s.run_id, s.id, CASE
    WHEN s.state = 'running' THEN 'its lease is over'
    WHEN s.state = 'queued' THEN 'its message is overdue'
    WHEN s.state = 'retrying' THEN 'its time to retry has passed'
    WHEN s.state = 'attention' THEN 'nobody is asked about it'
    ELSE 'its wait has no cause' END AS what
FROM aiops_step s JOIN aiops_run r ON r.id = s.run_id
WHERE r.finished_at IS NULL AND r.paused_at IS NULL
AND s.state IN ('running', 'queued', 'retrying', 'attention', 'waiting')
AND (
    (s.state = 'running' AND s.lease_until < now() - make_interval(secs => %(slack)s))
    OR (s.state = 'queued' AND s.map_id IS NULL AND s.dispatch_due < now() - make_interval(secs => %(slack)s))
    OR (s.state = 'queued' AND s.map_id IS NOT NULL AND NOT EXISTS (
        SELECT FROM aiops_step m WHERE m.id = s.map_id AND m.state = 'waiting'))
    OR (s.state = 'retrying' AND s.wake_at < now() - make_interval(secs => %(slack)s))
    OR (s.state = 'attention' AND NOT EXISTS (
        SELECT FROM aiops_escalation e WHERE e.step_id = s.id AND e.state = 'open'))
    OR (s.state = 'waiting' AND CASE s.reason
        WHEN 'timer' THEN s.wake_at < now() - make_interval(secs => %(slack)s)
        WHEN 'lane' THEN s.wake_at < now() - make_interval(secs => %(slack)s)
        WHEN 'event' THEN s.wake_at < now() - make_interval(secs => %(slack)s)
        WHEN 'approval' THEN s.wake_at < now() - make_interval(secs => %(slack)s) OR NOT EXISTS (
            SELECT FROM aiops_escalation e WHERE e.step_id = s.id AND e.state = 'open')
        WHEN 'child' THEN NOT EXISTS (
            SELECT FROM aiops_run c WHERE c.parent_step_id = s.id AND c.finished_at IS NULL)
        WHEN 'items' THEN s.dispatch_due < now() - make_interval(secs => %(slack)s) OR NOT EXISTS (
            SELECT FROM aiops_step i WHERE i.map_id = s.id
            AND i.state IN ('queued', 'running', 'retrying', 'attention'))
        ELSE TRUE END)
)
"""

# Runs that are open while none of their steps is anywhere on its way.
_RUNS = """
SELECT r.id, NULL::uuid, 'none of its steps is on its way'
FROM aiops_run r
WHERE r.finished_at IS NULL AND r.paused_at IS NULL AND r.since < now() - make_interval(secs => %(slack)s)
AND (r.after_id IS NULL
    OR EXISTS (SELECT FROM aiops_run a WHERE a.id = r.after_id AND a.finished_at IS NOT NULL))
AND NOT EXISTS (
    SELECT FROM aiops_step s WHERE s.run_id = r.id
    AND s.state IN ('queued', 'running', 'retrying', 'waiting', 'attention'))
"""


def limbo(slack_s: float = SLACK_S) -> list[Limbo]:
    """What is in limbo now; empty when the promise holds."""
    with connection.cursor() as cursor:
        cursor.execute(f"{_STEPS} UNION ALL {_RUNS}", {"slack": slack_s})
        found = [Limbo(*row) for row in cursor.fetchall()]
    return found + _lost_joins(slack_s)


def repair(one: Limbo) -> None:
    """Move what is in limbo, and tell what was wrong."""
    transitions.tell(one.run_id, "limbo.repaired", step=one.step_id, what=one.what)
    advance(one.run_id)


def _lost_joins(slack_s: float) -> list[Limbo]:
    """Steps that could begin and were not begun, in runs where something else is on its way.

    A run that has just moved is left alone: its `advance` may be on its way.
    """
    now = timezone.now()
    recent = Step.objects.filter(
        run__finished_at__isnull=True,
        run__paused_at__isnull=True,
        run__cancel_requested_at__isnull=True,
        map__isnull=True,
        finished_at__gt=now - timedelta(minutes=5),
        finished_at__lt=now - timedelta(seconds=slack_s),
        run__steps__state=StepState.PENDING,
    )
    found = []
    for run in Run.objects.filter(id__in=recent.values("run_id"), after__isnull=True):
        board = Board.load(run)
        names = ready(board.plan, board.states, board.chosen()).begin
        found += [
            Limbo(run.id, board.views[name].id, "it was not begun")
            for name in names
            if not _has_moved_since(run, now - timedelta(seconds=slack_s))
        ]
    return found


def _has_moved_since(run: Run, moment: object) -> bool:
    return Step.objects.filter(run=run, map__isnull=True, finished_at__gte=moment).exists()
