"""What moves a step that is in limbo, where looking at its run again is not enough."""

from __future__ import annotations

from django.db.models import F

from aiops.execution import escalate, recovery, waits
from aiops.execution.board import Board
from aiops.execution.outcome import shown
from aiops.flow.plan import WORKED
from aiops.models import Escalation, Reason, Run, Step, StepState, transitions


def mend(run: Run, step: Step) -> None:
    """Give a step of a locked run its reason back; `settle` does the rest."""
    match step.state:
        case StepState.RUNNING:
            recovery.recover([step], "its lease ended without a word")
        case StepState.ATTENTION:
            _ask_again(run, step)
        case StepState.WAITING if step.reason == Reason.APPROVAL:
            _ask_again(run, step)
        case StepState.WAITING if step.kind in WORKED and step.reason not in _WAITS_OF_WORK:
            transitions.queue([step.id], published=False)
        case StepState.QUEUED if step.map_id is not None:
            # Its map has gone on without it; a rerun of the map brings it back.
            transitions.cancel_items([step.map_id])


#: What a step with code may wait for.
_WAITS_OF_WORK = (Reason.LANE, Reason.BUDGET, Reason.ITEMS, Reason.JOB)


def _ask_again(run: Run, step: Step) -> None:
    """Open the question about a step that has lost it: the last one, or a plain one."""
    last = Escalation.objects.filter(step=step).order_by(F("opened_at").desc()).first()
    if last is not None:
        escalate.ask_again(last)
    elif step.kind == "approval":
        board = Board.load(run)
        waits.ask_for_approval(board, board.plan.by_name[step.name], step.until)
    else:
        escalate.ask(
            run_id=run.id,
            step_id=step.id,
            kind="in_doubt" if step.in_doubt else "retries_used_up",
            question=f"{step} stopped, and the question about it was lost. What now?",
            shows=shown(step.error),
        )
