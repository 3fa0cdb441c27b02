"""What a verb would bring about, foreseen from the facts: pure, and nothing of it is written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from aiops.execution import judge
from aiops.execution.board import standing
from aiops.execution.canvas import StepView
from aiops.execution.facts import STOPPED, ItemGroup, RunFacts, StepRow
from aiops.execution.undo import undone
from aiops.execution.user_parts import seen_by_user
from aiops.execution.user_status import UserStatus
from aiops.execution.verdict import Verdict
from aiops.models import Reason, RunState, StepState
from aiops.models.step import DONE, UNDO


@dataclass(frozen=True, slots=True)
class Again:
    """A step that will run again, and whether it may."""

    name: str
    verdict: Verdict
    #: Of a map: how many of its items run again.
    items: int = 0


@dataclass(frozen=True, slots=True)
class Stopped:
    name: str
    word: str


#: What a waiting node waits for once it has begun; every other goes into its pool's queue.
_BEGINS: dict[str, tuple[str, str]] = {
    "approval": (StepState.WAITING, Reason.APPROVAL),
    "wait_for": (StepState.WAITING, Reason.EVENT),
    "sleep": (StepState.WAITING, Reason.TIMER),
    "child": (StepState.WAITING, Reason.CHILD),
}
_IN_LINE: dict[str, Any] = {"state": StepState.QUEUED, "reason": Reason.MESSAGE}


def stuck(facts: RunFacts) -> list[StepRow]:
    """The steps that a plain retry runs again."""
    return [step for step in facts.steps if step.state in STOPPED]


def from_here(facts: RunFacts, name: str) -> list[StepRow]:
    """A step and everything after it, as far as it has begun."""
    names = {name, *facts.plan.after(name)}
    return [s for s in facts.steps if s.name in names and s.state != StepState.PENDING]


def again(facts: RunFacts, steps: Iterable[StepRow], *, whole: bool) -> tuple[Again, ...]:
    """What runs again of these steps; of a map its failed items, or the `whole` of it."""
    return tuple(
        Again(step.name, judge.of_step(facts, step), repeats(facts, step, whole=whole))
        for step in steps
    )


def repeats(facts: RunFacts, step: StepRow, *, whole: bool) -> int:
    """How many items of a map run again; 0 for what is no map, or has no items yet."""
    groups = facts.items.get(step.id, ())
    return sum(group.number for group in groups if whole or group.state in STOPPED)


def open_steps(facts: RunFacts) -> tuple[Stopped, ...]:
    """What ends when the run is cancelled. Steps that have not begun are not worth a line."""
    return tuple(
        Stopped(step.name, StepState(step.state).label)
        for step in facts.steps
        if step.state not in (*DONE, StepState.PENDING, StepState.FAILED, StepState.CANCELLED)
        and undone(step.name) is None
    )


def kept(facts: RunFacts, without: Iterable[StepRow] = ()) -> tuple[str, ...]:
    """The finished steps that stay as they are."""
    excepted = {step.id for step in without}
    return tuple(s.name for s in facts.steps if s.state in DONE and s.id not in excepted)


def has_happened(facts: RunFacts, step: StepRow) -> bool:
    """Whether an effect has happened, or may have; of a map, that of any item."""
    groups = facts.items.get(step.id, ())
    return (
        step.in_doubt
        or step.state == StepState.SUCCEEDED
        or judge.of_step(facts, step).key in ("check", "unsafe")
        or any(group.in_doubt or group.state == StepState.SUCCEEDED for group in groups)
    )


def twice(facts: RunFacts, steps: Iterable[StepRow]) -> list[str]:
    """The `once` effects among these steps that would happen a second time."""
    return [step.name for step in steps if step.effect == "once" and has_happened(facts, step)]


def gone_out(facts: RunFacts) -> tuple[str, ...]:
    """What the outside world keeps when the run stops here, in words."""
    taken_back = set(undoable(facts))
    return tuple(
        told
        for step in facts.steps
        if step.effect != "pure" and step.name not in taken_back and undone(step.name) is None
        if (told := _told(facts, step))
    )


def _told(facts: RunFacts, step: StepRow) -> str:
    if step.state == StepState.RUNNING:
        return f"{step.name} is running, and may still go out"
    if not has_happened(facts, step):
        return ""
    is_certain = step.state == StepState.SUCCEEDED or judge.of_step(facts, step).key == "unsafe"
    return f"{step.name} went out" if is_certain else f"{step.name} may have gone out"


def undoable(facts: RunFacts) -> list[str]:
    """The steps that are taken back when the run stops."""
    if facts.plan.on_failure != "undo":
        return []
    begun = {step.name for step in facts.steps}
    return [
        step.name
        for step in facts.steps
        if step.state == StepState.SUCCEEDED
        and step.name in facts.plan.by_name
        and facts.plan.by_name[step.name].has_undo
        and UNDO + step.name not in begun
    ]


def users_of(facts: RunFacts, name: str) -> list[str]:
    """Who takes this step's result: later steps, and the run's output."""
    found = [node.name for node in facts.plan.nodes if name in _sources(node)]
    return [*found, "the run's result"] if name in facts.plan.output else found


def _sources(node: Any) -> set[str]:
    paths = (*node.takes.values(), *node.shows, node.items, node.match, node.input)
    return {path.split(".")[0] for path in paths}


# What the user will read


def after_retry(facts: RunFacts, steps: Sequence[StepRow]) -> UserStatus:
    """The failed steps are in line again; what has succeeded of a map stays."""
    items = {step.id: tuple(_again_in_line(facts.items.get(step.id, ()))) for step in steps}
    open_map = {"state": StepState.WAITING, "reason": Reason.ITEMS}
    changes = {step.id: open_map if items[step.id] else _IN_LINE for step in steps}
    return _read(replace(facts, items={**facts.items, **items}), changes)


def _again_in_line(groups: Iterable[ItemGroup]) -> Iterator[ItemGroup]:
    for group in groups:
        is_again = group.state in STOPPED and not group.in_doubt
        yield replace(group, state=StepState.QUEUED) if is_again else group


def after_retry_from(facts: RunFacts, steps: Sequence[StepRow]) -> UserStatus:
    """They are back at the beginning."""
    fresh = {step.id: {"state": StepState.PENDING, "reason": ""} for step in steps}
    return _read(replace(facts, items=_without(facts, steps)), fresh)


def after_done(facts: RunFacts, step: StepRow, state: str) -> UserStatus:
    """A step is finished by hand, and those after it begin."""
    changed = {"state": state, "reason": "", "in_doubt": False}
    # An error that stays on a skipped row is what tells a person's skip from a branch not taken.
    changed["error"] = {"word": "skipped"} if state == StepState.SKIPPED else None
    return _read(replace(facts, items=_without(facts, [step])), {step.id: changed})


def after_pause(facts: RunFacts, *, is_paused: bool) -> UserStatus:
    run = copy(facts.run)
    run.paused_at = facts.now if is_paused else None
    return seen_by_user(replace(facts, run=run))


def after_cancel(facts: RunFacts, *, now: bool) -> UserStatus:
    """It ends at once, unless something runs or is to be taken back."""
    run = copy(facts.run)
    run.cancel_requested_at = facts.now
    runs = any(judge.is_leased(facts, step) for step in facts.steps)
    ends = not undoable(facts) and (now or not runs)
    # A run that has ended shows its end; any other, that it is stopping.
    run.state = RunState.CANCELLED if ends else RunState.CANCELLING
    return seen_by_user(replace(facts, run=run))


def after_replay(facts: RunFacts, kept_names: Iterable[str]) -> UserStatus:
    """The new run, as it begins."""
    names = set(kept_names)
    again = [s for s in facts.steps if s.name in facts.plan.by_name and s.name not in names]
    run = copy(facts.run)
    run.paused_at = run.cancel_requested_at = None
    return after_retry_from(replace(facts, run=run), again)


def _without(facts: RunFacts, steps: Iterable[StepRow]) -> dict[UUID, Sequence[ItemGroup]]:
    """The items of all maps but these."""
    gone = {step.id for step in steps}
    return {key: groups for key, groups in facts.items.items() if key not in gone}


def _read(facts: RunFacts, changes: Mapping[UUID, Mapping[str, Any]]) -> UserStatus:
    """What the user reads once these steps have changed and the run has moved on."""
    steps = [replace(step, **changes.get(step.id, {})) for step in facts.steps]
    if facts.run.paused_at is None:
        steps = _begun(facts, steps)
    # Whatever is left open of the old state is not the state that follows.
    run = copy(facts.run)
    run.state = _stands(facts, steps)
    return seen_by_user(replace(facts, run=run, steps=steps))


def _begun(facts: RunFacts, steps: list[StepRow]) -> list[StepRow]:
    """Let the steps begin that wait for nothing any more. Which branch is taken is not foreseen."""
    done = {step.name for step in steps if step.state in DONE}
    return [
        _begin(facts, step)
        if step.state == StepState.PENDING
        and step.name in facts.plan.by_name
        and done.issuperset(facts.plan.by_name[step.name].needs)
        else step
        for step in steps
    ]


def _begin(facts: RunFacts, step: StepRow) -> StepRow:
    kind = facts.plan.by_name[step.name].kind
    state, reason = _BEGINS.get(kind, (StepState.QUEUED, Reason.MESSAGE))
    return replace(step, state=state, reason=reason)


def _stands(facts: RunFacts, steps: Iterable[StepRow]) -> str:
    of_plan = [step for step in steps if step.name in facts.plan.by_name]
    views = {s.name: StepView(s.id, s.state, s.reason) for s in of_plan}
    items: dict[str, dict[str, int]] = {}
    for step in of_plan:
        for group in facts.items.get(step.id, ()):
            counts = items.setdefault(step.name, {})
            counts[group.state] = counts.get(group.state, 0) + group.number
    state = standing(views, items).state
    is_short = any(step.state == StepState.SKIPPED and step.error for step in of_plan)
    return RunState.PARTIAL if state == RunState.SUCCEEDED and is_short else state
