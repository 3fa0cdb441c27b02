"""Which budgets a call is paid from, and what it means that one of them has no room."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.conf import settings

from aiops.flow.caller import Caller
from aiops.flow.errors import BudgetSpent
from aiops.models.budget import Budget, BudgetScope, dollars
from aiops.models.budget_moves import Wanted

#: A limit set in the console holds everywhere after this long.
REREAD_S = 5.0
#: What only waits for calls on their way is looked at again after this long.
IN_FLIGHT_S = 3.0

_Limits = dict[tuple[str, str], int]


def wanted(who: Caller, today: date) -> list[Wanted]:
    """The budgets that hold for a call, in the one order in which they are locked."""
    found = []
    if who.budget_usd > 0:
        found.append(Wanted(BudgetScope.RUN, str(who.run_id), None, microusd(who.budget_usd)))
    limits = _standing.limits()
    for scope, name in (
        (BudgetScope.WORKFLOW, who.workflow),
        (BudgetScope.TENANT, who.tenant),
        (BudgetScope.ALL, ""),
    ):
        if (limit := limits.get((scope, name))) is not None:
            found.append(Wanted(scope, name, today, limit))
    return found


def declared(said: Mapping[str, Any]) -> _Limits:
    """The daily limits of AIOPS_BUDGETS: {"all": usd, "workflows": {...}, "tenants": {...}}. Pure."""
    found: _Limits = {}
    if said.get("all") is not None:
        found[BudgetScope.ALL, ""] = microusd(said["all"])
    for name, usd in said.get("workflows", {}).items():
        found[BudgetScope.WORKFLOW, name] = microusd(usd)
    for name, usd in said.get("tenants", {}).items():
        found[BudgetScope.TENANT, name] = microusd(usd)
    return found


def microusd(usd: float) -> int:
    return round(usd * 1_000_000)


class _Standing:
    """The daily limits: the settings', and in their place those that a person has set."""

    def __init__(self) -> None:
        self._read_at = -REREAD_S
        self._rows: _Limits = {}

    def limits(self) -> _Limits:
        # Read now and then: a call of a run without budgets must not pay for a query.
        if time.monotonic() - self._read_at >= REREAD_S:
            rows = Budget.objects.filter(day__isnull=True).exclude(scope=BudgetScope.RUN)
            self._rows = {(r.scope, r.name): r.limit_microusd for r in rows}
            self._read_at = time.monotonic()
        return {**declared(settings.AIOPS_BUDGETS), **self._rows}

    def forget(self) -> None:
        self._read_at = -REREAD_S


_standing = _Standing()


def reread() -> None:
    """Let the next call look at the limits again: somebody has set one in this process."""
    _standing.forget()


def spent(budget: Budget, needed_microusd: int, now: datetime) -> BudgetSpent:
    """The error of a call for which a budget has no room. Pure."""
    free = budget.limit_microusd - budget.spent_microusd
    what = f"The budget of {budget} is {dollars(budget.limit_microusd)}, of which {dollars(max(free, 0))} is left"
    if needed_microusd <= free:
        until: datetime | None = now + timedelta(seconds=IN_FLIGHT_S)
        text = f"{what}, held back for calls that are on their way."
        code = "in_flight"
    else:
        until = None if budget.day is None else tomorrow(budget.day)
        text = f"{what}; the next call may cost {dollars(needed_microusd)}. Raise it, or cancel."
        code = "spent"
    return BudgetSpent(text, code=code, until=until, budget=budget.id)


def no_price(model: str, alias: str) -> BudgetSpent:
    """A call whose price nobody knows cannot be kept within a limit."""
    return BudgetSpent(
        f"No price of {model!r} is known, so its budget cannot be kept. "
        f"Add {alias!r} to AIOPS_PRICES in the settings, or take the budget away.",
        code="no_price",
    )


def tomorrow(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
