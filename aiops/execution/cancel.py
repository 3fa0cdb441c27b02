"""Cancelling a run: at once where nothing runs, by asking where something does, by force in the end."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from aiops.celery import app
from aiops.execution import claim as claims
from aiops.execution import dispatch
from aiops.execution.advance import settle, stop
from aiops.execution.claim import Ending, LeaseLost
from aiops.execution.recovery import claim_of
from aiops.execution.resume import NotPossible, locked
from aiops.models import Outcome, Run, RunState, Step, StepState, transitions
from aiops.models.step import UNDO
from aiops.pools import POOLS


def cancel(run_id: UUID, *, reason: str, actor: str, now: bool = False) -> Run:
    """Stop a run. What is done is kept; a step that runs is asked to stop, and made to after a while.

    `now` takes running steps away at once. Cancelling a cancelled run changes nothing.
    """
    with transaction.atomic():
        run = locked(run_id)
        if run.state in (RunState.SUCCEEDED, RunState.PARTIAL):
            raise NotPossible(f"run {run.id} has {run.get_state_display().lower()}: it stays so")
        if run.is_ended and run.state == RunState.CANCELLED:
            return run
        if run.cancel_requested_at is None:
            # That may be a failed run: it is open for a retry until it is cancelled.
            stop(run, reason or "cancelled", actor=actor)
        if now:
            transitions.tell(run.id, "run.taken_away", actor=actor, reason=reason)
            take_away(run)
        return run


def overdue() -> list[UUID]:
    """Cancelled runs with steps that did not stop when they were asked to."""
    asked_before = timezone.now() - timedelta(seconds=settings.AIOPS_CANCEL_GRACE_S)
    runs = Run.objects.filter(
        state=RunState.CANCELLING,
        cancel_requested_at__lt=asked_before,
        steps__state=StepState.RUNNING,
    )
    return list(runs.values_list("id", flat=True).distinct())


def take_away_overdue(run_id: UUID) -> None:
    with transaction.atomic():
        run = transitions.lock(run_id)
        if run is not None and run.state == RunState.CANCELLING:
            take_away(run)


def take_away(run: Run) -> None:
    """End the claims of a cancelled run's running steps: whatever they still write is refused."""
    for step in Step.objects.filter(run=run, state=StepState.RUNNING).exclude(
        name__startswith=UNDO
    ):
        ending = Ending(
            state=StepState.CANCELLED,
            outcome=Outcome.CANCELLED,
            error={"word": "cancelled", "message": "it was taken away: it did not stop when asked"},
            sent="" if step.effect == "pure" else "maybe",
            event="step.taken_away",
        )
        try:
            claims.end(claim_of(step), ending)
        except LeaseLost:
            continue  # it ended by itself just now
        _kill(step)
    settle(run)


def _kill(step: Step) -> None:
    """Kill the child that runs it. A thread cannot be killed: its call's deadline ends it."""
    if POOLS[step.pool].kind == "prefork" and dispatch.publishes_here() and step.task_id:
        task_id = step.task_id
        transaction.on_commit(
            lambda: app.control.revoke(task_id, terminate=True, signal="SIGKILL"), robust=True
        )
