"""What a page of the list reads about its runs: three queries, however many there are."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from django.db.models import Count, Min, Q, Sum, TextField
from django.db.models.functions import Cast

from aiops.execution.holds import HELD_BY, MAY_BE_HELD, Held
from aiops.execution.verdict_in_sql import Worst, worst_of
from aiops.models import Attempt, Step


@dataclass(slots=True)
class Listed:
    """What a row shows beside the run's own columns."""

    #: How many steps of the plan are in which state.
    states: dict[str, int] = field(default_factory=dict)
    #: How often the plan's own steps were tried again.
    retries: int = 0
    #: None: not known.
    cost_microusd: int | None = None
    #: None where nothing has failed.
    worst: Worst | None = None
    #: The pause of a pool or a workflow that it waits for.
    held: str = ""

    @property
    def problem(self) -> str:
        """What went wrong, in one line."""
        if self.worst is None:
            return ""
        item = "" if self.worst.item is None else f"[{self.worst.item}]"
        message = next(iter(self.worst.message.strip().splitlines()), "")
        return f"{self.worst.step}{item}: {message}" if message else ""


def read(run_ids: Sequence[UUID]) -> dict[UUID, Listed]:
    """What is shown of each of these runs."""
    found = {run_id: Listed() for run_id in run_ids}
    for run_id, state, number, paused in _states(run_ids):
        found[run_id].states[state] = number
        if paused:
            found[run_id].held = Held(**json.loads(paused)).sentence
    for run_id, attempts, tried, cost in _tallies(run_ids):
        found[run_id].retries = attempts - tried
        found[run_id].cost_microusd = cost
    for run_id, worst in worst_of(run_ids).items():
        found[run_id].worst = worst
    return found


def _states(run_ids: Sequence[UUID]) -> Sequence[tuple[UUID, str, int, str | None]]:
    """How many steps of each run are in which state, and a pause that holds any of them."""
    # An item is told by its number, which the index of a run's steps holds.
    plan = Step.objects.filter(run__in=run_ids, item__isnull=True)
    paused = Min(Cast(HELD_BY, TextField()), filter=MAY_BE_HELD)
    counted = plan.order_by().values_list("run_id", "state")
    return list(counted.annotate(number=Count("id"), paused=paused))


def _tallies(run_ids: Sequence[UUID]) -> Sequence[tuple[UUID, int, int, int | None]]:
    """The attempts of the plan's own steps, how many steps they are of, and what all cost."""
    is_of_plan = Q(step__item__isnull=True) & ~Q(step__kind="map")
    return list(
        Attempt.objects.filter(step__run__in=run_ids)
        .order_by()
        .values_list("step__run_id")
        .annotate(
            attempts=Count("id", filter=is_of_plan),
            tried=Count("step_id", filter=is_of_plan, distinct=True),
            cost=Sum("cost_microusd"),
        )
    )
