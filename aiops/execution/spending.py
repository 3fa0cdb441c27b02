"""What model calls have cost: sums over the ledger, with what was paid more than once told apart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, Q, QuerySet, Sum
from django.db.models.functions import Coalesce

from aiops.models import CallOutcome, ModelCall, Purpose


@dataclass(frozen=True, slots=True)
class Spend:
    """Sums of some calls, in microdollars. The parts are parts of `total`, and may overlap."""

    calls: int = 0
    #: Calls whose price nobody knows: they are not in the sums.
    unknown: int = 0
    #: Answers that were used again, and cost nothing.
    reused: int = 0
    total: int = 0
    #: Paid again after a failure, for a better answer, and because an answer was lost.
    on_retries: int = 0
    on_repairs: int = 0
    after_losses: int = 0
    #: What may have been billed, and nobody can tell: lost answers above all.
    uncertain: int = 0
    tokens_in: int = 0
    tokens_out: int = 0

    def __add__(self, other: Spend) -> Spend:
        return Spend(**{f.name: getattr(self, f.name) + getattr(other, f.name) for f in _FIELDS})

    @property
    def is_known(self) -> bool:
        """Whether the total is all of it."""
        return self.unknown == 0


_FIELDS = fields(Spend)


def of_run(run_id: UUID) -> Spend:
    return _of(ModelCall.objects.filter(run=run_id))


def of_step(step_id: UUID) -> Spend:
    return _of(ModelCall.objects.filter(step=step_id))


def of_workflow(workflow: str, since: datetime) -> Spend:
    return _of(ModelCall.objects.filter(workflow=workflow, started_at__gte=since))


def of_tenant(tenant: str, since: datetime) -> Spend:
    return _of(ModelCall.objects.filter(tenant=tenant, started_at__gte=since))


def _of(calls: QuerySet[ModelCall]) -> Spend:
    return Spend(**calls.aggregate(**_sums()))


#: What spending is told by.
BY = ("workflow", "tenant", "asked_model")


def since(moment: datetime) -> list[tuple[Mapping[str, str], Spend]]:
    """Every workflow, tenant and model with what it spent since then, in one query."""
    found = ModelCall.objects.filter(started_at__gte=moment).values(*BY)
    rows: Iterable[dict[str, Any]] = found.annotate(**_sums()).order_by()
    return [
        ({name: row[name] for name in BY}, Spend(**{f.name: row[f.name] for f in _FIELDS}))
        for row in rows
    ]


def summed(parts: Iterable[tuple[Mapping[str, str], Spend]], by: str) -> dict[str, Spend]:
    """The spending by one of BY, the largest first. Pure."""
    found: dict[str, Spend] = {}
    for names, spend in parts:
        found[names[by]] = found.get(names[by], Spend()) + spend
    return dict(sorted(found.items(), key=lambda item: -item[1].total))


def _sums() -> dict[str, Any]:
    sent = ~Q(outcome__in=(CallOutcome.REUSED, CallOutcome.OPEN))
    return {
        "calls": Count("id", filter=sent),
        "unknown": Count("id", filter=sent & Q(cost_microusd__isnull=True)),
        "reused": Count("id", filter=Q(outcome=CallOutcome.REUSED)),
        "total": _cost(),
        "on_retries": _cost(purpose=Purpose.RETRY),
        "on_repairs": _cost(purpose=Purpose.REPAIR),
        "after_losses": _cost(purpose=Purpose.LOST),
        "uncertain": _cost(is_uncertain=True),
        "tokens_in": Coalesce(Sum("tokens_in"), 0),
        "tokens_out": Coalesce(Sum("tokens_out"), 0),
    }


def _cost(**which: Any) -> Coalesce:
    return Coalesce(Sum("cost_microusd", filter=Q(**which) if which else None), 0)
