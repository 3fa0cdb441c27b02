"""What the page of budgets shows: limits with what is used of them, and what the money went to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Count, Q
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from aiops.admin.page.amounts import count
from aiops.execution import budgets, spending
from aiops.execution.spending import Spend
from aiops.flow.errors import BUDGET_LINE
from aiops.models import Budget, BudgetScope, EscalationState, Reason, Step
from aiops.models.budget import dollars

#: Budgets of runs are as many as there are runs: the newest, and those that are waited for.
MOST_RUNS = 20
#: Workflows, tenants and models of which the spending is listed.
MOST_LISTED = 10


@dataclass(frozen=True, slots=True)
class Row:
    """A budget as the page shows it."""

    budget: Budget
    name: str
    limit: str
    spent: str
    reserved: str
    left: str
    meter: SafeString
    tone: str
    waiting: str
    #: The address of its run, and of the question about it; "" for none.
    run: str
    question: str


@dataclass(frozen=True, slots=True)
class Share:
    """What one workflow, tenant or model spent."""

    name: str
    cost: str
    share: str
    calls: str


def build() -> dict[str, Any]:
    """Everything of the page, in five queries."""
    now = datetime.now(UTC)
    parts = spending.since(now.replace(hour=0, minute=0, second=0, microsecond=0))
    total = sum((spend for _, spend in parts), Spend())
    shown = _budgets(now)
    return {
        "today": [row for row in shown if row.budget.day is not None],
        "runs": [row for row in shown if row.budget.scope == BudgetScope.RUN],
        "standing": [row for row in shown if row.budget.is_standing],
        "total": sum_told(total),
        "apart": apart(total),
        "shares": [
            (title, _shares(spending.summed(parts, by), total))
            for title, by in (
                ("By workflow", "workflow"),
                ("By tenant", "tenant"),
                ("By model", "asked_model"),
            )
        ],
        "has_calls": bool(parts),
    }


def _budgets(now: datetime) -> list[Row]:
    waiting = _waiting()
    ids = [int(line.removeprefix(BUDGET_LINE)) for line in waiting]
    own = Budget.objects.filter(scope=BudgetScope.RUN)
    newest = own.filter(created_at__gte=now - timedelta(days=7)).order_by("-id")[:MOST_RUNS]
    found = Budget.objects.select_related("question").filter(
        Q(day__gte=now.date() - timedelta(days=1))
        | Q(day__isnull=True) & ~Q(scope=BudgetScope.RUN)
        | Q(id__in=ids)
        | Q(id__in=newest.values("id"))
    )
    ordered = found.order_by("-day", "scope", "name")
    today = [b for b in ordered if b.day is None or b.day == now.date() or b.id in ids]
    return [_row(budget, waiting.get(budgets.line_of(budget), (0, 0))) for budget in today]


def _waiting() -> dict[str, tuple[int, int]]:
    """By line: the steps and the runs that wait in it."""
    rows = (
        Step.objects.filter(reason=Reason.BUDGET, run__finished_at__isnull=True)
        .values("lane")
        .annotate(steps=Count("id"), runs=Count("run", distinct=True))
        .order_by()
    )
    return {row["lane"]: (row["steps"], row["runs"]) for row in rows if row["lane"]}


def _row(budget: Budget, waiting: tuple[int, int]) -> Row:
    steps, runs = waiting
    asked = budget.question
    is_open = asked is not None and asked.state == EscalationState.OPEN
    is_run = budget.scope == BudgetScope.RUN
    return Row(
        budget=budget,
        name=budget.name[:8] if is_run else budget.name or "All workflows and tenants",
        limit=dollars(budget.limit_microusd),
        spent=dollars(budget.spent_microusd),
        reserved=dollars(budget.reserved_microusd),
        left=dollars(max(budget.left_microusd, 0)),
        meter=_meter(budget),
        tone=tone(budget, is_waited_for=steps > 0),
        waiting=f"{count(steps, 'step')} of {count(runs, 'run')}" if steps else "",
        run=reverse("admin:aiops_run_change", args=[budget.name]) if is_run else "",
        question=reverse("admin:aiops_escalation_change", args=[asked.id])
        if is_open and asked is not None
        else "",
    )


def tone(budget: Budget, *, is_waited_for: bool) -> str:
    """How much of a budget is used, as a colour. Pure."""
    used = budget.spent_microusd + budget.reserved_microusd
    if is_waited_for or used >= budget.limit_microusd > 0:
        return "orange"
    return "amber" if used >= 0.8 * budget.limit_microusd and budget.limit_microusd else "blue"


def _meter(budget: Budget) -> SafeString:
    """Spent and reserved as shares of the limit; the numbers beside it say the same."""
    limit = max(budget.limit_microusd, 1)
    spent = min(100.0, 100 * budget.spent_microusd / limit)
    held = min(100.0 - spent, 100 * budget.reserved_microusd / limit)
    return format_html(
        '<svg class="cx-meter" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="track" width="100" height="6"/><rect class="fill" width="{}" height="6"/>'
        '<rect class="held" x="{}" width="{}" height="6"/></svg>',
        *(f"{spent:.1f}", f"{spent:.1f}", f"{held:.1f}"),
    )


def sum_told(spend: Spend) -> str:
    """A sum; what is not in it is said."""
    told = dollars(spend.total)
    return told if spend.is_known else f"{told} and {count(spend.unknown, 'call')} of unknown price"


def apart(spend: Spend) -> list[tuple[str, str, str]]:
    """What was paid more than once, or for nothing: label, sum, and what it means."""
    return [
        ("On retries", dollars(spend.on_retries), "asked again after a failure"),
        ("On repairs", dollars(spend.on_repairs), "asked again for a better answer"),
        ("After lost answers", dollars(spend.after_losses), "asked again, the answer was lost"),
        ("Uncertain", dollars(spend.uncertain), "may have been billed: the most it can be"),
        ("Used again", count(spend.reused, "answer"), "paid once, and not asked for again"),
    ]


def _shares(found: dict[str, Spend], total: Spend) -> list[Share]:
    shown = list(found.items())[:MOST_LISTED]
    return [
        Share(
            name=name,
            cost=dollars(spend.total) if spend.total or spend.is_known else "not known",
            share=f"{100 * spend.total / total.total:.0f} %" if total.total else "",
            calls=count(spend.calls, "call"),
        )
        for name, spend in shown
    ]
