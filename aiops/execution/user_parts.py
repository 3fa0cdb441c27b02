"""From the record to what a user may know of each part of the work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from django.conf import settings

from aiops.execution import judge
from aiops.execution.facts import ItemGroup, RunFacts, StepRow
from aiops.execution.held_back import held, runs
from aiops.execution.user_status import Part, UserStatus, Waits, user_status
from aiops.models import LaneState, Reason, StepState
from aiops.models.step import DONE

_WAITS: dict[str, Waits] = {
    Reason.APPROVAL: "person",
    Reason.EVENT: "event",
    Reason.TIMER: "time",
    Reason.JOB: "event",
}
#: Of what a child run waits for, what its parent's user hears of first.
_OF_CHILDREN = (Reason.APPROVAL, Reason.EVENT, Reason.TIMER, Reason.JOB)


def seen_by_user(facts: RunFacts, weights: Mapping[str, float] | None = None) -> UserStatus:
    """What the user is told; `weights` say how much of the whole each step is."""
    run = facts.run
    return user_status(
        run.state,
        [
            part(facts, step, (weights or {}).get(step.name, 1.0))
            for step in facts.steps
            if step.name in facts.plan.by_name
        ],
        is_stopping=run.cancel_requested_at is not None,
        is_paused=run.paused_at is not None or held(facts) is not None,
        is_closing=_is_closing(facts),
        tells=facts.plan.tells,
    )


def part(facts: RunFacts, step: StepRow, weight: float = 1.0) -> Part:
    node = facts.plan.by_name[step.name]
    is_leased = judge.is_leased(facts, step)
    is_held_up = is_leased and _is_held_up(facts, step)
    works = (is_leased and not is_held_up) or step.child_works
    return Part(
        says=node.says,
        is_done=step.state == StepState.SUCCEEDED,
        is_left_out=step.state == StepState.SKIPPED,
        has_failed=step.state == StepState.FAILED,
        works=works,
        comes_again=_comes_again(facts, step) or (runs(facts, step) and not works),
        asks=_asks(facts, step),
        waits=_waits(facts, step),
        share=share(facts.items.get(step.id, ())),
        weight=weight,
        since=step.since,
    )


def share(groups: Sequence[ItemGroup]) -> float:
    """The finished share of a map's items."""
    total = sum(group.number for group in groups if group.state != StepState.CANCELLED)
    done = sum(group.number for group in groups if group.state in DONE)
    return done / total if total else 0.0


def _comes_again(facts: RunFacts, step: StepRow) -> bool:
    """Whether it is tried again by itself, or stands in line for a service that is slow."""
    if step.reason == Reason.ITEMS:
        groups = facts.items.get(step.id, ())
        return any(g.state == StepState.RETRYING or _is_parked(g.state, g.reason) for g in groups)
    if step.reason == Reason.CHILD:
        return any(s == StepState.RETRYING or _is_parked(s, r) for s, r in _children(facts, step))
    return step.state == StepState.RETRYING or _is_parked(step.state, step.reason)


def _is_parked(state: str, reason: str) -> bool:
    return state == StepState.WAITING and reason in (Reason.LANE, Reason.BUDGET)


def _is_held_up(facts: RunFacts, step: StepRow) -> bool:
    """Whether the lane that it has stood in line for lets nothing through again."""
    lane = facts.lanes.get(step.lane)
    return lane is not None and lane.state in (LaneState.HELD, LaneState.STOPPED)


def _asks(facts: RunFacts, step: StepRow) -> bool:
    """Whether nothing but a person moves it."""
    if step.reason == Reason.CHILD:
        return any(state == StepState.ATTENTION for state, _ in _children(facts, step))
    is_stopped = judge.is_stopped(facts, step) and step.state != StepState.FAILED
    return is_stopped or _is_over_budget(step) or _waits_for_a_stopped_lane(facts, step)


def _is_over_budget(step: StepRow) -> bool:
    """Whether it waits until somebody raises its budget; what only waits for others goes on by itself."""
    is_waiting = step.state == StepState.WAITING and step.reason == Reason.BUDGET
    return is_waiting and (step.error or {}).get("code") != "in_flight"


def _waits_for_a_stopped_lane(facts: RunFacts, step: StepRow) -> bool:
    lane = facts.lanes.get(step.lane)
    is_waiting = step.state == StepState.WAITING and step.reason == Reason.LANE
    return is_waiting and lane is not None and lane.state == LaneState.STOPPED


def _waits(facts: RunFacts, step: StepRow) -> Waits:
    if step.state != StepState.WAITING:
        return ""
    if step.reason != Reason.CHILD:
        return _WAITS.get(step.reason, "")
    waiting = {reason for state, reason in _children(facts, step) if state == StepState.WAITING}
    return next((_WAITS[reason] for reason in _OF_CHILDREN if reason in waiting), "")


def _children(facts: RunFacts, step: StepRow) -> frozenset[tuple[str, str]]:
    return facts.children.get(step.id, frozenset())


def _is_closing(facts: RunFacts) -> bool:
    """Whether its last part has just ended, and only the end of the whole is not written yet."""
    steps = [step for step in facts.steps if step.name in facts.plan.by_name]
    if not steps or not all(step.state in DONE for step in steps):
        return False
    newest = max(step.since for step in steps)
    return facts.now - newest < timedelta(seconds=settings.AIOPS_LEASE_S)
