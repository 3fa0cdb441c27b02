"""The door of budgets: every change is a conditional UPDATE; what a person does leaves an event."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from django.db.models import F
from django.db.models.functions import Greatest, Now

from aiops.models.budget import Budget, BudgetScope
from aiops.models.step import Reason, Step
from aiops.models.transitions import tell


@dataclass(frozen=True, slots=True)
class Wanted:
    """A budget that a call is paid from, as it is declared."""

    scope: str
    name: str
    day: date | None
    limit_microusd: int


class NotEnough(Exception):
    """A budget has no room for a call. Nothing of the caller's transaction may be kept."""

    def __init__(self, budget: int) -> None:
        super().__init__(f"budget {budget}")
        self.budget = budget


#: Ids never change, and a process asks for the same few again and again.
_ids: dict[Wanted, int] = {}


def open_all(wanted: Sequence[Wanted]) -> list[int]:
    """The budgets' ids in the order given; those that are used for the first time are made.

    Not in the transaction that reserves: a budget without room is there all the same.
    """
    return [_open(one) for one in wanted]


def _open(wanted: Wanted) -> int:
    if wanted not in _ids:
        row, _ = Budget.objects.get_or_create(
            scope=wanted.scope,
            name=wanted.name,
            day=wanted.day,
            defaults={"limit_microusd": wanted.limit_microusd},
        )
        if len(_ids) > 10_000:
            _ids.clear()
        _ids[wanted] = row.id
    return _ids[wanted]


def forget() -> None:
    """Look the budgets up again: one is not there any more."""
    _ids.clear()


def reserve(budgets: Sequence[int], microusd: int) -> None:
    """Hold an amount back from every budget; raises NotEnough. The caller's transaction ends soon.

    The order is always the same, so that two calls cannot wait for each other.
    """
    for budget in budgets:
        if not _hold(budget, microusd):
            raise NotEnough(budget)


def _hold(budget: int, microusd: int) -> bool:
    # On the row itself, with no sub-query: it is judged again after waiting for another's commit.
    room = F("limit_microusd") - F("reserved_microusd") - microusd
    found = Budget.objects.filter(id=budget, spent_microusd__lte=room)
    return found.update(reserved_microusd=F("reserved_microusd") + microusd) == 1


def settle(budgets: Iterable[int], *, reserved: int, spent: int) -> None:
    """Give back what was held, and book what it cost. A correction may book less than nothing."""
    for budget in budgets:
        Budget.objects.filter(id=budget).update(
            reserved_microusd=Greatest(F("reserved_microusd") - reserved, 0),
            spent_microusd=F("spent_microusd") + spent,
        )


def raise_limit(budget: Budget, to_microusd: int, *, actor: str, reason: str) -> bool:
    """Set a higher limit; False when the budget is not as it was seen."""
    moved = Budget.objects.filter(id=budget.id, limit_microusd=budget.limit_microusd).update(
        limit_microusd=to_microusd, raised_by=actor, raised_at=Now(), why=reason[:300]
    )
    if moved:
        _tell(budget, "budget.raised", actor, reason, to_microusd)
    return moved == 1


def set_standing(scope: str, name: str, microusd: int, *, actor: str, reason: str) -> Budget:
    """Set the limit that every further day begins with."""
    budget, is_new = Budget.objects.update_or_create(
        scope=scope,
        name=name,
        day=None,
        defaults={
            "limit_microusd": microusd,
            "raised_by": actor,
            "raised_at": Now(),
            "why": reason[:300],
        },
    )
    budget.refresh_from_db()
    _tell(budget, "budget.declared" if is_new else "budget.changed", actor, reason, microusd)
    return budget


def let_go(line: str) -> list[UUID]:
    """Let the steps that wait in this line go on. Returns their runs, one for each step."""
    found = Step.objects.filter(reason=Reason.BUDGET, lane=line, run__finished_at__isnull=True)
    parked = list(found.values_list("id", "run_id", "map_id"))
    woken = Step.objects.filter(id__in=[step for step, _, _ in parked], reason=Reason.BUDGET)
    woken.update(wake_at=Now())
    # An item's map sends for somebody to work on it.
    maps = {map_id for _, _, map_id in parked if map_id is not None}
    Step.objects.filter(id__in=maps, reason=Reason.ITEMS).update(wake_at=Now())
    return [run for _, run, _ in parked]


def ask_about(budget: int, question: UUID | None) -> None:
    """Note the one open question about a budget."""
    Budget.objects.filter(id=budget).update(question=question)


def _tell(budget: Budget, kind: str, actor: str, reason: str, to_microusd: int) -> None:
    run = UUID(budget.name) if budget.scope == BudgetScope.RUN else None
    tell(
        run,
        kind,
        actor=actor,
        reason=reason,
        budget=budget.id,
        about=str(budget),
        was_microusd=budget.limit_microusd,
        to_microusd=to_microusd,
    )
