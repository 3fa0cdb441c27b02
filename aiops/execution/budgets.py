"""Budgets as people meet them: the one question about one, raising it, and who goes on then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Count, Min

from aiops.execution import escalate
from aiops.execution.advance import nudge
from aiops.execution.claim import Claim, Ending
from aiops.execution.resume import NotPossible
from aiops.flow.errors import BUDGET_LINE
from aiops.models import (
    Budget,
    BudgetScope,
    Escalation,
    EscalationState,
    Reason,
    Step,
    budget_moves,
)
from aiops.models.budget import dollars
from aiops.models.step import StepState

#: What may be answered about a budget.
ANSWERS = ("raise_budget", "cancel")
#: A limit above this is a slip of the finger.
MOST_USD = 1_000_000


@dataclass(frozen=True, slots=True)
class Waiting:
    """The steps that wait for one budget."""

    steps: int
    runs: int
    since: datetime | None


def line_of(budget: Budget) -> str:
    """What a step's `lane` says while it waits for this budget."""
    return f"{BUDGET_LINE}{budget.id}"


def budget_of(line: str) -> Budget | None:
    """The budget that a step waits for."""
    number = line.removeprefix(BUDGET_LINE)
    return Budget.objects.filter(id=number).first() if number.isdigit() else None


def waiting(budget: Budget) -> Waiting:
    found = _parked(budget).aggregate(
        steps=Count("id"), runs=Count("run", distinct=True), since=Min("since")
    )
    return Waiting(**found)


def _parked(budget: Budget) -> Any:
    return Step.objects.filter(
        reason=Reason.BUDGET,
        lane=line_of(budget),
        state__in=(StepState.WAITING, StepState.RETRYING),
        run__finished_at__isnull=True,
    )


# What a person does


def raise_limit(budget_id: int, to_microusd: int, *, actor: str, reason: str) -> int:
    """Raise a budget, with its event, and let go on what waits for it. Returns how many steps."""
    with transaction.atomic():
        budget = Budget.objects.select_for_update(no_key=True).filter(id=budget_id).first()
        if budget is None:
            raise NotPossible(f"there is no budget {budget_id}")
        if why := refusal(budget, to_microusd):
            raise NotPossible(why)
        if not reason.strip():
            raise NotPossible("say why: whoever looks at the bill will ask")
        budget_moves.raise_limit(budget, to_microusd, actor=actor, reason=reason)
        _close(budget, why=f"{actor} raised the budget")
        return _wake(budget)


def double(line: str, *, actor: str, reason: str) -> int:
    """Raise the budget that a step waits for by as much again."""
    budget = budget_of(line)
    if budget is None:
        raise NotPossible("its budget is gone: retry the step")
    return raise_limit(budget.id, suggested(budget), actor=actor, reason=reason)


def declare(scope: str, name: str, microusd: int, *, actor: str, reason: str) -> Budget:
    """Set the limit that every further day of a workflow, a tenant or everything begins with."""
    if scope == BudgetScope.RUN:
        raise NotPossible("a run's budget is declared with its workflow (budget_usd)")
    if bool(name) == (scope == BudgetScope.ALL):
        raise NotPossible("name a workflow or a tenant; the budget of everything has no name")
    if not 0 <= microusd <= MOST_USD * 1_000_000:
        raise NotPossible(f"give a limit of 0 to {MOST_USD:,} dollars")
    if not reason.strip():
        raise NotPossible("say why: whoever looks at the bill will ask")
    with transaction.atomic():
        return budget_moves.set_standing(scope, name, microusd, actor=actor, reason=reason)


def refusal(budget: Budget, to_microusd: int) -> str:
    """Why a limit cannot be raised to this; "" when it can. Pure."""
    if to_microusd <= budget.limit_microusd and not budget.is_standing:
        return "a budget is raised, never lowered: what is spent is spent"
    if to_microusd == budget.limit_microusd:
        return "this is the limit already"
    if not 0 <= to_microusd <= MOST_USD * 1_000_000:
        return f"give a limit of at most {MOST_USD:,} dollars"
    return ""


