"""How some runs usually go: how long, and at what cost. Unknown is None, never 0."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from uuid import UUID

from django.db.models import Count, QuerySet, Sum

from aiops.models import Attempt, Run, RunState

#: So many of the newest runs are looked at.
RUNS = 50


@dataclass(frozen=True, slots=True)
class Usual:
    """The medians of some runs that succeeded."""

    runs: int
    #: From being accepted to the end.
    lasts_s: float | None
    cost_microusd: int | None


def usual(runs: QuerySet[Run]) -> Usual:
    """How the newest of these runs went that succeeded."""
    good = runs.filter(state__in=(RunState.SUCCEEDED, RunState.PARTIAL)).order_by("-created_at")
    rows = list(good.values_list("id", "created_at", "finished_at")[:RUNS])
    lasted = [(end - begin).total_seconds() for _, begin, end in rows if end is not None]
    costs = _costs([id_ for id_, _, _ in rows]) if rows else []
    return Usual(
        runs=len(rows),
        lasts_s=round(median(lasted), 3) if lasted else None,
        cost_microusd=round(median(costs)) if costs else None,
    )


def _costs(ids: list[UUID]) -> list[int]:
    """What each of these runs has cost; one of which nothing is known is left out."""
    rows = (
        Attempt.objects.filter(step__run__in=ids)
        .values("step__run")
        .annotate(cost=Sum("cost_microusd"), known=Count("cost_microusd"))
        .filter(known__gt=0)
        .order_by()
    )
    return [int(row["cost"]) for row in rows]
