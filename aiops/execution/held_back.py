"""What a pause keeps from going on: of a step, and of a run as a whole."""

from __future__ import annotations

from aiops.execution.facts import RunFacts, StepRow
from aiops.execution.holds import Held, concerns
from aiops.models import Reason, StepState


def held(facts: RunFacts) -> Held | None:
    """The pause that a run waits for: it holds a step, and no other goes on by itself."""
    if facts.run.is_ended or facts.run.paused_at is not None:
        return None
    found = None
    for step in facts.steps:
        on_hold = held_step(facts, step)
        found = found or on_hold
        if on_hold is None and _goes_on(facts, step):
            return None
    return found


def held_step(facts: RunFacts, step: StepRow) -> Held | None:
    """The pause that keeps this step from going on."""
    is_put_off = step.wake_at is not None
    if not concerns(step.state, step.reason, is_put_off=is_put_off) or runs(facts, step):
        return None
    return Held.of(step.paused)


def runs(facts: RunFacts, step: StepRow) -> bool:
    """Whether the step, or an item of it, is said to be running."""
    groups = facts.items.get(step.id, ()) if step.reason == Reason.ITEMS else ()
    running = StepState.RUNNING
    return step.state == running or any(group.state == running for group in groups)


def _goes_on(facts: RunFacts, step: StepRow) -> bool:
    """Whether a step is at work, or will be without anybody's help."""
    return runs(facts, step) or step.child_works or concerns(step.state, step.reason)
