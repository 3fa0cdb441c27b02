"""Budgets: what may be spent, what is, who raised it; and raising one."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path, reverse

from aiops.admin.history import HistoryAdmin
from aiops.admin.page import asked
from aiops.admin.page import budgets as page
from aiops.admin.page.amounts import count
from aiops.admin.page.asked import Asked
from aiops.execution import budgets
from aiops.execution.resume import NotPossible
from aiops.models import Budget, BudgetScope
from aiops.models.budget import dollars
from aiops.providers.budgets import reread

PERMISSION = "aiops.raise_budget"


@admin.register(Budget)
class BudgetAdmin(HistoryAdmin):
    id_fields = ()
    shown = (
        (
            None,
            {
                "fields": (
                    *("scope", "name", "day", "limit_microusd", "spent_microusd"),
                    *("reserved_microusd", "raised_by", "raised_at", "why", "question"),
                )
            },
        ),
    )

    def get_urls(self) -> list[URLPattern]:
        guarded = self.admin_site.admin_view
        # Before the page of one row, whose pattern takes everything.
        return [
            path("set/", guarded(self.set_view), name="aiops_budget_set"),
            path("<int:number>/raise/", guarded(self.raise_view), name="aiops_budget_raise"),
            *super().get_urls(),
        ]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Budgets",
            "is_fullwidth": "1",
            "may_raise": request.user.has_perm(PERMISSION),
            **page.build(),
        }
        return render(request, "console/budgets.html", context)

    def raise_view(self, request: HttpRequest, number: int) -> HttpResponse:
        """GET tells what raising would bring about; POST does it."""
        _refuse_without(request)
        budget = Budget.objects.filter(id=number).first()
        if budget is None:
            raise Http404(f"There is no budget {number}")
        return self._answer(request, _to_raise(request, budget), lambda: _raise(request, number))

    def set_view(self, request: HttpRequest) -> HttpResponse:
        """A limit for every day of a workflow, a tenant or everything."""
        _refuse_without(request)
        return self._answer(request, _to_set(request), lambda: _set(request))

    def _answer(self, request: HttpRequest, question: Asked, act: Any) -> HttpResponse:
        if request.method != "POST":
            return asked.asked(request, self.admin_site, question)
        if request.POST.get("fingerprint", "") != question.fingerprint:
            told = "It has changed since you looked: look again, then decide. Nothing was changed."
            return asked.asked(request, self.admin_site, question, error=told, status=409)
        try:
            done = act()
        except NotPossible as error:
            told = f"{str(error)[:1].upper()}{str(error)[1:]}. Nothing was changed."
            return asked.asked(request, self.admin_site, question, error=told)
        messages.success(request, done)
        return asked.led_to(request, question.back)


def _refuse_without(request: HttpRequest) -> None:
    if not request.user.has_perm(PERMISSION):
        raise PermissionDenied(PERMISSION)


def _raise(request: HttpRequest, number: int) -> str:
    to, actor = _microusd(request), request.user.get_username()
    steps = budgets.raise_limit(number, to, actor=actor, reason=request.POST.get("reason", ""))
    reread()
    return f"Done: the limit is {dollars(to)}. {count(steps, 'step')} will go on."


def _set(request: HttpRequest) -> str:
    scope, name = request.POST.get("scope", ""), request.POST.get("name", "").strip()
    if scope not in _SCOPES:
        raise NotPossible("choose what it is for")
    budget = budgets.declare(
        scope,
        name,
        _microusd(request),
        actor=request.user.get_username(),
        reason=request.POST.get("reason", ""),
    )
    reread()
    return f"Done: {budget} may spend {dollars(budget.limit_microusd)} a day."


_SCOPES = {
    BudgetScope.WORKFLOW.value: "A workflow",
    BudgetScope.TENANT.value: "A tenant",
    BudgetScope.ALL.value: "Everything together",
}


def _microusd(request: HttpRequest) -> int:
    told = request.POST.get("dollars", "").strip().lstrip("$").replace(",", "")
    try:
        amount = Decimal(told)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or amount < 0 or len(told) > 20:
        raise NotPossible("give the limit in dollars, such as 25 or 0.50")
    return int(amount * 1_000_000)


def _to_raise(request: HttpRequest, budget: Budget) -> Asked:
    waiting = budgets.waiting(budget)
    notes = [
        f"Now: {dollars(budget.spent_microusd)} of {dollars(budget.limit_microusd)} is spent, "
        f"{dollars(budget.reserved_microusd)} is held back for calls that are on their way.",
    ]
    if budget.is_standing:
        notes = ["It is the limit that every further day begins with; today's stays as it is."]
    elif budget.day is not None:
        notes.append("It is raised for that day only.")
    if waiting.steps:
        steps, runs = count(waiting.steps, "step"), count(waiting.runs, "run")
        notes.append(f"{steps} of {runs} will go on at once.")
    if budget.raised_by:
        notes.append(f"{budget.raised_by} set it last: {budget.why}")
    return Asked(
        title="Raise the budget?" if not budget.is_standing else "Change the daily limit?",
        button="Raise the budget" if not budget.is_standing else "Change the daily limit",
        verb="raise_budget",
        tone="primary",
        about=str(budget),
        back=reverse("admin:aiops_budget_changelist"),
        action=request.get_full_path(),
        icon="savings",
        notes=tuple(notes),
        needs_reason=True,
        # Another limit than the one that was seen is looked at again.
        fingerprint=f"raise-{budget.id}-{budget.limit_microusd}",
        wants="dollars",
        choices=(("suggested", f"{budgets.suggested(budget) / 1e6:.2f}"),),
    )


def _to_set(request: HttpRequest) -> Asked:
    return Asked(
        title="Set a daily limit?",
        button="Set the daily limit",
        verb="set_budget",
        tone="primary",
        about="What model calls may cost on each day (UTC)",
        back=reverse("admin:aiops_budget_changelist"),
        action=request.get_full_path(),
        icon="savings",
        notes=(
            "It holds from the next day's first call on, or from today's if nothing was spent yet.",
            "A step that finds no room waits, and one person is asked. Nothing fails.",
            "A run's own budget is declared with its workflow: budget_usd=...",
        ),
        needs_reason=True,
        fingerprint="set",
        wants="daily",
        choices=tuple(_SCOPES.items()),
    )
