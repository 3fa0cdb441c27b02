"""A bulk job in the hands of a person: confirmed once, stopped at any time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Count
from django.utils import timezone

from aiops.execution.resume import NotPossible
from aiops.models import BulkItem, BulkJob, BulkOutcome, BulkState, transitions

#: The first runs go ahead alone: the rest follows when they have not failed alike again.
CANARY = 5
#: More runs than this need their number typed.
UNTYPED = 200

#: States in which a job is worked on.
AT_WORK: tuple[str, ...] = (BulkState.CANARY, BulkState.RUNNING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmed:
    """What a person gives when they confirm a plan."""

    actor: str
    reason: str = ""
    #: The number of runs, where it must be typed.
    typed: str = ""
    #: Whom to ask; "" for anyone.
    person: str = ""
    #: Whether what had to be mended first is mended: those runs go ahead too.
    is_mended: bool = False


def confirm(job_id: UUID, given: Confirmed) -> BulkJob:
    """Let a planned job begin. Raises NotPossible, with what to do instead; nothing is done then."""
    with transaction.atomic():
        job = _locked(job_id)
        if given.is_mended:
            job.items.filter(outcome=BulkOutcome.LEFT_OUT, verdict="fix").update(
                outcome=BulkOutcome.READY
            )
        number = job.items.filter(outcome=BulkOutcome.READY).count()
        if why := refused(job, given, number):
            raise NotPossible(why)
        _move(
            job,
            BulkState.CANARY,
            reason=given.reason.strip()[:300],
            person=given.person.strip()[:150],
            started_at=timezone.now(),
            wake_at=timezone.now(),
        )
        tell(job, "bulk.confirmed", actor=given.actor, runs=number, reason=job.reason)
        return job


def refused(job: BulkJob, given: Confirmed, number: int) -> str:
    """Why a plan for so many runs cannot begin; "" when it can."""
    if job.state != BulkState.PLANNED:
        return "it was confirmed already: look at how far it has come"
    if job.made_by != given.actor:
        return f"{job.made_by} made this plan: make one of your own"
    if job.expires_at <= timezone.now():
        return "this plan is older than 10 minutes: make a new one, for runs may have changed"
    if number == 0:
        return "none of these runs can go ahead: open them one by one"
    if not given.reason.strip() and needs_reason(job.verb, is_mended=given.is_mended):
        return "give a reason: it is kept with each run"
    if number > UNTYPED and given.typed.strip().replace(",", "") != str(number):
        return f"type {number} to confirm that it is about so many runs"
    return ""


def needs_reason(verb: str, *, is_mended: bool = False) -> bool:
    return verb != "retry" or is_mended


def stop(job_id: UUID, *, actor: str, why: str) -> BulkJob:
    """Stop a job: what is done stays done, the rest is left alone. Raises NotPossible."""
    with transaction.atomic():
        job = _locked(job_id)
        if job.state not in AT_WORK:
            raise NotPossible(f"it is not at work: {job.get_state_display().lower()}")
        _move(
            job,
            BulkState.STOPPED,
            stopped_by=actor,
            stopped_why=why[:300],
            finished_at=timezone.now(),
            wake_at=None,
        )
        # Waits for an item that is in a worker's hands; that one is done then.
        left = job.items.filter(outcome=BulkOutcome.READY).update(outcome=BulkOutcome.STOPPED)
        tell(job, "bulk.stopped", actor=actor, why=why, left=left, **counts(job))
        return job


def finish(job_id: UUID) -> None:
    """End a job of which nothing is left; the second time, nothing happens."""
    with transaction.atomic():
        job = BulkJob.objects.select_for_update().get(id=job_id)
        if job.state in AT_WORK:
            _move(job, BulkState.DONE, finished_at=timezone.now(), wake_at=None)
            tell(job, "bulk.done", actor="", **counts(job))


def counts(job: BulkJob) -> dict[str, int]:
    """How many runs of the list became what."""
    rows = job.items.values_list("outcome").annotate(number=Count("id")).order_by()
    return {str(outcome): int(number) for outcome, number in rows}


def tell(job: BulkJob, kind: str, *, actor: str, **data: Any) -> None:
    """Append an event about the job as a whole."""
    transitions.tell(
        None, kind, actor=actor, job=str(job.id), verb=job.verb, chosen=job.chosen, **data
    )


def _locked(job_id: UUID) -> BulkJob:
    job = BulkJob.objects.select_for_update().filter(id=job_id).first()
    if job is None:
        raise NotPossible(f"there is no bulk job {job_id}: make a new plan")
    return job


def _move(job: BulkJob, state: BulkState, **fields: Any) -> None:
    """Move a locked job to a state."""
    BulkJob.objects.filter(id=job.id).update(state=state, **fields)
    for name, value in {"state": state, **fields}.items():
        setattr(job, name, value)


def canary_of(job: BulkJob) -> list[BulkItem]:
    """The runs that go first."""
    planned = (BulkOutcome.LEFT_OUT,)
    return list(job.items.exclude(outcome__in=planned).order_by("place")[:CANARY])
