"""Working a bulk job off: a few runs first, then chunk after chunk. All that is known is in rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from aiops.celery import app
from aiops.execution import bulk, dispatch
from aiops.execution.bulk_plan import stands
from aiops.execution.carry_out import Given, Stale, carry_out
from aiops.execution.failures import failed_tries
from aiops.execution.plans import plan
from aiops.execution.resend import queue_lengths
from aiops.execution.resume import NotPossible, locked
from aiops.flow.errors import StepError
from aiops.flow.refusals import WorkflowError
from aiops.models import (
    Attempt,
    BulkItem,
    BulkJob,
    BulkOutcome,
    BulkState,
    Priority,
    Reason,
    Step,
    StepState,
    transitions,
)
from aiops.pools import POOLS

#: So many runs at once, and then others have their turn.
CHUNK = 20
PAUSE_S = 2.0
#: How long a chunk counts as being worked on; after a crash it goes on this much later.
HOLD_S = 60.0
#: While so many messages wait for the same workers, runs go before bulk jobs.
MOST_WAITING = 50
#: The first runs get this long to end, or to go on past what had failed.
PATIENCE_S = 1800.0

_HAS_NOT_GONE_ON: tuple[str, ...] = (
    *(StepState.PENDING, StepState.QUEUED, StepState.RUNNING, StepState.RETRYING),
)


def due() -> list[UUID]:
    """Jobs that have something to do now."""
    found = BulkJob.objects.filter(wake_at__lte=timezone.now(), state__in=bulk.AT_WORK)
    return list(found.values_list("id", flat=True)[:100])


def ring() -> None:
    """Send a message for each job that is due: the keeper's part. Raises BrokerAway.

    A job that nobody has taken is told of again: of two messages, the second does nothing.
    """
    jobs = due()
    if not jobs or queue_lengths(["control"]).get("control", 0) >= MOST_WAITING:
        return
    options: dict[str, Any] = {
        "queue": POOLS["control"].queue,
        "priority": dispatch.PRIORITIES[Priority.BATCH],
    }
    for job_id in jobs:
        try:
            app.send_task("tasks.run_bulk", [str(job_id)], ignore_result=True, **options)
        except dispatch.BROKER_ERRORS as error:
            raise dispatch.BrokerAway(str(error)) from error


def work(job_id: UUID) -> str:
    """Do the next chunk of a job, if it is due; a second message finds nothing to do."""
    job = _taken(job_id)
    if job is None:
        return "not due"
    if back := came_back(job):
        bulk.stop(job.id, actor="", why=f"The same error came back: {_told(back)}.")
        return "stopped"
    if job.state == BulkState.CANARY and not _canary_may_pass(job):
        return "waits for the first runs"
    for item in _chunk(job):
        _do(job, item)
    return _after(job)


def _taken(job_id: UUID) -> BulkJob | None:
    """Take the job for one chunk; None when it is not due, or somebody else has it."""
    now = timezone.now()
    found = BulkJob.objects.filter(id=job_id, state__in=bulk.AT_WORK, wake_at__lte=now)
    if not found.update(wake_at=now + timedelta(seconds=HOLD_S)):
        return None
    return BulkJob.objects.filter(id=job_id, state__in=bulk.AT_WORK).first()


def came_back(job: BulkJob) -> list[Attempt]:
    """Tries that failed as before, in runs that this job has retried."""
    if job.verb != "retry" or not job.fingerprints:
        return []
    done = job.items.filter(outcome=BulkOutcome.DONE)
    tries = failed_tries(*job.fingerprints).filter(
        finished_at__gte=job.started_at or job.made_at, run__in=done.values("run_id")
    )
    at = dict(done.values_list("run_id", "at"))
    found = tries.defer("error").select_related("step").order_by("id")
    return [one for one in found if (when := at.get(one.run_id)) and one.finished_at > when]


def _told(back: Sequence[Attempt]) -> str:
    runs = len({one.run_id for one in back})
    first = back[0]
    name = f"{first.step.name} failed as before"
    return f"{name} in {runs} run{'s' if runs > 1 else ''} of those that were retried"


def _canary_may_pass(job: BulkJob) -> bool:
    """Whether the first runs are done and have gone on; if not, the job looks again later."""
    first = bulk.canary_of(job)
    if any(item.outcome == BulkOutcome.READY for item in first):
        return True
    waiting = [item for item in first if item.outcome == BulkOutcome.DONE]
    if job.verb != "retry" or not _still_at_it([item.run_id for item in waiting]):
        BulkJob.objects.filter(id=job.id, state=BulkState.CANARY).update(state=BulkState.RUNNING)
        job.state = BulkState.RUNNING
        return True
    if job.started_at and timezone.now() - job.started_at > timedelta(seconds=PATIENCE_S):
        why = f"The first {len(first)} runs have not gone on within {PATIENCE_S / 60:.0f} minutes."
        bulk.stop(job.id, actor="", why=f"{why} Look at them, then make a new plan.")
    else:
        _wake(job)
    return False


def _still_at_it(runs: Sequence[UUID]) -> bool:
    """Whether a step that was put back has not gone on yet. A rerun raises its epoch."""
    moving = Q(state__in=_HAS_NOT_GONE_ON) | Q(state=StepState.WAITING, reason=Reason.ITEMS)
    again = Step.objects.filter(moving, run__in=runs, epoch__gt=0, run__finished_at__isnull=True)
    return again.exists()


def _chunk(job: BulkJob) -> list[BulkItem]:
    """The next runs; at first only the few that go ahead of the rest."""
    if job.state == BulkState.CANARY:
        return [item for item in bulk.canary_of(job) if item.outcome == BulkOutcome.READY]
    ready = job.items.filter(outcome=BulkOutcome.READY)
    return list(ready.order_by("place")[:CHUNK])


def _after(job: BulkJob) -> str:
    """What comes after a chunk."""
    if job.items.filter(outcome=BulkOutcome.READY).exists():
        _wake(job)
        return "goes on"
    bulk.finish(job.id)
    return "done"


def _wake(job: BulkJob) -> None:
    at = timezone.now() + timedelta(seconds=PAUSE_S)
    BulkJob.objects.filter(id=job.id, state__in=bulk.AT_WORK).update(wake_at=at)


def _do(job: BulkJob, item: BulkItem) -> None:
    """Do it to one run, and write down what became of it: both, or neither."""
    with transaction.atomic():
        ready = BulkItem.objects.select_for_update(skip_locked=True, of=("self",))
        if not ready.filter(id=item.id, outcome=BulkOutcome.READY).exists():
            # Stopped, or done by a second worker.
            return
        outcome, note = _outcome(job, item)
        BulkItem.objects.filter(id=item.id).update(
            outcome=outcome, note=note[:300] if note else F("note"), at=timezone.now()
        )


def _outcome(job: BulkJob, item: BulkItem) -> tuple[str, str]:
    try:
        with transaction.atomic():
            return _carried_out(job, item)
    except Stale as stale:
        return BulkOutcome.CHANGED, str(stale)
    except (NotPossible, WorkflowError, StepError) as error:
        return BulkOutcome.REFUSED, str(error)


def _carried_out(job: BulkJob, item: BulkItem) -> tuple[str, str]:
    run_id = item.run_id
    locked(run_id)
    stand = stands(job.verb, [run_id])[run_id]
    if stand.fingerprint != item.fingerprint:
        return BulkOutcome.CHANGED, ""
    # The steps are as they were judged; the plan of each run is only made now.
    now = plan(run_id, job.verb)
    if now.tick:
        return BulkOutcome.REFUSED, "It must be looked at first: open it."
    given = Given(
        actor=job.made_by,
        fingerprint=now.fingerprint,
        reason=job.reason,
        person=job.person,
    )
    transitions.tell(
        run_id, "bulk.applied", actor=job.made_by, job=str(job.id), verb=job.verb, reason=job.reason
    )
    carry_out(run_id, job.verb, given)
    return BulkOutcome.DONE, ""
