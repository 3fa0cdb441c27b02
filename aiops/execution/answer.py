"""Answering an escalation: the answer is recorded, and the verb behind it is carried out."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import transaction

from aiops.execution import budgets, lanes, notify, people, resume, webhook_question
from aiops.execution.advance import settle, stop
from aiops.execution.catalog import plan_of
from aiops.execution.resume import NotPossible
from aiops.models import (
    Escalation,
    EscalationKind,
    EscalationState,
    Run,
    Step,
    promise_moves,
    transitions,
)


def answer(
    escalation_id: UUID,
    choice: str,
    *,
    actor: str,
    note: str = "",
    result: Any = None,
    shown_hash: str | None = None,
) -> Escalation:
    """Answer an open escalation, and carry the answer out in the same transaction.

    `result` is for "supply" and "it_happened". `shown_hash`, where given, must be that of what the
    person saw: an answer to something else is refused. The second of two answers is refused too.
    Where several people must approve, all but the last approval are kept, and the question stays
    open; one rejection is enough.
    """
    asked = Escalation.objects.filter(id=escalation_id).first()
    if asked is None:
        raise NotPossible(f"there is no escalation {escalation_id}")
    with transaction.atomic():
        run = resume.locked(asked.run_id)
        asked.refresh_from_db()
        _refuse_unfit(asked, choice, shown_hash)
        if choice == "approve" and _is_one_of_several(asked, actor=actor, note=note):
            return asked
        answered = transitions.answer_escalation(asked.id, answer=choice, actor=actor, note=note)
        if answered is None:
            raise NotPossible("somebody else has answered it")
        notify.tell(answered, "answered")
        if answered.step_id is not None:
            step = Step.objects.get(id=answered.step_id)
            _carry_out(run, step, choice, actor=actor, note=note, result=result)
        elif answered.kind == EscalationKind.WEBHOOK:
            webhook_question.carry_out(answered, choice, actor=actor, note=note)
        elif answered.kind == EscalationKind.PROMISE:
            _about_promises(run, choice, actor=actor)
        return answered


def _refuse_unfit(asked: Escalation, choice: str, shown_hash: str | None) -> None:
    if asked.state != EscalationState.OPEN:
        by = f" by {asked.answered_by}: {asked.answer}" if asked.answered_by else ""
        raise NotPossible(f"it is {asked.get_state_display().lower()}{by}")
    if choice not in asked.answers:
        raise NotPossible(
            f"{choice!r} is no answer to it; answer one of {', '.join(asked.answers)}"
        )
    if shown_hash is not None and shown_hash != asked.shown_hash:
        raise NotPossible("what you saw has changed since: look again, then answer")


def _is_one_of_several(asked: Escalation, *, actor: str, note: str) -> bool:
    """Keep an approval where the workflow asks for several people; whether more must follow."""
    if why := people.refusal(asked, actor):
        raise NotPossible(why)
    if asked.people > 1 and not transitions.approve_escalation(asked, actor=actor, note=note):
        raise NotPossible("somebody else has just approved it: look again")
    return asked.people > 1 and people.still_needed(asked) > 0


def _carry_out(run: Run, step: Step, choice: str, *, actor: str, note: str, result: Any) -> None:
    match choice:
        case "approve":
            resume.decide(step, approved=True, actor=actor, note=note)
            settle(run)
        case "reject":
            _reject(run, step, actor=actor, note=note)
        case "retry" | "it_did_not":
            resume.begin_again(run, step)
        case "supply" | "it_happened":
            resume.supply_step(run, step, result, actor=actor, reason=note)
        case "skip":
            resume.skip_step(run, step, actor=actor, reason=note or "skipped")
        case "resume_lane":
            lanes.resume(step.lane, actor=actor, reason=note)
        case "raise_budget":
            budgets.double(step.lane, actor=actor, reason=note)
        case "cancel":
            stop(run, note or "cancelled", actor=actor)


def _about_promises(run: Run, choice: str, *, actor: str) -> None:
    if choice == "send_again":
        promise_moves.send_again(run.id, actor=actor)
    else:
        promise_moves.let_it_be(run.id, actor=actor)


def _reject(run: Run, step: Step, *, actor: str, note: str) -> None:
    resume.decide(step, approved=False, actor=actor, note=note)
    if plan_of(run.version_id).by_name[step.name].on_reject == "continue":
        settle(run)
    else:
        stop(run, f"rejected by {actor}" + (f": {note}" if note else ""), actor=actor)
