"""Steps that only wait: approval, event, timer, child run. They hold no worker and no message."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q
from django.utils import timezone

from aiops.execution import escalate, meeting
from aiops.execution.board import Board
from aiops.execution.payloads import check_in
from aiops.execution.values import RunInfo, Values, output
from aiops.flow import data
from aiops.flow.errors import PermanentInput, describe
from aiops.flow.plan import PlanNode
from aiops.flow.refusals import UnknownWorkflow
from aiops.models import Reason, Run, RunState, Signal, StepState, signal_moves, transitions


def begin(board: Board, node: PlanNode) -> None:
    """Start a wait. A wait that cannot start (its data does not fit) fails its step."""
    try:
        _BEGINNINGS[node.kind](board, node)
    except PermanentInput as error:
        step = board.views[node.name].id
        transitions.fail(step, describe(error, node.name).to_json(), run_id=board.run.id)
        board.becomes(node.name, StepState.FAILED)


def look(board: Board, node: PlanNode) -> None:
    """End a wait whose cause has come or whose time is over."""
    match node.kind:
        case "sleep":
            _look_at_timer(board, node)
        case "approval":
            _look_at_approval(board, node)
        case "wait_for":
            _look_at_event(board, node)
        case "child":
            _look_at_child(board, node)


def succeed(board: Board, node: PlanNode, result: Any, *, actor: str = "") -> None:
    """End a wait with a result."""
    kept, ref = check_in(result, board.run.id)
    step = board.views[node.name].id
    if transitions.succeed(step, kept, run_id=board.run.id, actor=actor, ref=ref):
        board.becomes(node.name, StepState.SUCCEEDED)


def _begin_sleep(board: Board, node: PlanNode) -> None:
    wake_at = timezone.now() + timedelta(seconds=node.sleep_s)
    transitions.wait(board.views[node.name].id, Reason.TIMER, until=wake_at, wake_at=wake_at)
    board.becomes(node.name, StepState.WAITING, Reason.TIMER)


def _look_at_timer(board: Board, node: PlanNode) -> None:
    wake_at = board.views[node.name].wake_at
    if wake_at is not None and wake_at <= timezone.now():
        succeed(board, node, None)


def _begin_approval(board: Board, node: PlanNode) -> None:
    step = board.views[node.name].id
    due_at = timezone.now() + timedelta(hours=node.due_h) if node.due_h else None
    # Nobody's answer is an answer only where the workflow says so; then the keeper wakes it.
    wake_at = due_at if node.if_nobody != "wait" else None
    transitions.wait(step, Reason.APPROVAL, until=due_at, wake_at=wake_at)
    ask_for_approval(board, node, due_at)
    board.becomes(node.name, StepState.WAITING, Reason.APPROVAL)


def ask_for_approval(board: Board, node: PlanNode, due_at: datetime | None) -> None:
    """Open the question of an approval; nothing happens when it is open already."""
    escalate.ask(
        run_id=board.run.id,
        step_id=board.views[node.name].id,
        kind="approval",
        question=node.question,
        shows=_shown(board, node),
        due_at=due_at,
        if_nobody=node.if_nobody,
    )


def _shown(board: Board, node: PlanNode) -> dict[str, Any]:
    """What the person who approves sees: each source with its value."""
    names = {source.split(".")[0] for source in node.shows}
    values = Values(RunInfo.of(board.run), board.plan).get(names)
    return {source: data.select(source, values) for source in node.shows}


def _look_at_approval(board: Board, node: PlanNode) -> None:
    wake_at = board.views[node.name].wake_at
    if wake_at is None or wake_at > timezone.now():
        return
    approved = node.if_nobody == "approve"
    silence = f"nobody answered in time: {'approved' if approved else 'rejected'}"
    escalate.close(board.run.id, [board.views[node.name].id], why=silence)
    answer = {"approved": approved, "by": "nobody", "note": "", "at": timezone.now()}
    if approved or node.on_reject == "continue":
        succeed(board, node, data.decision(answer))
    else:
        error = {"word": "rejected", "message": "nobody answered in time"}
        transitions.fail(board.views[node.name].id, error, run_id=board.run.id)
        board.becomes(node.name, StepState.FAILED)


def _begin_event(board: Board, node: PlanNode) -> None:
    step = board.views[node.name].id
    until = timezone.now() + timedelta(hours=node.timeout_h)
    awaited = {"event": node.event, "key": event_key(board, node)}
    meeting.hold(board.run.tenant, node.event, awaited["key"])
    transitions.wait(step, Reason.EVENT, until=until, wake_at=until, awaited=awaited)
    board.becomes(node.name, StepState.WAITING, Reason.EVENT)
    _look_at_event(board, node)


def _look_at_event(board: Board, node: PlanNode) -> None:
    """Take an event that is there (it may have come before its waiter), or notice the timeout."""
    step = board.views[node.name].id
    key = event_key(board, node)
    found = _for_it(board.run, node.event, key)
    if found is not None and signal_moves.take(found.id, step):
        succeed(board, node, found.payload)
        return
    view, now = board.views[node.name], timezone.now()
    if view.until is not None and view.until > now:
        if view.wake_at is not None and view.wake_at <= now:
            # It was woken for an event that another step has taken.
            transitions.wake([step], at=view.until)
        return
    if view.until is not None and transitions.need_person(step):
        question = f"The event {node.event!r} did not come in {node.timeout_h:g} h. What now?"
        escalate.ask(run_id=board.run.id, step_id=step, kind="event_missing", question=question)
        board.becomes(node.name, StepState.ATTENTION, Reason.PERSON)


def _for_it(run: Run, event: str, key: str) -> Signal | None:
    """The oldest event that a run may take."""
    # One that has started runs of its own is there for those that were there before it.
    is_open = Q(has_started=False) | Q(received_at__gt=run.created_at)
    # Not past one that is locked: that may be a duplicate being counted.
    found = Signal.objects.select_for_update(no_key=True).filter(
        is_open, tenant=run.tenant, name=event, match=key, taken_by__isnull=True
    )
    return found.order_by("received_at").first()


def event_key(board: Board, node: PlanNode) -> str:
    """What tells this run's event from the same event of others; "" matches by name alone."""
    if not node.match:
        return ""
    source = node.match.split(".")[0]
    return data.event_key(node, Values(RunInfo.of(board.run), board.plan).get([source]))


