"""The large choices of a request's page: each with what it brings, and none that is wrong now."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.urls import reverse

from aiops.admin.page.amounts import count
from aiops.admin.page.words import VERB_ICONS
from aiops.execution import offers, people, plan_answers
from aiops.execution.facts import RunFacts
from aiops.execution.planned import Plan
from aiops.models import Escalation

Can = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Choice:
    """One answer, with its effect in one line."""

    label: str
    effect: str
    icon: str
    #: "primary", "plain" or "danger".
    tone: str
    url: str
    #: Why this person cannot choose it; "" when they can.
    refused: str


def choices(asked: Escalation, facts: RunFacts, user: str, user_can: Can) -> dict[str, Any]:
    """What can be decided now; the answers that the state rules out are not there."""
    plans = [
        plan_answers.draft_of(facts, one, asked, is_priced=False).plan for one in asked.answers
    ]
    possible = [plan for plan in plans if not plan.refused]
    may_claim = user_can(offers.permission("claim", answers_a_question=True))
    return {
        "choices": [_choice(asked, plan, user, user_can) for plan in possible],
        "ruled_out": [f"{plan.button}: {plan.refused}" for plan in plans if plan.refused],
        "claim_url": _url(asked, "claim") if may_claim and asked.owner != user else "",
    }


def _choice(asked: Escalation, plan: Plan, user: str, user_can: Can) -> Choice:
    refused = next((offers.missing(one) for one in plan.permissions if not user_can(one)), "")
    if not refused and plan.verb == "approve" and (why := people.refusal(asked, user)):
        refused = f"{why[:1].upper()}{why[1:]}."
    return Choice(
        label=plan.button,
        effect=effect(plan),
        icon=VERB_ICONS.get(plan.verb, "bolt"),
        tone=plan.tone,
        url=_url(asked, plan.verb),
        refused=refused,
    )


def effect(plan: Plan) -> str:
    """What an answer brings about, in one line. Pure."""
    if plan.again:
        again = ", ".join(one.name for one in plan.again)
        kept = f" Keeps {count(len(plan.kept), 'finished step')}." if plan.kept else ""
        return f"Runs {again} again.{kept}"
    if plan.verb in _ENDING and plan.notes:
        not_undone = f" Not undone: {'; '.join(plan.gone_out)}." if plan.gone_out else ""
        return f"Ends the run; what is done is kept.{not_undone}"
    return " ".join(plan.notes[:2]) or _ELSE.get(plan.verb, "The run goes on.")


_ENDING = frozenset({"reject", "cancel"})
_ELSE: dict[str, str] = {
    "reject": "The run goes on, and the steps after it are told no.",
    "skip": "The run goes on without it.",
}


def _url(asked: Escalation, verb: str) -> str:
    query = {"escalation": str(asked.pk)}
    return reverse("admin:aiops_run_do", args=[asked.run_id, verb], query=query)
