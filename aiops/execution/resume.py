"""A person's verbs: each edits rows under the run's lock, tells who did it, and lets `advance` go on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from aiops.execution import escalate
from aiops.execution.advance import settle, stop_children
from aiops.execution.catalog import plan_of, workflow_named
from aiops.execution.payloads import check_in
from aiops.flow import data
from aiops.flow.errors import StepError
from aiops.flow.plan import Plan
from aiops.flow.refusals import WorkflowError
from aiops.flow.registry import step_for
from aiops.models import Run, RunState, Step, StepState, promise_moves, transitions

#: Steps that a plain retry is for.
_STUCK = (StepState.FAILED, StepState.ATTENTION)


class NotPossible(Exception):
    """A verb was refused and nothing was changed. The message says why, and what to do instead."""


class Unfit(NotPossible):
    """A result given by hand is not one of its step: the message says what does not fit."""


def locked(run_id: UUID) -> Run:
    """Lock a run; raises NotPossible when there is none of this id."""
    run = transitions.lock(run_id)
    if run is None:
        raise NotPossible(f"there is no run {run_id}")
    return run


def retry(
    run_id: UUID, *, actor: str, names: Sequence[str] | None = None, reason: str = ""
) -> list[str]:
    """Run failed steps again (all, or those named); what succeeded is kept. Returns their names."""
    with transaction.atomic():
        run = _resumable(run_id)
        steps = _stuck(run, names)
        doubtful = [step.name for step in steps if step.in_doubt]
        if doubtful:
            raise NotPossible(
                f"{', '.join(doubtful)} may have happened: answer its question first "
                "(it happened / it did not)"
            )
        if not steps:
            raise NotPossible(_nothing_to_retry(run, names))
        _begin_again(run, steps)
        found = [step.name for step in steps]
        transitions.tell(run.id, "run.retried", actor=actor, steps=found, reason=reason)
        _reopen(run)
        return found


def retry_from(
    run_id: UUID, name: str, *, actor: str, reason: str = "", override: bool = False
) -> list[str]:
    """Run a step again, and everything after it. `override` repeats effects that went out."""
    with transaction.atomic():
        run = _resumable(run_id)
        plan = plan_of(run.version_id)
        names = {name, *plan.after(_known(plan, name))}
        steps = [s for s in _of_plan(run) if s.name in names and s.state != StepState.PENDING]
        _refuse_live(steps)
        went_out = [s.name for s in steps if s.effect == "once" and _went_out(s)]
        if went_out and not override:
            raise NotPossible(
                f"{', '.join(went_out)} went out already, and would go out a second time: "
                "retry from a later step, or say that you want it (override)"
            )
        _let_go(run, steps)
        transitions.reset([step.id for step in steps])
        transitions.tell(run.id, "run.retried_from", actor=actor, step_name=name, reason=reason)
        _reopen(run)
        return [step.name for step in steps]


def skip(run_id: UUID, name: str, *, actor: str, reason: str) -> None:
    """Leave a step out; the steps after it start without its result."""
    with transaction.atomic():
        run = _resumable(run_id)
        skip_step(run, _one(run, name), actor=actor, reason=reason)


def skip_step(run: Run, step: Step, *, actor: str, reason: str) -> None:
    """Leave out a step, or an item of a map, of a locked run.

    What the items of a map have brought so far is kept.
    """
    _refuse_live([step])
    _refuse_alone(run, step)
    if not transitions.skip([step.id], run_id=run.id, actor=actor, why=reason):
        raise NotPossible(f"{step} is {step.get_state_display().lower()}: it cannot be skipped")
    _let_go(run, [step])
    _reopen(run)


def supply(run_id: UUID, name: str, result: Any, *, actor: str, reason: str = "") -> None:
    """Give a step's result by hand, or mark it as done. The result must fit the step's type."""
    with transaction.atomic():
        run = _resumable(run_id)
        supply_step(run, _one(run, name), result, actor=actor, reason=reason)


def supply_step(run: Run, step: Step, result: Any, *, actor: str, reason: str = "") -> None:
    """Give the result of a step, or of an item of a map, of a locked run."""
    if step.kind == "map":
        raise NotPossible(
            f"{step} has a result for each item: retry it, or skip it to go on with what is there"
        )
    _refuse_alone(run, step)
    kept, ref = check_in(_fitting(plan_of(run.version_id), step, result), run.id)
    if not transitions.succeed(step.id, kept, run_id=run.id, actor=actor, ref=ref):
        raise NotPossible(f"{step} is {step.get_state_display().lower()}: a result cannot be given")
    _let_go(run, [step])
    transitions.tell(run.id, "step.supplied", step=step.id, actor=actor, reason=reason)
    _reopen(run)


def pause(run_id: UUID, *, actor: str, reason: str = "") -> None:
    """Start no further step; what runs, finishes."""
    with transaction.atomic():
        run = locked(run_id)
        if run.is_ended or run.cancel_requested_at is not None:
            raise NotPossible(f"run {run.id} is {run.get_state_display().lower()}")
        if run.paused_at is None:
            told = f"paused by {actor}: {reason}" if reason else f"paused by {actor}"
            transitions.mark_run(run, paused_at=timezone.now(), reason=told[:300])
            transitions.tell(run.id, "run.paused", actor=actor, reason=reason)
            settle(run)


def resume(run_id: UUID, *, actor: str, reason: str = "") -> None:
    """Go on after a pause."""
    with transaction.atomic():
        run = locked(run_id)
        if run.paused_at is None:
            raise NotPossible(f"run {run.id} is not paused")
        transitions.mark_run(run, paused_at=None)
        transitions.tell(run.id, "run.resumed", actor=actor, reason=reason)
        # Their messages came while it was paused, and were dropped.
        transitions.requeue(run.id)
        settle(run)


def decide(step: Step, *, approved: bool, actor: str, note: str) -> None:
    """Finish an approval under the run's lock; a rejection that stops is the caller's to carry out."""
    answer = {"approved": approved, "by": actor, "note": note, "at": timezone.now()}
    transitions.succeed(step.id, data.decision(answer), run_id=step.run_id, actor=actor)


def begin_again(run: Run, step: Step) -> None:
    """Put one step of a locked run back to its beginning, and go on."""
    _begin_again(run, [step])
    _reopen(run)


def _begin_again(run: Run, steps: Sequence[Step]) -> None:
    escalate.close(run.id, [step.id for step in steps], why="it is run again")
    for step in steps:
        if step.map_id is not None:
            transitions.reset([step.id], to=StepState.QUEUED)
            transitions.reopen_map(step.map_id)
        elif _has_items(step):
            items = Step.objects.filter(map=step, state__in=_STUCK, in_doubt=False)
            transitions.reset(list(items.values_list("id", flat=True)), to=StepState.QUEUED)
            transitions.reopen_map(step.id)
        else:
            transitions.reset([step.id])


def _has_items(step: Step) -> bool:
    return step.kind == "map" and Step.objects.filter(map=step).exists()


def _resumable(run_id: UUID) -> Run:
    """Lock a run that a verb may still change."""
    run = locked(run_id)
    if run.cancel_requested_at is not None or run.state == RunState.CANCELLED:
        raise NotPossible(f"run {run.id} was cancelled: replay it as a new run instead")
    if run.state in (RunState.SUCCEEDED, RunState.PARTIAL):
        raise NotPossible(f"run {run.id} has succeeded: replay it as a new run instead")
    return run


def _reopen(run: Run) -> None:
    """Bring a failed run back, and move it on."""
    if run.is_ended:
        transitions.move_run(run, RunState.QUEUED)
        promise_moves.owe_again(run.id)
    settle(run)


def _of_plan(run: Run) -> list[Step]:
    return list(Step.objects.filter(run=run, map__isnull=True).order_by("id"))


def _stuck(run: Run, names: Sequence[str] | None) -> list[Step]:
    if names is not None:
        for name in names:
            _known(plan_of(run.version_id), name)
    return [
        step
        for step in _of_plan(run)
        if step.state in _STUCK and (names is None or step.name in names)
    ]


def _nothing_to_retry(run: Run, names: Sequence[str] | None) -> str:
    if names:
        return f"{', '.join(names)}: not failed, so there is nothing to retry"
    return f"run {run.id} is {run.get_state_display().lower()}: no step of it has failed"


def _one(run: Run, name: str) -> Step:
    found = Step.objects.filter(run=run, map__isnull=True, name=name).first()
    if found is None:
        _known(plan_of(run.version_id), name)
        raise NotPossible(f"run {run.id} has no step {name!r}")
    return found


def _known(plan: Plan, name: str) -> str:
    if name not in plan.by_name:
        raise NotPossible(
            f"{plan.workflow} has no step {name!r}; its steps are {', '.join(plan.by_name)}"
        )
    return name


def _refuse_live(steps: Iterable[Step]) -> None:
    live = [
        step.name
        for step in steps
        if step.state == StepState.RUNNING
        or Step.objects.filter(map=step, state=StepState.RUNNING).exists()
    ]
    if live:
        raise NotPossible(f"{', '.join(live)} is running: wait until it ends, or cancel the run")


def _refuse_alone(run: Run, step: Step) -> None:
    """Let nobody finish by other means what the workflow leaves to several people."""
    node = plan_of(run.version_id).by_name.get(step.name)
    if node is not None and (node.people > 1 or node.not_by_starter):
        raise NotPossible(
            f"{step} takes {'several people' if node.people > 1 else 'another person'}: "
            "approve or reject its question"
        )


def _went_out(step: Step) -> bool:
    """Whether an effect has happened, or may have; of a map, that of any item."""
    happened = Q(state=StepState.SUCCEEDED) | Q(in_doubt=True)
    return Step.objects.filter(happened, Q(id=step.id, kind="step") | Q(map=step)).exists()


def _let_go(run: Run, steps: Sequence[Step]) -> None:
    """End what belonged to these steps and is needed no more: questions, open items, children."""
    ids = [step.id for step in steps]
    escalate.close(run.id, ids, why="it was decided without an answer")
    transitions.cancel_items(ids)
    stop_children(ids, f"{', '.join(step.name for step in steps)} needs it no more")


def _fitting(plan: Plan, step: Step, result: Any) -> Any:
    """Check a result given by hand as strictly as one that a worker returns."""
    node = plan.by_name[_known(plan, step.name)]
    try:
        match node.kind:
            case "approval":
                return data.decision(result)
            case "wait_for":
                return data.received_event(workflow_named(plan.workflow), node, result)
            case "sleep" | "child":
                return result
        return data.supplied(step_for(node), result)
    except (StepError, WorkflowError, ValueError, KeyError) as error:
        raise Unfit(f"this is not a result of {step}: {error}") from None
