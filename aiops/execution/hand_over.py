"""Handing a question to a person: asking one about a failed step, and taking what is asked."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.db import transaction

from aiops.execution import escalate, notify
from aiops.execution.resume import NotPossible, locked
from aiops.models import Escalation, EscalationState, Run, RunState, Step, StepState, transitions


def ask_about(run_id: UUID, name: str, *, actor: str, reason: str, owner: str = "") -> Escalation:
    """Ask a person (`owner`; "" for anyone) what to do about a failed step. The run stays as it is."""
    with transaction.atomic():
        run = locked(run_id)
        step = Step.objects.filter(run=run, map__isnull=True, name=name).first()
        if step is None or step.state != StepState.FAILED or _is_over(run):
            raise NotPossible(f"{name} has not failed: there is nothing to ask about it")
        asked = escalate.ask(
            run_id=run.id,
            step_id=step.id,
            kind="by_hand",
            question=f"{name} failed. {reason}".strip(),
        )
        if not asked:
            raise NotPossible(f"somebody is asked about {name} already: take that question")
        found = Escalation.objects.get(step=step, state=EscalationState.OPEN)
        transitions.tell(run.id, "escalation.asked", step=step.id, actor=actor, reason=reason)
        if owner:
            transitions.give_escalation(found.id, was="", owner=owner, actor=actor)
        found.refresh_from_db(fields=["owner"])
        if owner:
            notify.tell_owner(found)
        return found


def take(escalation_id: UUID, *, actor: str) -> None:
    """Make oneself the owner of an open question, also of one that somebody else has."""
    with transaction.atomic():
        asked = Escalation.objects.filter(id=escalation_id).first()
        if asked is None:
            raise NotPossible(f"there is no escalation {escalation_id}")
        if asked.owner == actor:
            return
        if not transitions.give_escalation(asked.id, was=asked.owner, owner=actor, actor=actor):
            raise NotPossible("somebody else has just taken or answered it: look again")


def take_many(ids: Sequence[UUID], *, actor: str) -> tuple[int, int]:
    """Take those of these open questions that nobody has. Returns how many, and how many were left."""
    taken = 0
    for one in ids:
        with transaction.atomic():
            free = Escalation.objects.filter(id=one, state=EscalationState.OPEN, owner="")
            if free.exists():
                taken += transitions.give_escalation(one, was="", owner=actor, actor=actor)
    return taken, len(ids) - taken


def _is_over(run: Run) -> bool:
    return run.cancel_requested_at is not None or run.state == RunState.CANCELLED
