"""Compensation: when a run stops, its jobs outside are given up, and what it did is taken back, newest first."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from aiops.execution import dispatch
from aiops.execution.canvas import LIMIT_MARGIN_S, Segment, Vehicle
from aiops.execution.catalog import plan_of
from aiops.flow.plan import Plan, PlanNode
from aiops.models import Reason, Run, Step, StepState, transitions
from aiops.models.step import UNDO


def undone(name: str) -> str | None:
    """The step that this step takes back; None when it is no step of undoing."""
    return name.removeprefix(UNDO) if name.startswith(UNDO) else None


def is_due(run: Run, plan: Plan) -> bool:
    """Whether a run that has failed must take something back."""
    return plan.on_failure == "undo" and _next(run, plan) is not None


def begin_next(run: Run) -> bool:
    """Begin to take back the newest step that was not taken back yet; False when none is left."""
    plan = plan_of(run.version_id)
    found = _job(run, plan) or (_next(run, plan) if plan.on_failure == "undo" else None)
    if found is None:
        return False
    node = plan.by_name[found.name]
    step = Step.objects.create(
        run=run,
        name=UNDO + found.name,
        kind="step",
        pool=node.pool,
        # Taking back is sent again after a crash: an undo must bear that.
        effect="idempotent",
        state=StepState.QUEUED,
        reason=Reason.MESSAGE,
        dispatch_due=timezone.now() + timedelta(seconds=settings.AIOPS_DISPATCH_S),
        dispatches=1 if dispatch.publishes_here() else 0,
    )
    transitions.tell(run.id, "step.undoing", step=step.id, name=found.name)
    dispatch.after_commit(dispatch.addressee(run), [Vehicle(((segment(step, node),),))])
    return True


def wake(run: Run) -> None:
    """Send again the steps of undoing whose retry is due, or that a person put back."""
    plan = plan_of(run.version_id)
    is_due = Q(state=StepState.RETRYING, wake_at__lte=timezone.now()) | Q(state=StepState.PENDING)
    for step in Step.objects.filter(is_due, run=run, name__startswith=UNDO):
        transitions.queue([step.id], published=dispatch.publishes_here())
        node = plan.by_name[step.name.removeprefix(UNDO)]
        dispatch.after_commit(dispatch.addressee(run), [Vehicle(((segment(step, node),),))])


def segment(step: Step, node: PlanNode) -> Segment:
    """The message that carries a step of undoing."""
    return Segment(
        pool=node.pool,
        names=(step.name,),
        steps=(step.id,),
        epoch=step.epoch,
        limit_s=node.timeout_s + LIMIT_MARGIN_S,
    )


def _job(run: Run, plan: Plan) -> Step | None:
    """A step that was stopped while its job, or that of an item, may still run outside."""
    names = [node.name for node in plan.nodes if node.has_cancel]
    if not names:
        return None
    steps = Step.objects.filter(run=run, map__isnull=True)
    jobs = Step.objects.filter(
        run=run, name__in=names, state=StepState.CANCELLED, handle__isnull=False
    )
    begun = [UNDO + name for name in names]
    done = {
        n.removeprefix(UNDO) for n in steps.filter(name__in=begun).values_list("name", flat=True)
    }
    left = [name for name in jobs.values_list("name", flat=True) if name not in done]
    return steps.filter(name__in=left).order_by("id").first()


def _next(run: Run, plan: Plan) -> Step | None:
    steps = list(
        Step.objects.filter(run=run, map__isnull=True).only(
            "id", "name", "kind", "state", "finished_at"
        )
    )
    begun = {step.name for step in steps if undone(step.name)}
    open_ = [
        step
        for step in steps
        if step.state == StepState.SUCCEEDED
        and step.kind == "step"
        and step.name in plan.by_name
        and plan.by_name[step.name].has_undo
        and UNDO + step.name not in begun
    ]
    return max(open_, key=lambda step: (step.finished_at, step.id), default=None)
