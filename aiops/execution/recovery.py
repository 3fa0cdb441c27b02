"""Taking a step back from a worker that is gone."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from uuid import UUID

from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from aiops.execution import outcome
from aiops.execution.catalog import plan_of
from aiops.execution.claim import Claim, LeaseLost
from aiops.execution.work import node_of
from aiops.flow.errors import ErrorRecord, fingerprint
from aiops.models import Step, StepState, call_moves

log = logging.getLogger(__name__)


def expired() -> QuerySet[Step]:
    """Steps whose lease has ended without a word from their worker."""
    return Step.objects.select_related("run").filter(state=StepState.RUNNING, lease_until__lt=Now())


def of_message(run_id: UUID, task_id: str) -> QuerySet[Step]:
    """Steps that a dead child ran for this message."""
    return Step.objects.select_related("run").filter(
        run_id=run_id, task_id=task_id, state=StepState.RUNNING
    )


def of_node(node: str) -> QuerySet[Step]:
    """Steps that an earlier process of this node ran."""
    return Step.objects.select_related("run").filter(
        worker__startswith=f"{node}/", state=StepState.RUNNING
    )


def recover(steps: Iterable[Step], why: str) -> int:
    """Record the loss of each step's worker, and let the run go on. Returns how many were lost."""
    number = 0
    for step in steps:
        try:
            _recover(step, why)
        except LeaseLost:
            continue  # its worker, or another keeper, was faster
        number += 1
        log.warning("step.worker_lost run=%s step=%s worker=%s", step.run_id, step, step.worker)
    return number


def claim_of(step: Step) -> Claim:
    """The claim that a row shows, for whoever ends it in its holder's place."""
    return Claim(
        step_id=step.id,
        run_id=step.run_id,
        name=step.name,
        item=step.item,
        item_value=None,
        fence=step.fence,
        epoch=step.epoch,
        tries=step.tries,
        losses=step.losses,
        history=step.history,
        in_doubt=step.in_doubt,
        started_at=step.started_at or timezone.now(),
        handle=step.handle,
    )


def _recover(step: Step, why: str) -> None:
    claim = claim_of(step)
    node = node_of(plan_of(step.run.version_id), step.name, claim)
    error = ErrorRecord(
        word="lost",
        type="WorkerLost",
        message=f"{why} ({step.worker})",
        sent="maybe",
        fingerprint=fingerprint(step.name, "lost", "", why),
    )
    # The answer may have been on its way: what it may have cost is booked before the step goes on.
    call_moves.book_lost(claim.step_id, claim.fence)
    outcome.record(claim, outcome.lost(claim, node, error, timezone.now()))
