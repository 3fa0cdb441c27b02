"""Pausing a pool or a workflow: no further step of it starts until a person lets it go on.

A claim looks at the pauses in its own statement, so a pause holds from its commit on. A message
that comes meanwhile does nothing but mark its step as unsent: the keeper sends again what is so
marked as soon as nothing holds it any more.
"""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from aiops.execution.catalog import workflow_named
from aiops.execution.resume import NotPossible
from aiops.flow.refusals import UnknownWorkflow
from aiops.models import Pausable, Pause, Reason, Step, StepState, WorkflowVersion, transitions
from aiops.pools import STEP_POOLS

MAX_REASON = 300
#: At most so many rows are touched at once; beyond, the keeper finds them one after the other.
MOST_TOUCHED = 50_000


def pause(what: str, name: str, *, actor: str, reason: str) -> Pause:
    """Start no further step of a pool or a workflow; what runs, finishes. Runs are still accepted.

    Raises NotPossible when it is paused already, or there is nothing of this name.
    """
    if why := refusal(what, name):
        raise NotPossible(why)
    if not reason.strip():
        raise NotPossible("Give a reason: everybody who waits for it is told")
    try:
        with transaction.atomic():
            made = Pause.objects.create(
                what=what, name=name, reason=reason.strip()[:MAX_REASON], paused_by=actor
            )
            transitions.tell(None, f"{what}.paused", actor=actor, name=name, reason=made.reason)
    except IntegrityError:
        raise NotPossible(_paused_already(what, name)) from None
    return made


def go_on(what: str, name: str, *, actor: str, reason: str = "") -> None:
    """Let it go on: the keeper sends at once what was held. Raises NotPossible when it is not paused."""
    with transaction.atomic():
        found = Pause.objects.select_for_update().filter(what=what, name=name).first()
        if found is None:
            raise NotPossible(f"{what} {name} is not paused")
        found.delete()
        transitions.tell(
            None,
            f"{what}.resumed",
            actor=actor,
            name=name,
            reason=reason.strip()[:MAX_REASON],
            was={"by": found.paused_by, "at": found.paused_at.isoformat(), "reason": found.reason},
        )
        _grant_time(what, name)
        if what == Pausable.WORKFLOW:
            _wake_put_off(name)


def refusal(what: str, name: str) -> str:
    """Why this cannot be paused; "" when it can."""
    match what:
        case Pausable.POOL if name == "control":
            return (
                "Pool control moves all runs on, and runs no step: pause the others, or a workflow"
            )
        case Pausable.POOL if name not in STEP_POOLS:
            return f"There is no pool {name!r}; the pools are {', '.join(STEP_POOLS)}"
        case Pausable.WORKFLOW if not _is_known(name):
            return f"There is no workflow {name!r}: manage.py listworkflows tells their names"
    found = Pause.objects.filter(what=what, name=name).first()
    return "" if found is None else _paused_already(what, name)


def _paused_already(what: str, name: str) -> str:
    found = Pause.objects.filter(what=what, name=name).first()
    by = f" by {found.paused_by}: {found.reason}" if found else ""
    return f"{what.capitalize()} {name} is paused already{by}"


def _is_known(workflow: str) -> bool:
    """Whether it has run here, or could: the code of one that has may be gone by now."""
    if WorkflowVersion.objects.filter(name=workflow).exists():
        return True
    try:
        workflow_named(workflow)
    except UnknownWorkflow:
        return False
    return True


def _grant_time(what: str, name: str) -> None:
    """Let what came due meanwhile count as sent just now: neither lost nor in limbo yet."""
    due = timezone.now() + timedelta(seconds=settings.AIOPS_DISPATCH_S)
    steps = Step.objects.filter(
        Q(state=StepState.QUEUED, map__isnull=True) | Q(reason=Reason.ITEMS), dispatch_due__lt=due
    )
    whose = Q(pool=name) if what == Pausable.POOL else Q(run__workflow=name)
    Step.objects.filter(id__in=_free(steps.filter(whose))).update(dispatch_due=due)


def _wake_put_off(workflow: str) -> None:
    """Let the child runs begin that `advance` has put off."""
    steps = Step.objects.filter(
        state=StepState.PENDING, wake_at__isnull=False, run__workflow=workflow
    )
    Step.objects.filter(id__in=_free(steps)).update(wake_at=timezone.now())


def _free(steps: QuerySet[Step]) -> list[UUID]:
    """Lock those that nobody holds: the others are being moved at this moment."""
    rows = steps.select_for_update(of=("self",), skip_locked=True)
    return list(rows.values_list("id", flat=True)[:MOST_TOUCHED])
