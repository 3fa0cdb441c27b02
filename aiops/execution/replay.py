"""Replay: a new run of the same or an edited input that keeps what an earlier run has finished."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import transaction

from aiops.execution.catalog import workflow_named
from aiops.execution.payloads import check_out
from aiops.execution.resume import NotPossible, locked
from aiops.execution.start import start_run
from aiops.flow.plan import Plan
from aiops.models import Run, Step, StepState, transitions


def replay(
    run_id: UUID, *, actor: str, input: Any = None, from_step: str | None = None, reason: str = ""
) -> Run:
    """Start a new run like an earlier one, with the same input unless another is given.

    With `from_step`, the steps before it are kept with their results and not run again: the new
    run's workflow must still have them.
    """
    with transaction.atomic():
        earlier = locked(run_id)
        given = check_out(earlier.input, earlier.input_ref) if input is None else input
        plan = workflow_named(earlier.workflow).plan
        kept = _kept(earlier, plan, from_step) if from_step else []
        run = start_run(
            earlier.workflow,
            given,
            tenant=earlier.tenant,
            title=earlier.title,
            priority=earlier.priority,
            metadata=earlier.metadata,
            started_by=actor,
            before_first=lambda new: _copy(new, kept),
        )
        transitions.mark_run(run, replay_of_id=earlier.id)
        transitions.tell(
            run.id, "run.replays", actor=actor, of=str(earlier.id), start=from_step, reason=reason
        )
        return run


def _kept(earlier: Run, plan: Plan, from_step: str) -> list[Step]:
    """The finished steps of the earlier run that do not come at or after `from_step`."""
    if from_step not in plan.by_name:
        raise NotPossible(
            f"{plan.workflow} has no step {from_step!r}; its steps are {', '.join(plan.by_name)}"
        )
    before = plan.before(from_step)
    again = {from_step, *plan.after(from_step)}
    steps = Step.objects.filter(run=earlier, map__isnull=True, name__in=plan.by_name.keys() - again)
    done = [step for step in steps if step.state in (StepState.SUCCEEDED, StepState.SKIPPED)]
    missing = sorted(before - {step.name for step in done})
    if missing:
        raise NotPossible(
            f"run {earlier.id} has not finished {', '.join(missing)}: replay from there"
        )
    return done


def _copy(run: Run, kept: list[Step]) -> None:
    """Give the new run's steps the results they had."""
    for step in kept:
        new = Step.objects.get(run=run, name=step.name, map__isnull=True)
        transitions.keep(new.id, step)
        items = Step.objects.filter(map=step).exclude(state=StepState.CANCELLED)
        transitions.copy_items(new, list(items))
