"""`advance`: the only motor. Whatever has happened to a run, this finds what comes next."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from aiops.execution import dispatch, escalate, fanout, holds, undo, waits
from aiops.execution.board import Board, Standing, left_out, standing
from aiops.execution.canvas import Members, compile, ready
from aiops.execution.catalog import plan_of
from aiops.flow.plan import PlanNode
from aiops.models import Reason, Run, RunState, Step, StepState, transitions
from aiops.models.run import ENDED
from aiops.models.step import ALIVE

#: What a paused workflow has put off is looked at again after this long, should nobody wake it.
PUT_OFF_S = 30.0


def advance(run_id: UUID) -> None:
    """Move a run on: find what is ready, mark it, and send its messages after the commit.

    Safe to call at any time, any number of times, by anyone.
    """
    with transaction.atomic():
        run = transitions.lock(run_id)
        if run is not None:
            settle(run)


def settle(run: Run, board: Board | None = None) -> None:
    """Advance a run whose lock is held; `board` spares reading rows that were just written."""
    if run.is_ended:
        return
    if run.cancel_requested_at is not None:
        _come_to_rest(run)
    elif run.deadline_at is not None and run.deadline_at <= timezone.now():
        stop(run, "its deadline has passed")
    elif run.paused_at is not None:
        _stand_still(run)
    elif not _is_behind_another(run):
        _go_on(board or Board.load(run))


def stop(run: Run, reason: str, *, actor: str = "") -> None:
    """Stop a locked run: what nobody runs ends now, what runs is asked to, children follow."""
    transitions.mark_run(run, cancel_requested_at=timezone.now(), paused_at=None)
    transitions.move_run(run, RunState.CANCELLING, reason=reason, actor=actor)
    transitions.cancel_steps(run.id)
    escalate.close(run.id, why=f"the run was stopped: {reason}")
    stop_children(Step.objects.filter(run=run).values("id"), reason)
    _come_to_rest(run)


def stop_children(steps: Any, reason: str) -> None:
    """Stop the child runs that these steps (ids, or a query of them) wait for, after the commit."""
    for child in Run.objects.filter(parent_step__in=steps, finished_at__isnull=True):
        _stop_child_after_commit(child.id, reason)


def _stop_child_after_commit(run_id: UUID, reason: str) -> None:
    transaction.on_commit(lambda: stop_child(run_id, reason))


def stop_child(run_id: UUID, reason: str) -> None:
    """Stop the child of a stopped run; the keeper does it too, should this process die first."""
    with transaction.atomic():
        run = transitions.lock(run_id)
        if run is not None and not run.is_ended and run.cancel_requested_at is None:
            stop(run, f"its parent stopped: {reason}")


def _stand_still(run: Run) -> None:
    """Let a paused run say so as soon as nothing of it is worked on any more."""
    if not Step.objects.filter(run=run, state=StepState.RUNNING).exists():
        transitions.move_run(run, RunState.WAITING, reason=run.reason)


def _is_behind_another(run: Run) -> bool:
    """Whether the run ahead of it (same key, policy "queue") has not ended."""
    if run.after_id is None:
        return False
    if Run.objects.filter(id=run.after_id, finished_at__isnull=True).exists():
        transitions.move_run(run, RunState.WAITING, reason=f"behind run {run.after_id}")
        return True
    transitions.mark_run(run, after_id=None)
    return False


def _go_on(board: Board) -> None:
    """Mark everything that is due or has become ready, send it, and say where the run stands."""
    sends: list[str] = []
    members: list[Members] = []
    _wake(board, sends, members)
    put_off: set[str] = set()
    while True:
        found = ready(board.plan, board.states, board.chosen())
        begin = [name for name in found.begin if name not in put_off]
        if not begin and not found.skip:
            break
        transitions.skip([board.views[name].id for name in found.skip], run_id=board.run.id)
        for name in found.skip:
            board.becomes(name, StepState.SKIPPED)
        for name in begin:
            if _is_put_off(board, board.plan.by_name[name]):
                put_off.add(name)
            else:
                _begin(board, board.plan.by_name[name], sends, members)
    _send(board, sends, members)
    _conclude(board)


def _wake(board: Board, sends: list[str], members: list[Members]) -> None:
    """Look at what waits: end the waits whose time or cause has come."""
    now = timezone.now()
    for name, view in list(board.views.items()):
        node = board.plan.by_name[name]
        is_due = view.wake_at is not None and view.wake_at <= now
        match view.state, view.reason:
            case (StepState.RETRYING, _) | (
                StepState.WAITING,
                Reason.LANE | Reason.BUDGET | Reason.JOB,
            ) if is_due:
                board.becomes(name, StepState.QUEUED, Reason.MESSAGE)
                sends.append(name)
            case StepState.WAITING, Reason.ITEMS:
                members += fanout.look(board, node)
            case StepState.WAITING, _:
                # A lane, a budget or a job that is not due has nothing to look at.
                waits.look(board, node)
            case StepState.ATTENTION, _ if node.kind == "child":
                # Somebody may have mended the child instead of answering here.
                waits.look(board, node)


def _is_put_off(board: Board, node: PlanNode) -> bool:
    """Put off the start of a child run while the workflow of this one is paused.

    No worker takes a child run up: what holds every other step at its claim does not hold this.
    """
    if node.kind != "child" or not holds.is_paused(board.run.workflow):
        return False
    transitions.put_off(board.views[node.name].id, timezone.now() + timedelta(seconds=PUT_OFF_S))
    return True


def _begin(board: Board, node: PlanNode, sends: list[str], members: list[Members]) -> None:
    match node.kind:
        case "step" | "choose":
            board.becomes(node.name, StepState.QUEUED, Reason.MESSAGE)
            sends.append(node.name)
        case "map":
            members += fanout.begin(board, node)
        case _:
            waits.begin(board, node)


def _send(board: Board, sends: list[str], members: list[Members]) -> None:
    """Write the marks of what is to be sent, and send it after the commit."""
    vehicles = compile(board.plan, board.views, sends, members)
    if sends:
        steps = [board.views[name].id for name in sends]
        transitions.queue(steps, published=dispatch.publishes_here())
    dispatch.after_commit(dispatch.addressee(board.run), vehicles)


def _conclude(board: Board) -> None:
    """Bring the run's own state up to what its steps say."""
    stands = standing(board.views, board.items)
    if stands.state == RunState.FAILED and undo.is_due(board.run, board.plan):
        stop(board.run, f"undoing what was done: {stands.reason}")
        return
    if stands.state == RunState.SUCCEEDED and (missing := left_out(board.run)):
        stands = Standing(RunState.PARTIAL, f"without {missing}")
    _move(board.run, stands)


