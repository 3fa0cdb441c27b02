"""Spans of runs, steps and attempts, written by the leading keeper from the record when they are over.

The record says it all: no worker spends anything on it, and one that is killed loses none of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils import timezone

from aiops.models import Attempt, Event, ModelCall, Outcome, Run, Step, StepState
from aiops.models.run import ENDED, RunState
from aiops.providers import traced
from aiops.providers.traced import MOST_ITEMS
from aiops.telemetry import ids, spans
from aiops.telemetry.spans import Happened, Span, Value
from aiops.upkeep.tail import Tail

#: So much is written in one look; what is left waits for the next.
MOST = 1000

_RUN_ENDS = frozenset(f"run.{state}" for state in ENDED)
#: What is told of a step, and of its run, as moments of their spans; of their data, what is no content.
_MOMENTS = (
    "step.parked",
    "step.failed",
    "step.in_doubt",
    "step.worker_lost",
    "escalation.opened",
    "escalation.answered",
    "limbo.repaired",
    "run.paused",
    "run.attention",
    "run.cancelling",
)
_TOLD = ("word", "lane", "attempt", "about", "answer", "severity", "what", "losses")
_FINE = frozenset({Outcome.SUCCEEDED, Outcome.RECONCILED, Outcome.PARKED, Outcome.CANCELLED})
_BAD_STEPS = frozenset({StepState.FAILED, StepState.ATTENTION})


class Recorder:
    """What has been written so far: where the tables of attempts and events were read to."""

    def __init__(self) -> None:
        self._attempts = Tail("aiops_attempt", "finished_at")
        self._events = Tail("aiops_event", "at")

    def look(self) -> int:
        """Write the spans of what has ended since the last look. Returns how many."""
        written = [
            *_attempts(self._attempts.fresh(MOST)),
            *_ended(self._events.fresh(MOST)),
        ]
        for span in written:
            spans.write(span)
        return len(written)


# Attempts


def _attempts(fresh: Sequence[int]) -> Iterable[Span]:
    rows = (
        Attempt.objects.filter(id__in=fresh).select_related("step__map", "run").order_by("id")
        if fresh
        else []
    )
    for attempt in rows:
        if attempt.outcome == Outcome.LOST:
            _write_lost_calls(attempt)
        item = attempt.step.item
        if item is None or item < MOST_ITEMS or attempt.outcome not in _FINE:
            yield _attempt(attempt)


def _attempt(attempt: Attempt) -> Span:
    step, error = attempt.step, attempt.error or {}
    # Of an item nothing but its attempts is kept: they belong to its map.
    over = step.map or step
    is_fine = attempt.outcome in _FINE
    return Span(
        name=f"attempt {step.name}",
        run_id=attempt.run_id,
        span_id=ids.attempt_span(step.id, attempt.number),
        parent_id=ids.step_span(over.id, over.epoch if step.map else attempt.epoch),
        begin=attempt.started_at,
        end=attempt.finished_at,
        attributes={
            **_place(attempt.run),
            **_step(step),
            "aiops.attempt": attempt.number,
            "aiops.attempt.outcome": attempt.outcome,
            "aiops.attempt.sent": attempt.sent or None,
            "aiops.error.word": error.get("word"),
            "aiops.worker": attempt.worker,
            "messaging.message.id": attempt.task_id or None,
            "aiops.cost_usd": _usd(attempt.cost_microusd),
        },
        error="" if is_fine else str(error.get("type") or attempt.outcome),
    )


def _write_lost_calls(attempt: Attempt) -> None:
    """Their worker had no time to."""
    for row in ModelCall.objects.filter(step_id=attempt.step_id, attempt=attempt.number):
        traced.of_lost_worker(row)


# Steps and runs


def _ended(fresh: Sequence[int]) -> Iterable[Span]:
    rows = Event.objects.filter(id__in=fresh, kind__in={"step.succeeded", *_RUN_ENDS})
    told = list(rows.order_by("id").values_list("kind", "run_id", "step")) if fresh else []
    yield from _steps(step for kind, _, step in told if kind == "step.succeeded" and step)
    for kind, run_id, _ in told:
        if kind in _RUN_ENDS and run_id is not None:
            yield from _run(run_id)


def _steps(which: Iterable[UUID]) -> Iterable[Span]:
    found = list(Step.objects.filter(id__in=list(which), map__isnull=True).select_related("run"))
    moments = _moments([step.run_id for step in found], [step.id for step in found])
    begins = _begins(found)
    for step in found:
        yield _step_span(step, moments.get(step.id, ()), begins.get(step.id))


def _step_span(step: Step, moments: Sequence[Happened], began: datetime | None) -> Span:
    end = step.finished_at or timezone.now()
    is_bad = step.state in _BAD_STEPS
    return Span(
        name=f"step {step.name}",
        run_id=step.run_id,
        span_id=ids.step_span(step.id, step.epoch),
        parent_id=ids.run_span(step.run_id),
        begin=began or step.started_at or end,
        end=end,
        attributes={
            **_place(step.run),
            **_step(step),
            "aiops.step.kind": step.kind,
            "aiops.step.effect": step.effect,
            "aiops.step.state": step.state,
            "aiops.step.epoch": step.epoch,
        },
        events=moments,
        error=str((step.error or {}).get("type") or step.state) if is_bad else "",
    )


def _run(run_id: UUID) -> Iterable[Span]:
    """The run, with those of its steps that did not succeed: nothing more will come of them."""
    run = Run.objects.filter(id=run_id).select_related("parent_step").first()
    if run is None or run.finished_at is None:
        return
    before = _earlier_end(run)
    open_ = Step.objects.filter(run=run, map__isnull=True, started_at__isnull=False).exclude(
        state=StepState.SUCCEEDED
    )
    left = list(open_.select_related("run")) if before is None else []
    if before is not None:
        left = list(open_.filter(since__gt=before).select_related("run"))
    moments = _moments([run.id], [*(step.id for step in left), None])
    begins = _begins(left)
    for step in left:
        yield _step_span(step, moments.get(step.id, ()), begins.get(step.id))
    yield _run_span(run, before, moments.get(None, ()))


def _run_span(run: Run, before: datetime | None, moments: Sequence[Happened]) -> Span:
    """The span of a run, or of what came after its first end: a person has resumed it."""
    end = run.finished_at or timezone.now()
    costs = ModelCall.objects.filter(run=run).values_list("cost_microusd", flat=True)
    is_bad = run.state == RunState.FAILED
    is_first = before is None
    return Span(
        name=f"run {run.workflow}" if is_first else f"run {run.workflow}, resumed",
        run_id=run.id,
        span_id=ids.run_span(run.id) if is_first else None,
        parent_id=None if is_first else ids.run_span(run.id),
        begin=before or run.created_at,
        end=end,
        attributes={
            **_place(run),
            "aiops.run.state": run.state,
            "aiops.run.priority": run.priority,
            "aiops.cost_usd": _usd(sum(cost or 0 for cost in costs)),
        },
        events=moments,
        links=_links(run),
        error=str((run.error or {}).get("type") or run.state) if is_bad else "",
    )


def _links(run: Run) -> list[tuple[int, int]]:
    """Who started it: a span of the caller's own, or the step of another run."""
    caller = ids.parsed(run.metadata.get("traceparent"))
    parent = run.parent_step
    links = [caller] if caller else []
    if parent is not None:
        links.append((ids.trace_id(parent.run_id), ids.step_span(parent.id, parent.epoch)))
    return links


