"""What the five answers are made of: one run as it is now, in eight queries whatever its size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import (
    Avg,
    Case,
    Count,
    Exists,
    F,
    Max,
    Min,
    OuterRef,
    Subquery,
    Sum,
    TextField,
    Value,
    When,
    Window,
)
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Coalesce, Now

from aiops.execution.catalog import plan_of
from aiops.execution.holds import HELD_BY
from aiops.flow.plan import Plan
from aiops.models import (
    Attempt,
    Escalation,
    EscalationState,
    Event,
    Lane,
    Promise,
    PromiseState,
    Reason,
    Run,
    Step,
    StepState,
)
from aiops.models.step import DONE

#: At most so many failed items, and so many open questions, are listed; the rest is counted.
MOST_LISTED = 20

#: States from which only a retry or a person moves a step.
STOPPED: tuple[str, ...] = (StepState.FAILED, StepState.ATTENTION)


@dataclass(frozen=True, slots=True)
class StepRow:
    """A step of the plan (or of undoing), without its payloads."""

    id: UUID
    name: str
    kind: str
    effect: str
    state: str
    reason: str
    since: datetime
    until: datetime | None
    wake_at: datetime | None
    dispatch_due: datetime | None
    lease_until: datetime | None
    lane: str
    worker: str
    in_doubt: bool
    error: Mapping[str, Any] | None
    progress: Mapping[str, Any] | None
    started_at: datetime | None
    finished_at: datetime | None
    #: The newest run that this step started, and whether a worker is on a step of it now.
    child: UUID | None
    child_works: bool
    #: The pause of its pool or its workflow, as `holds.Held.of` reads it.
    paused: Mapping[str, Any] | None
    #: What it has written so far; read for the user's view alone.
    partial: str = ""


@dataclass(frozen=True, slots=True)
class ItemRow:
    """An item of a map that has failed, without its value."""

    name: str
    item: int
    state: str
    effect: str
    in_doubt: bool
    error: Mapping[str, Any] | None
    fence: int
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class ItemGroup:
    """Items of one map that are alike."""

    map_id: UUID
    state: str
    reason: str
    in_doubt: bool
    word: str
    sent: str
    number: int
    since: datetime
    wake_at: datetime | None
    lease_until: datetime | None
    #: A lane that one of them waits for, where they do.
    lane: str = ""


@dataclass(frozen=True, slots=True)
class Tally:
    """The attempts of one step, its items' included."""

    attempts: int = 0
    #: Sum and mean over the attempts that say what they cost; None when none does.
    cost_microusd: int | None = None
    mean_cost_microusd: float | None = None


@dataclass(frozen=True, slots=True)
class LastAttempt:
    step_id: UUID
    number: int
    outcome: str
    sent: str
    finished_at: datetime


@dataclass(frozen=True, slots=True)
class RunFacts:
    """One run as it is at `now`, by the database's clock."""

    run: Run
    plan: Plan
    now: datetime
    #: The id of the run's newest event: its version.
    newest_event: int
    #: Somebody was promised a mail at the end, and it was not sent yet.
    is_promised: bool
    #: Where its starter says that the result is to be seen, unchecked; "" where nothing is said.
    result_url: str
    #: In the plan's order; steps of undoing come last.
    steps: Sequence[StepRow]
    items: Mapping[UUID, Sequence[ItemGroup]]
    failed_items: Sequence[ItemRow]
    tallies: Mapping[UUID, Tally]
    last: Mapping[UUID, LastAttempt]
    questions: Sequence[Mapping[str, Any]]
    #: The lanes that its steps or items wait for, by name.
    lanes: Mapping[str, Lane] = field(default_factory=dict)
    #: Where the steps of its child runs stand, state and reason, by the step that waits for them.
    children: Mapping[UUID, frozenset[tuple[str, str]]] = field(default_factory=dict)


def told(name: str) -> Coalesce:
    """What a step's error says under this name; "" without an error."""
    return Coalesce(KeyTextTransform(name, "error"), Value(""), output_field=TextField())


def load(run_id: UUID) -> RunFacts:
    """Read a run; raises Run.DoesNotExist."""
    found = _stands(run_id)
    has_items = any(step.kind == "map" for step in found.steps)
    return replace(
        found,
        failed_items=_failed_items(run_id) if has_items else (),
        tallies=_tallies(run_id),
        last=_last_attempts(run_id),
        questions=_questions(run_id),
    )


def load_for_user(run_id: UUID) -> RunFacts:
    """Read as much of a run as its user may know: two queries, mostly. Raises Run.DoesNotExist."""
    found = _stands(run_id, for_user=True)
    is_asked = any(step.state == StepState.ATTENTION for step in found.steps)
    return replace(found, questions=_questions(run_id)) if is_asked else found


def _stands(run_id: UUID, *, for_user: bool = False) -> RunFacts:
    """Where a run and its steps stand; nothing of what was tried, and what it has cost."""
    newest = Event.objects.filter(run=OuterRef("id")).order_by("-id").values("id")[:1]
    promised = Promise.objects.filter(run=OuterRef("id"), state=PromiseState.WAITING)
    run = (
        Run.objects.defer("input", "metadata", "error")
        .annotate(
            now=Now(),
            newest_event=Coalesce(Subquery(newest), 0),
            is_promised=Exists(promised),
            result_url=KeyTextTransform("result_url", "metadata"),
        )
        .get(id=run_id)
    )
    plan = plan_of(run.version_id)
    steps = _steps(run_id, plan, with_text=for_user)
    items = _items(run_id) if any(step.kind == "map" for step in steps) else {}
    return RunFacts(
        run=run,
        plan=plan,
        now=run.now,
        newest_event=run.newest_event,
        is_promised=run.is_promised,
        result_url=run.result_url or "",
        steps=steps,
        items=items,
        failed_items=(),
        tallies={},
        last={},
        questions=(),
        lanes=_lanes(steps, items),
        children=_children(run_id) if any(step.kind == "child" for step in steps) else {},
    )


