"""From a step's attempts and waits to the bars of its row in the timeline."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from aiops.admin.page import words
from aiops.admin.page.reading import Try
from aiops.admin.page.steps import state_shown
from aiops.admin.page.timeline import Bar, Kind, Row
from aiops.execution.facts import RunFacts, StepRow
from aiops.models import Outcome, Reason, StepState

#: How an attempt that ended is drawn.
_ENDED_WELL = (Outcome.SUCCEEDED, Outcome.RECONCILED)


def rows(facts: RunFacts, tries: Mapping[UUID, Sequence[Try]]) -> list[Row]:
    """A row for each step, in the plan's order."""
    return [
        Row(
            step.name,
            words.STEP[state_shown(facts, step)],
            tuple(_bars(facts, step, tries.get(step.id, ()))),
        )
        for step in facts.steps
    ]


def _bars(facts: RunFacts, step: StepRow, tries: Sequence[Try]) -> Iterator[Bar]:
    ready = ready_at(facts, step)
    if tries and ready is not None and tries[0].number == 1 and ready < tries[0].started_at:
        yield Bar("queue", "slate", ready, tries[0].started_at, "In line")
    for before, after in zip([None, *tries], tries, strict=False):
        # Between epochs lies a person's decision, and no back-off.
        if before is not None and before.epoch == after.epoch:
            yield from _backoff(before.finished_at, after.started_at)
        yield _attempt(after)
    yield from _present(facts, step, tries)


def _attempt(one: Try) -> Bar:
    look = words.OUTCOME[one.outcome]
    kind: Kind = "done" if one.outcome in _ENDED_WELL else "bad"
    return Bar(kind, look.tone, one.started_at, one.finished_at, f"#{one.number}: {look.word}")


def _present(facts: RunFacts, step: StepRow, tries: Sequence[Try]) -> Iterator[Bar]:
    """What goes on, or went on without an attempt."""
    last_end = tries[-1].finished_at if tries else None
    match step.state:
        case StepState.RUNNING:
            begin = max(filter(None, (step.started_at, step.since, last_end)))
            yield Bar("now", "blue", begin, facts.now, f"Running on {step.worker}")
        case StepState.RETRYING if last_end is not None and step.wake_at is not None:
            yield from _backoff(last_end, step.wake_at)
        case StepState.QUEUED:
            yield Bar("queue", "slate", step.since, facts.now, "In line")
        case StepState.WAITING if step.reason == Reason.LANE:
            yield Bar("backoff", "amber", step.since, facts.now, "Held up by its provider")
        case StepState.WAITING:
            kind: Kind = "now" if step.reason == Reason.ITEMS else "wait"
            tone = "blue" if step.reason == Reason.ITEMS else "violet"
            told = f"Waits for {Reason(step.reason).label.lower()}"
            yield Bar(kind, tone, step.since, facts.now, told)
        case _ if not tries and step.started_at and step.finished_at:
            yield from _past(facts, step, step.started_at, step.finished_at)


def _past(facts: RunFacts, step: StepRow, begin: datetime, end: datetime) -> Iterator[Bar]:
    """A wait or a map that is over; what an earlier run had done has no place here."""
    if end <= facts.run.created_at:
        return
    look = words.STEP[step.state]
    # A map worked all the time; a person's or an event's time is no work.
    kind: Kind = "wait" if step.kind != "map" else "done" if look.tone == "green" else "bad"
    tone = "violet" if kind == "wait" else look.tone
    yield Bar(kind, tone, begin, end, look.word)


def _backoff(begin: datetime, end: datetime) -> Iterator[Bar]:
    if begin < end:
        yield Bar("backoff", "amber", begin, end, "Waits for the next attempt")


def ready_at(facts: RunFacts, step: StepRow) -> datetime | None:
    """When everything that the step needs was done; None when that is not known."""
    node = facts.plan.by_name.get(step.name)
    if node is None:
        return None
    ends = [other.finished_at for other in facts.steps if other.name in node.needs]
    known = [end for end in ends if end is not None]
    return max([facts.run.created_at, *known]) if len(known) == len(ends) else None


def last_moment(facts: RunFacts, drawn: Sequence[Row]) -> datetime:
    """Where the axis ends: at the run's end, or at the latest that is foreseen."""
    end = facts.run.finished_at or facts.now
    return max([end, *(bar.end for row in drawn for bar in row.bars)])