def _earlier_end(run: Run) -> datetime | None:
    """When the run had ended before: the newest such event but one."""
    ends = Event.objects.filter(run=run, kind__in=_RUN_ENDS).order_by("-id")
    return ends.values_list("at", flat=True)[1:2].first()


def _moments(
    runs: Sequence[UUID], steps: Sequence[UUID | None]
) -> Mapping[UUID | None, list[Happened]]:
    """What happened to these steps; under None, to the run itself."""
    found: dict[UUID | None, list[Happened]] = {}
    rows = Event.objects.filter(run__in=set(runs), kind__in=_MOMENTS).order_by("id")
    wanted = set(steps)
    for step, kind, at, data in rows.values_list("step", "kind", "at", "data")[: MOST * 5]:
        if step in wanted:
            found.setdefault(step, []).append(Happened(kind, at, _told(data)))
    return found


def _told(data: Mapping[str, Any]) -> dict[str, Value]:
    kept = {name: data.get(name) for name in _TOLD}
    return {f"aiops.{k}": v for k, v in kept.items() if isinstance(v, str | int | float) and v}


def _begins(steps: Sequence[Step]) -> dict[UUID, datetime]:
    """When the first attempt of each began, in its present epoch."""
    rows = Attempt.objects.filter(step__in=steps).values_list("step_id", "epoch", "started_at")
    epochs = {step.id: step.epoch for step in steps}
    found: dict[UUID, datetime] = {}
    for step, epoch, began in rows:
        if epochs[step] == epoch:
            found[step] = min(began, found.get(step, began))
    return found


def _place(run: Run) -> dict[str, Value | None]:
    return {
        "aiops.run.id": str(run.id),
        "aiops.workflow": run.workflow,
        "aiops.tenant": run.tenant,
    }


def _step(step: Step) -> dict[str, Value | None]:
    return {
        "aiops.step": step.name,
        "aiops.step.id": str(step.id),
        "aiops.item": step.item,
        "aiops.pool": step.pool or None,
        "aiops.lane": step.lane or None,
    }


def _usd(microusd: int | None) -> float | None:
    return None if microusd is None else microusd / 1e6