def _move(run: Run, stands: Standing) -> None:
    if transitions.move_run(run, stands.state, reason=stands.reason) and stands.state in ENDED:
        _tell_who_waits(run)


def _come_to_rest(run: Run) -> None:
    """End a stopped run once nothing of it moves and all that can be undone is undone."""
    transitions.cancel_steps(run.id)
    undo.wake(run)
    steps = Step.objects.filter(run=run)
    if steps.filter(state__in=(*ALIVE, StepState.ATTENTION)).exists():
        return
    if undo.begin_next(run):
        return
    failed = steps.filter(state=StepState.FAILED, map__isnull=True)
    is_undone = plan_of(run.version_id).on_failure == "undo" and failed.exists()
    _move(run, Standing(RunState.FAILED if is_undone else RunState.CANCELLED, run.reason))


def _tell_who_waits(run: Run) -> None:
    """Advance the parent of a run that has ended, and the run behind it."""
    escalate.close(run.id, why=f"the run has ended: {run.get_state_display().lower()}")
    waiting = list(Run.objects.filter(after=run, finished_at__isnull=True))
    if run.parent_step_id is not None:
        waiting += Run.objects.filter(steps=run.parent_step_id)
    for other in waiting:
        nudge(other.id)


def nudge(run_id: UUID) -> None:
    """Advance another run after this commit; the keeper does it too, should this process die."""
    if dispatch.publishes_here():
        transaction.on_commit(lambda: advance(run_id))
    else:
        dispatch.ring(run_id)
