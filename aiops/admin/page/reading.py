"""What the page of a run reads beside the five answers: attempts, events, its like, its input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import F, Window
from django.db.models.functions import RowNumber

from aiops.models import Attempt, Event

#: At most so many attempts of a step, events of a run, and runs that failed alike, are read.
MOST_ATTEMPTS = 12
MOST_EVENTS = 60
MOST_ALIKE = 100


@dataclass(frozen=True, slots=True)
class Try:
    """One attempt of a step of the plan."""

    id: int
    step_id: UUID
    number: int
    epoch: int
    outcome: str
    error: Mapping[str, Any] | None
    sent: str
    worker: str
    task_id: str
    started_at: datetime
    finished_at: datetime
    cost_microusd: int | None


@dataclass(frozen=True, slots=True)
class Happening:
    """One event of a run."""

    id: int
    step: UUID | None
    kind: str
    actor: str
    data: Mapping[str, Any]
    at: datetime


def attempts(run_id: UUID) -> dict[UUID, list[Try]]:
    """The newest attempts of each step of the plan, the oldest of them first."""
    newest_first = Window(RowNumber(), partition_by="step_id", order_by=F("number").desc())
    rows = (
        Attempt.objects.filter(step__run=run_id, step__map__isnull=True)
        .annotate(place=newest_first)
        .filter(place__lte=MOST_ATTEMPTS)
        .order_by("number")
        .values(*Try.__dataclass_fields__)
    )
    found: dict[UUID, list[Try]] = {}
    for row in rows:
        found.setdefault(row["step_id"], []).append(Try(**row))
    return found


#: Events that tell of something that went wrong.
FAILURES = (
    *("step.failed", "step.worker_lost", "step.in_doubt", "step.parked", "limbo.repaired"),
    *("run.failed", "run.attention", "escalation.opened"),
)


def events(run_id: UUID, *, failures_only: bool = False) -> Sequence[Happening]:
    """The newest events of a run, the newest first; one more than are shown, if there are more."""
    rows = Event.objects.filter(run=run_id).order_by("-id")
    rows = rows.filter(kind__in=FAILURES) if failures_only else rows
    return [
        Happening(**row) for row in rows.values(*Happening.__dataclass_fields__)[: MOST_EVENTS + 1]
    ]