def suggested(budget: Budget) -> int:
    """The limit that a plain "raise" sets: twice what it was, a cent at least."""
    return max(budget.limit_microusd * 2, 10_000)


def _wake(budget: Budget) -> int:
    """Let the parked steps go on; the keeper moves those that this process does not reach."""
    woken = budget_moves.let_go(line_of(budget))
    for run_id in sorted(set(woken))[:100]:
        nudge(run_id)
    return len(woken)


# The one question


def ask_when_spent(ending: Ending, claim: Claim) -> None:
    """Ask about the budget of a step that has just parked, when nobody is asked yet."""
    error = ending.error or {}
    if ending.reason != Reason.BUDGET or error.get("code") != "spent":
        return
    budget = budget_of(ending.lane)
    if budget is not None:
        ask(budget, claim.run_id, claim.step_id)


def ask(budget: Budget, run_id: Any, step_id: Any) -> bool:
    """Ask about a budget on behalf of a step; False when somebody is asked already."""
    with transaction.atomic():
        # The first step to come asks; those that come at the same time wait here, and see it.
        budget = Budget.objects.select_for_update(no_key=True).get(id=budget.id)
        if _is_asked(budget):
            return False
        escalate.ask(
            run_id=run_id,
            step_id=step_id,
            kind="budget",
            question=question(budget),
            shows=shown(budget),
            answers=ANSWERS,
        )
        found = Escalation.objects.filter(step_id=step_id, state=EscalationState.OPEN).first()
        budget_moves.ask_about(budget.id, found.id if found else None)
        return True


def look() -> int:
    """Ask anew about budgets whose question went with its run while others wait; close the idle ones."""
    asked = 0
    lines = _spent_lines()
    for line, run_id, step_id in lines:
        budget = budget_of(line)
        if budget is not None and not _is_asked(budget):
            asked += ask(budget, run_id, step_id)
    waited_for = {line for line, _, _ in lines}
    for budget in Budget.objects.filter(question__state=EscalationState.OPEN):
        if line_of(budget) not in waited_for:
            _close(budget, why="nothing waits for the budget any more")
    return asked


def _spent_lines() -> Sequence[tuple[str, Any, Any]]:
    """For each budget that is waited for, the step that has waited longest."""
    rows = (
        Step.objects.filter(reason=Reason.BUDGET, run__finished_at__isnull=True)
        .filter(state__in=(StepState.WAITING, StepState.RETRYING), error__code="spent")
        .order_by("lane", "since")
        .distinct("lane")
    )
    return list(rows.values_list("lane", "run_id", "id"))


def _is_asked(budget: Budget) -> bool:
    return _question(budget) is not None


def _question(budget: Budget) -> Escalation | None:
    return Escalation.objects.filter(budgets=budget, state=EscalationState.OPEN).first()


def _close(budget: Budget, *, why: str) -> None:
    asked = _question(budget)
    budget_moves.ask_about(budget.id, None)
    if asked is not None:
        escalate.close(asked.run_id, [asked.step_id] if asked.step_id else None, why=why)


def question(budget: Budget) -> str:
    """What a person is asked about a budget. Pure."""
    again = " It begins anew tomorrow." if budget.day else ""
    return (
        f"The budget of {budget} has no room for the next call: {dollars(budget.spent_microusd)} "
        f"of {dollars(budget.limit_microusd)} is spent. Raise it, or cancel the run?{again}"
    )


def shown(budget: Budget) -> dict[str, Any]:
    found = waiting(budget)
    return {
        "budget": str(budget),
        "limit": dollars(budget.limit_microusd),
        "spent": dollars(budget.spent_microusd),
        "steps_waiting": found.steps,
        "runs_waiting": found.runs,
    }
