"""How many runs stand where, and how many requests are open: one query for every page's badges."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.cache import cache
from django.db.models import Count, DateTimeField, Max, Min, QuerySet, Sum, Value
from django.db.models.functions import Now

from aiops.models import Escalation, EscalationState, Event, Run, RunState, Severity, Step
from aiops.models.run import ENDED
from aiops.upkeep import beat

#: For so long a number may be old: the sidebar is on every page.
KEPT_S = 5
_KEY = "aiops.counts"

#: States of runs that are counted whole; of the others there are as many as there is history.
COUNTED: tuple[str, ...] = (
    *(state for state in RunState.values if state not in ENDED),
    RunState.FAILED,
)

Row = tuple[str, int | None, datetime | None]


@dataclass(frozen=True, slots=True)
class Counts:
    """What the record says at one moment, as far as one small query can tell."""

    #: Runs by state, of those that are not over, and of those that failed.
    runs: dict[str, int]
    #: Open requests; of these the overdue ones, and the urgent ones.
    requests: int
    overdue: int
    urgent: int
    oldest_request_at: datetime | None
    #: Schedules that need somebody.
    schedules: int
    #: What changes when anything happens: the newest event, and the claims of who is at work.
    version: str

    @property
    def open_runs(self) -> int:
        return sum(number for state, number in self.runs.items() if state not in ENDED)


def counts() -> Counts:
    """The counts, at most a few seconds old."""
    found: Counts | None = cache.get(_KEY)
    if found is None:
        found = read()
        cache.set(_KEY, found, KEPT_S)
    return found


def read() -> Counts:
    """The counts as they are now."""
    asked = Escalation.objects.filter(state=EscalationState.OPEN)
    urgent = asked.filter(severity__in=(Severity.CRITICAL, Severity.HIGH))
    legs = [
        Run.objects.filter(state__in=COUNTED)
        .values_list("state")
        .annotate(number=Count("*"), at=Min("since")),
        _leg("requests", asked, Count("*"), Min("opened_at")),
        _leg("overdue", asked.filter(due_at__lt=Now()), Count("*")),
        _leg("urgent", urgent, Count("*")),
        _leg("schedules", beat.needing_somebody(), Count("*")),
        _leg("newest event", Event.objects.all(), Max("id")),
        # A worker that takes a step leaves no event.
        _leg("claims", Step.objects.filter(lease_until__isnull=False), Sum("fence")),
    ]
    first, *others = (leg.order_by() for leg in legs)
    return counted(list(first.union(*others, all=True)))


def counted(rows: list[Row]) -> Counts:
    """The counts of named numbers."""
    numbers = {name: number or 0 for name, number, _ in rows}
    oldest = {name: at for name, _, at in rows}
    return Counts(
        runs={state: numbers.get(state, 0) for state in COUNTED},
        requests=numbers["requests"],
        overdue=numbers["overdue"],
        urgent=numbers["urgent"],
        oldest_request_at=oldest["requests"],
        schedules=numbers["schedules"],
        version=repr(sorted(rows, key=lambda row: row[0])),
    )


def _leg(name: str, rows: QuerySet[Any], number: Any, at: Any = None) -> QuerySet[Any]:
    """One number under a name, of rows of any kind."""
    at = at or Value(None, output_field=DateTimeField())
    found: QuerySet[Any] = rows.values_list(Value(name)).annotate(number=number, at=at)
    return found
