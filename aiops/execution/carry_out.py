"""Carrying out a verb that a person has seen the plan of: all of it, or nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction

from aiops.execution import hand_over, resume
from aiops.execution.answer import answer
from aiops.execution.cancel import cancel
from aiops.execution.planned import Plan
from aiops.execution.plans import plan
from aiops.execution.replay import replay
from aiops.execution.resume import NotPossible
from aiops.models import transitions


class Stale(NotPossible):
    """The steps of a plan have moved since it was shown: look at the `fresh` one, then decide."""

    def __init__(self, fresh: Plan) -> None:
        super().__init__("it has moved on since you looked: look again, then decide")
        self.fresh = fresh


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What the person has given with the click."""

    actor: str
    #: That of the plan which was shown.
    fingerprint: str
    reason: str = ""
    is_ticked: bool = False
    result: Any = None
    #: None: the same input again.
    input: Any = None
    #: Whom to ask; "" for anyone.
    person: str = ""
    #: Of an answer: the hash of what the person saw, where they say it.
    shown_hash: str | None = None


def carry_out(
    run_id: UUID,
    verb: str,
    given: Given,
    *,
    step: str | None = None,
    escalation: UUID | None = None,
) -> UUID:
    """Do it, if it is still what was shown. Returns the run to look at next.

    Raises Stale, or NotPossible with what is missing; nothing is changed then.
    """
    with transaction.atomic():
        resume.locked(run_id)
        now = plan(run_id, verb, step=step, escalation=escalation)
        if now.fingerprint != given.fingerprint:
            raise Stale(now)
        if why := now.refused or missing(now, given):
            raise NotPossible(why)
        if now.tick:
            # What they vouch for outlives the button.
            transitions.tell(
                run_id,
                "safety.overridden",
                actor=given.actor,
                verb=verb,
                steps=[one.name for one in now.again],
                said=now.tick,
                reason=given.reason,
            )
        return _act(now, given)


def missing(plan: Plan, given: Given) -> str:
    """What a plan needs and was not given; "" for nothing."""
    if plan.tick and not given.is_ticked:
        return f"Tick the box first: {plan.tick}"
    if plan.needs_reason and not given.reason.strip():
        return "Give a reason: it is kept with the run."
    return ""


def _act(plan: Plan, given: Given) -> UUID:
    if plan.escalation is not None:
        return _act_on_question(plan, plan.escalation.id, given)
    run_id, name = plan.run_id, plan.step or ""
    who: dict[str, Any] = {"actor": given.actor, "reason": given.reason}
    match plan.verb:
        case "retry":
            resume.retry(run_id, **who)
        case "retry_step":
            resume.retry(run_id, names=[name], **who)
        case "retry_from":
            resume.retry_from(run_id, name, override=bool(plan.tick), **who)
        case "skip":
            resume.skip(run_id, name, **who)
        case "supply" | "mark_done":
            resume.supply(run_id, name, given.result, **who)
        case "cancel" | "cancel_now":
            cancel(run_id, now=plan.verb == "cancel_now", **who)
        case "pause":
            resume.pause(run_id, **who)
        case "resume":
            resume.resume(run_id, **who)
        case "escalate":
            hand_over.ask_about(run_id, name, owner=given.person, **who)
        case "replay":
            return replay(run_id, input=given.input, from_step=plan.step, **who).id
    return run_id


def _act_on_question(plan: Plan, asked: UUID, given: Given) -> UUID:
    if plan.verb == "claim":
        hand_over.take(asked, actor=given.actor)
    else:
        answer(
            asked,
            plan.verb,
            actor=given.actor,
            note=given.reason,
            result=given.result,
            shown_hash=given.shown_hash,
        )
    return plan.run_id