def _begin_child(board: Board, node: PlanNode) -> None:
    # A child starts as any run does: by the same function, which ends here.
    from aiops.execution.start import StartRefused, start_child

    step = board.views[node.name].id
    try:
        start_child(board, node)
    except StartRefused as error:
        raise PermanentInput(str(error)) from error
    except UnknownWorkflow as error:
        if transitions.need_person(step, {"word": "code_gone", "message": str(error)}):
            question = f"{error}. Put it back, then retry {node.name}."
            escalate.ask(run_id=board.run.id, step_id=step, kind="code_gone", question=question)
        board.becomes(node.name, StepState.ATTENTION, Reason.PERSON)
        return
    transitions.wait(step, Reason.CHILD)
    board.becomes(node.name, StepState.WAITING, Reason.CHILD)


def _look_at_child(board: Board, node: PlanNode) -> None:
    step = board.views[node.name].id
    child = Run.objects.filter(parent_step=step).order_by("-created_at").first()
    if child is not None and not child.is_ended:
        return
    if child is not None and child.state in (RunState.SUCCEEDED, RunState.PARTIAL):
        escalate.close(board.run.id, [step], why="its child run has succeeded")
        succeed(board, node, output(child))
        return
    if board.views[node.name].state == StepState.ATTENTION:
        return  # asked already
    message = f"Its child run of {node.workflow} is gone"
    if child is not None:
        message = f"{node.workflow} ({child.id}) ended as {child.state}: {child.reason}"
    if transitions.need_person(step, {"word": "child_failed", "message": message}):
        question = f"{message}. Retry it, or go on?"
        escalate.ask(run_id=board.run.id, step_id=step, kind="child_failed", question=question)
        board.becomes(node.name, StepState.ATTENTION, Reason.PERSON)


_BEGINNINGS = {
    "sleep": _begin_sleep,
    "approval": _begin_approval,
    "wait_for": _begin_event,
    "child": _begin_child,
}