def _steps(run_id: UUID, plan: Plan, *, with_text: bool) -> list[StepRow]:
    # Only what the workflow lets users see is read at all.
    streaming = [node.name for node in plan.nodes if node.streams] if with_text else []
    partial = Case(
        When(
            name__in=streaming,
            state=StepState.RUNNING,
            then=Coalesce(KeyTextTransform("partial", "progress"), Value("")),
        ),
        default=Value(""),
        output_field=TextField(),
    )
    children = Run.objects.filter(parent_step=OuterRef("id")).order_by("-created_at")
    working = Step.objects.filter(
        run__parent_step=OuterRef("id"), state=StepState.RUNNING, lease_until__gt=Now()
    )
    rows = (
        Step.objects.filter(run=run_id, map__isnull=True)
        .annotate(
            child=Subquery(children.values("id")[:1]),
            child_works=Exists(working),
            paused=HELD_BY,
            partial=partial,
        )
        .values(*StepRow.__dataclass_fields__)
    )
    places = {name: place for place, name in enumerate(plan.by_name)}
    found = [StepRow(**row) for row in rows]
    return sorted(found, key=lambda step: (places.get(step.name, len(places)), step.id))


def _children(run_id: UUID) -> dict[UUID, frozenset[tuple[str, str]]]:
    rows = Step.objects.filter(run__parent_step__run=run_id, run__finished_at__isnull=True).exclude(
        state__in=(StepState.PENDING, *DONE)
    )
    found: dict[UUID, set[tuple[str, str]]] = {}
    for waiting, state, reason in rows.values_list(
        "run__parent_step", "state", "reason"
    ).distinct():
        found.setdefault(waiting, set()).add((state, reason))
    return {waiting: frozenset(stands) for waiting, stands in found.items()}


def _items(run_id: UUID) -> dict[UUID, list[ItemGroup]]:
    rows = (
        Step.objects.filter(run=run_id, map__isnull=False)
        .annotate(word=told("word"), sent=told("sent"))
        .values("map_id", "state", "reason", "in_doubt", "word", "sent")
        .annotate(
            number=Count("id"),
            # The row's own columns would join the GROUP BY under these names.
            first_since=Min("since"),
            first_wake_at=Min("wake_at"),
            last_lease=Max("lease_until"),
            a_lane=Max("lane"),
        )
        .order_by("map_id", "state")
    )
    found: dict[UUID, list[ItemGroup]] = {}
    for row in rows:
        group = ItemGroup(
            map_id=row["map_id"],
            state=row["state"],
            reason=row["reason"],
            in_doubt=row["in_doubt"],
            word=row["word"],
            sent=row["sent"],
            number=row["number"],
            since=row["first_since"],
            wake_at=row["first_wake_at"],
            lease_until=row["last_lease"],
            lane=row["a_lane"] or "",
        )
        found.setdefault(group.map_id, []).append(group)
    return found


def _lanes(steps: Sequence[StepRow], items: Mapping[UUID, Sequence[ItemGroup]]) -> dict[str, Lane]:
    """The lanes that something waits for; most runs wait for none, and ask nothing."""
    # What runs after it has stood in line may find its lane held again.
    names = {step.lane for step in steps if step.reason in (Reason.LANE, Reason.LEASE)} - {""}
    names |= {one.lane for group in items.values() for one in group if one.reason == Reason.LANE}
    return Lane.objects.in_bulk(names) if names else {}


def _failed_items(run_id: UUID) -> list[ItemRow]:
    rows = Step.objects.filter(run=run_id, map__isnull=False, state__in=STOPPED)
    fields = ItemRow.__dataclass_fields__
    return [ItemRow(**row) for row in rows.order_by("map", "item").values(*fields)[:MOST_LISTED]]


def _tallies(run_id: UUID) -> dict[UUID, Tally]:
    """Attempts and cost, an item's counted with its map."""
    rows = (
        Attempt.objects.filter(step__run=run_id)
        .annotate(whole=Coalesce("step__map_id", "step_id"))
        .values("whole")
        .annotate(
            attempts=Count("id"),
            cost=Sum("cost_microusd"),
            mean=Avg("cost_microusd"),
        )
        .order_by()
    )
    return {
        row["whole"]: Tally(
            attempts=row["attempts"],
            cost_microusd=None if row["cost"] is None else int(row["cost"]),
            mean_cost_microusd=None if row["mean"] is None else float(row["mean"]),
        )
        for row in rows
    }


def _last_attempts(run_id: UUID) -> dict[UUID, LastAttempt]:
    """The last attempt of each step that has not succeeded."""
    rows = (
        Attempt.objects.filter(step__run=run_id, step__map__isnull=True)
        .exclude(step__state=StepState.SUCCEEDED)
        .order_by("step_id", "-number")
        .distinct("step_id")
        .values(*LastAttempt.__dataclass_fields__)
    )
    return {row["step_id"]: LastAttempt(**row) for row in rows}


def _questions(run_id: UUID) -> list[Mapping[str, Any]]:
    rows = Escalation.objects.filter(run=run_id, state=EscalationState.OPEN)
    return list(
        rows.annotate(total=Window(Count("id")))
        .order_by(F("due_at").asc(nulls_last=True), "opened_at")
        .values(
            *("id", "kind", "question", "answers", "owner", "opened_at", "due_at", "if_nobody"),
            *("step_id", "step__name", "step__item", "total"),
        )[:MOST_LISTED]
    )
