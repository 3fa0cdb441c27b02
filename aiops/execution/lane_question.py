"""The one question about a lane, whatever the number of steps that wait for it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import transaction

from aiops.execution import escalate
from aiops.execution.claim import Claim, Ending
from aiops.execution.line import Line, line
from aiops.models import (
    Escalation,
    EscalationState,
    Lane,
    LaneCause,
    LaneState,
    Reason,
    Step,
    lane_moves,
)

#: What may be answered about a lane.
ANSWERS = ("resume_lane", "cancel")


def ask_when_stopped(ending: Ending, claim: Claim) -> None:
    """Ask about the lane of a step that has just parked, when it is stopped and nobody is asked."""
    if ending.reason != Reason.LANE or (ending.error or {}).get("word") != "lane_stopped":
        return
    with transaction.atomic():
        # The first step to come asks; those that come at the same time wait here, and see it.
        lane = Lane.objects.select_for_update(no_key=True).filter(name=ending.lane).first()
        if lane is not None and _is_news(lane) and not _is_asked(lane):
            _ask(lane, claim.run_id, claim.step_id)


def ask(name: str) -> bool:
    """Ask about a lane on behalf of the step that has waited longest; False when nobody waits."""
    with transaction.atomic():
        lane = Lane.objects.select_for_update(no_key=True).get(name=name)
        if _is_asked(lane):
            return False
        parked = Step.objects.filter(reason=Reason.LANE, lane=name, run__finished_at__isnull=True)
        first = parked.exclude(escalations__state=EscalationState.OPEN).order_by("since").first()
        if first is None:
            return False
        _ask(lane, first.run_id, first.id)
        return True


def close(name: str, *, why: str) -> None:
    """Close the question about a lane: its cause is gone."""
    asked = Escalation.objects.filter(lanes=name, state=EscalationState.OPEN).first()
    # In the order in which an answer takes both rows.
    if asked is not None:
        escalate.close(asked.run_id, [asked.step_id] if asked.step_id else None, why=why)
    lane_moves.ask_about(name, None)


def _is_news(lane: Lane) -> bool:
    """Whether it stopped by itself: who has stopped it by hand need not be asked."""
    return lane.state == LaneState.STOPPED and lane.cause != LaneCause.PERSON


def _is_asked(lane: Lane) -> bool:
    return Escalation.objects.filter(lanes=lane.name, state=EscalationState.OPEN).exists()


def _ask(lane: Lane, run_id: UUID, step_id: UUID) -> None:
    waiting = line(lane.name)
    escalate.ask(
        run_id=run_id,
        step_id=step_id,
        kind="lane",
        question=question(lane),
        shows=_shown(lane, waiting),
        answers=ANSWERS,
    )
    found = Escalation.objects.filter(step_id=step_id, state=EscalationState.OPEN).first()
    lane_moves.ask_about(lane.name, found.id if found else None)


def question(lane: Lane) -> str:
    """What a person is asked about a lane."""
    if lane.state == LaneState.STOPPED:
        said = lane.reason.rstrip(". ") or "it was stopped"
        return f"The lane {lane.name} is stopped: {said}. Mend it, then resume the lane."
    return (
        f"The provider of {lane.name} keeps failing: {lane.reason.rstrip('. ')}. It is tried again "
        "by itself. Resume the lane if you know that it is back."
    )


def _shown(lane: Lane, waiting: Line) -> dict[str, Any]:
    return {
        "lane": lane.name,
        "state": lane.get_state_display(),
        "why": lane.get_cause_display(),
        "said": lane.reason,
        "since": lane.since.isoformat(timespec="seconds"),
        "steps_waiting": waiting.steps,
        "runs_waiting": waiting.runs,
    }
