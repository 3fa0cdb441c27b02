"""What the dashboard reads beside the counts: what needs somebody, what ended, what waits longest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Sum, Value
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import TruncHour

from aiops.execution.facts import STOPPED
from aiops.execution.verdict_in_sql import judged
from aiops.models import (
    Attempt,
    FailureGroup,
    GroupState,
    Node,
    Pausable,
    Pause,
    Run,
    RunState,
    Step,
    StepState,
)
from aiops.models.run import ENDED
from aiops.upkeep.doctor import SILENT_S
from aiops.upkeep.prove import SLACK_S

#: Verdicts with which a retry does no harm.
HARMLESS: tuple[str, ...] = ("safe", "keyed")
#: A message that nobody took is put off by the keeper; one that is overdue for so long was not.
OVERDUE_S = 60.0
#: At most so many steps without a sign of life are looked at.
MOST_SILENT = 1_000
MOST_WAITING = 8
#: A run that waits on purpose, or for somebody.
_WAITS: tuple[str, ...] = (RunState.WAITING, RunState.ATTENTION)

#: How many runs ended how in which hour.
Ended = tuple[str, datetime, int]


@dataclass(frozen=True, slots=True)
class Numbers:
    """The single numbers of the dashboard."""

    #: Failed runs of a cause that is resolved or ignored, and of the others those that a retry
    #: does no harm to.
    handled: int
    safe: int
    #: Open runs with a step whose worker, or whose message, gives no sign of life.
    silent: int
    keepers: int
    #: None: of no attempt it is known what it cost.
    spent_microusd: int | None


@dataclass(frozen=True, slots=True)
class Waiting:
    """A run that has waited for long."""

    id: UUID
    title: str
    workflow: str
    state: str
    reason: str
    since: datetime


def numbers(now: datetime, spent_since: datetime) -> Numbers:
    """All of them in one query."""
    failed, ids = Run.objects.filter(state=RunState.FAILED), Count("*")
    over = handled(now).values("run_id")
    safe = failed.filter(id__in=judged(HARMLESS)).exclude(id__in=over)
    legs = [
        _leg("handled", failed.filter(id__in=over), ids),
        _leg("safe", safe, ids),
        _leg("silent", silent(now), ids),
        _leg("keepers", _leaders(now), ids),
        _leg("spent", _paid(spent_since), Sum("cost_microusd")),
    ]
    first, *others = legs
    found: dict[str, int | None] = dict(first.union(*others, all=True))
    return Numbers(
        handled=found["handled"] or 0,
        safe=found["safe"] or 0,
        silent=found["silent"] or 0,
        keepers=found["keepers"] or 0,
        spent_microusd=found["spent"],
    )


def handled(now: datetime) -> QuerySet[Step]:
    """Steps of failed runs whose cause was resolved after they failed, or is ignored."""
    decided = FailureGroup.objects.filter(fingerprint=OuterRef("mark")).filter(
        Q(state=GroupState.IGNORED, ignored_until__gt=now)
        | Q(state=GroupState.RESOLVED, decided_at__gte=OuterRef("run__since"))
        | Q(state=GroupState.RESOLVED, resolved_in__gt=OuterRef("run__version__version"))
    )
    return (
        Step.objects.filter(state__in=STOPPED, run__state=RunState.FAILED)
        .annotate(mark=KeyTextTransform("fingerprint", "error"))
        .filter(Exists(decided))
    )


def silent(now: datetime) -> QuerySet[Run]:
    """Open runs with a step that should be at work and gives no sign of it."""
    past, long_past = now - timedelta(seconds=SLACK_S), now - timedelta(seconds=OVERDUE_S)
    pools = Pause.objects.filter(what=Pausable.POOL).values("name")
    workflows = Pause.objects.filter(what=Pausable.WORKFLOW).values("name")
    lost = Step.objects.filter(state=StepState.RUNNING, lease_until__lt=past)
    overdue = Step.objects.filter(
        state=StepState.QUEUED, map__isnull=True, dispatch_due__lt=long_past
    ).exclude(pool__in=pools)
    found = lost.values("run_id")[:MOST_SILENT].union(overdue.values("run_id")[:MOST_SILENT])
    going_on = Run.objects.filter(finished_at__isnull=True, paused_at__isnull=True)
    return going_on.filter(id__in=found).exclude(workflow__in=workflows)


def ended(since: datetime) -> list[Ended]:
    """The runs that ended since then, by state and hour."""
    # `since` of a run that is over is when it ended, and has an index together with the state.
    rows = (
        Run.objects.filter(state__in=ENDED, since__gte=since)
        .values_list("state", TruncHour("since", tzinfo=UTC))
        .annotate(number=Count("*"))
        .order_by()
    )
    return list(rows)


def waiting_longest() -> Sequence[Waiting]:
    """The open runs that have waited longest, the longest first."""
    fields = tuple(Waiting.__dataclass_fields__)
    # Each state by its index: together they would be sorted whole.
    first, *others = (
        Run.objects.filter(state=state).order_by("since").values(*fields)[:MOST_WAITING]
        for state in _WAITS
    )
    rows = first.union(*others, all=True).order_by("since")[:MOST_WAITING]
    return [Waiting(**row) for row in rows]


def _leaders(now: datetime) -> QuerySet[Node]:
    alive = now - timedelta(seconds=SILENT_S)
    return Node.objects.filter(role="keeper", is_leader=True, seen_at__gt=alive)


def _paid(since: datetime) -> QuerySet[Attempt]:
    return Attempt.objects.filter(cost_microusd__isnull=False, finished_at__gte=since)


def _leg(name: str, rows: QuerySet[Any], number: Any) -> QuerySet[Any]:
    """One number under its name."""
    found: QuerySet[Any] = rows.order_by().values_list(Value(name)).annotate(number=number)
    return found
