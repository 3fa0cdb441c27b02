"""Questions that only a person can answer: the open ones, and their answers."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.expressions import ExpressionWrapper
from django.db.models.fields import BooleanField
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Router

from aiops.access.caller import EVERY_TENANT, Caller
from aiops.api import once as requests
from aiops.api import paging
from aiops.api.auth import caller
from aiops.api.document import problems
from aiops.api.plans_told import not_possible, reason_missing
from aiops.api.problems import Problem, not_found
from aiops.api.schemas_questions import (
    Answer,
    Answered,
    Question,
    QuestionPage,
    QuestionShown,
)
from aiops.api.texts import Cursor, IdempotencyKey, Limit
from aiops.api.verbs import carry_out_or_say_why
from aiops.execution import looking, resume
from aiops.execution.carry_out import Given
from aiops.execution.plans import plan
from aiops.models import Escalation, EscalationState, Run, Scope

router = Router(tags=["questions"])

#: Answers that move what all tenants share: the work of everybody who waits for it goes on.
_SHARED = frozenset({"resume_lane", "raise_budget"})

#: The answer is itself the word of somebody who has looked.
_VOUCHES = frozenset({"it_did_not"})


@router.get("", response=QuestionPage)
def list_questions(request: HttpRequest, cursor: Cursor = None, limit: Limit = 50) -> QuestionPage:
    """The open questions about your runs, the oldest first (scope decide)."""
    who = caller(request, Scope.DECIDE)
    rows = paging.after(_open(who), cursor, by="opened_at", newest_first=False)
    found, has_more = paging.split(list(rows[: limit + 1]), limit)
    last = found[-1] if found else None
    return QuestionPage(
        questions=[Question(**_told(asked, who)) for asked in found],
        next=paging.place(last.opened_at, last.id) if has_more and last else None,
    )


@router.get("/{question_id}", response=QuestionShown)
def show_question(request: HttpRequest, question_id: UUID) -> QuestionShown:
    """An open question (scope decide); what it shows takes the scope content too, and is recorded."""
    who = caller(request, Scope.DECIDE)
    asked = _one(who, question_id)
    shows = None
    if who.may(Scope.CONTENT) and asked.has_content:  # type: ignore[attr-defined]  # annotated
        [shows] = looking.at_question(asked.id, who.actor).values.values()
    return QuestionShown(**_told(asked, who), shows=shows)


@router.post(
    "/{question_id}/answer",
    response=Answered,
    openapi_extra={"responses": {**problems(409)["responses"], 200: {"headers": requests.HEADERS}}},
)
def answer_question(
    request: HttpRequest,
    question_id: UUID,
    body: Answer,
    response: HttpResponse,
    idempotency_key: IdempotencyKey = None,
) -> Any:
    """Answer a question (scope decide): approve, reject, supply, and whatever else it allows.

    The answer is carried out at once. The second of two different answers is refused.
    """
    who = caller(request, Scope.DECIDE)
    run_id = who.runs().filter(escalations=question_id).values_list("id", flat=True).first()
    if run_id is None:
        raise _unknown(question_id)
    act = lambda: _answered(who, run_id, question_id, body)  # noqa: E731  # once() decides if it is
    return requests.once(request, response, who, idempotency_key, act)


@transaction.atomic
def _answered(who: Caller, run_id: UUID, question_id: UUID, body: Answer) -> Answered:
    resume.locked(run_id)
    asked = Escalation.objects.only("state", "answers").get(id=question_id)
    _refuse_unfit(asked, who, body)
    shown = plan(run_id, body.answer, escalation=question_id)
    if shown.refused:
        raise not_possible(shown, shown.refused)
    if shown.tick and body.answer not in _VOUCHES:
        raise not_possible(
            shown,
            "It may have gone out before. Somebody looks, and answers in the console.",
            code="look-first",
        )
    if shown.needs_reason and not body.note.strip():
        raise reason_missing()
    given = Given(
        actor=who.actor,
        fingerprint=shown.fingerprint,
        reason=body.note.strip(),
        is_ticked=bool(shown.tick),
        result=body.result,
        shown_hash=body.shown_hash,
    )
    carry_out_or_say_why(shown, given)
    return Answered(
        question_id=question_id,
        run_id=run_id,
        answer=body.answer,
        is_open=_open(who).filter(id=question_id).exists(),
        state=Run.objects.only("state").get(id=run_id).state,
    )


def _refuse_unfit(asked: Escalation, who: Caller, body: Answer) -> None:
    if asked.state != EscalationState.OPEN:
        raise Problem(
            409,
            "answered",
            "It is not open any more",
            f"It is {asked.get_state_display().lower()}. Look at the run's events for who did that.",
        )
    allowed = _answers(asked, who)
    if body.answer not in allowed:
        raise Problem(
            422,
            "no-answer",
            "This is no answer to the question",
            f"Answer one of {', '.join(allowed)}."
            if allowed
            else "It is answered by who looks after all tenants, in the console.",
        )


def _answers(asked: Escalation, who: Caller) -> list[str]:
    """What this caller may answer: who serves one tenant moves nothing that all of them share."""
    is_everybodys = who.tenant == EVERY_TENANT
    return [one for one in asked.answers if is_everybodys or one not in _SHARED]


def _open(who: Caller) -> QuerySet[Escalation]:
    """The open questions about a caller's runs, without what they show."""
    has_content = ExpressionWrapper(Q(shows__isnull=False), output_field=BooleanField())
    return (
        Escalation.objects.filter(state=EscalationState.OPEN, run__in=who.runs().values("id"))
        .annotate(has_content=has_content)
        .select_related("run", "step")
        .defer("shows")
    )


def _one(who: Caller, question_id: UUID) -> Escalation:
    asked = _open(who).filter(id=question_id).first()
    if asked is None:
        raise _unknown(question_id)
    return asked


def _unknown(question_id: UUID) -> Problem:
    return not_found(f"There is no open question {question_id} for this key.")


def _told(asked: Escalation, who: Caller) -> dict[str, Any]:
    same = (
        "id run_id kind question severity owner group people opened_at due_at if_nobody shown_hash"
    )
    return {
        **{name: getattr(asked, name) for name in same.split()},
        "run_title": asked.run.title,
        "workflow": asked.run.workflow,
        "tenant": asked.run.tenant,
        "step": asked.step.name if asked.step else "",
        "item": asked.step.item if asked.step else None,
        "answers": _answers(asked, who),
        "approved_by": [one["by"] for one in asked.approvals],
        "is_overdue": asked.due_at is not None and asked.due_at < timezone.now(),
        "has_content": asked.has_content,  # type: ignore[attr-defined]  # annotated
    }
