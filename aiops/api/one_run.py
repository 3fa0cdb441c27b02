"""One run, for who looks after it: the five answers, its events, its result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from django.utils import timezone
from ninja import Router

from aiops.api import paging
from aiops.api.auth import caller
from aiops.api.document import problems
from aiops.api.found import run_of
from aiops.api.problems import Problem
from aiops.api.schemas_answers import FiveAnswers
from aiops.api.schemas_runs import EventPage, EventTold, Result
from aiops.api.texts import Limit, NumberCursor
from aiops.execution import looking
from aiops.execution.answers import five_answers
from aiops.models import Event, Run, RunState, Scope, Step

router = Router(tags=["runs"])

#: What events say that is not what runs are about. A note is for the steps that read it.
_PUBLIC = frozenset(
    {
        *("about", "answer", "attempt", "count", "group", "item", "items", "level", "name"),
        *("owner", "people", "question", "reason", "said", "severity", "step_name", "steps"),
        *("verb", "was", "what", "why", "workflow"),
    }
)
#: After so long no event is written any more whose id is smaller than that of one which was seen.
SETTLES_S = 5
#: Longer texts are cut.
_LONGEST = 500

#: The states that leave a result.
_WITH_RESULT = (RunState.SUCCEEDED, RunState.PARTIAL)


@router.get("/{run_id}", response=FiveAnswers, exclude_unset=True)
def show_run(request: HttpRequest, run_id: UUID) -> dict[str, Any]:
    """The five answers about a run (scope read).

    What state it is in and what it waits for; what has succeeded; what can be retried, why and at
    what price; what needs a person; what the user sees meanwhile.
    """
    who = caller(request, Scope.READ)
    return five_answers(run_of(who, run_id).id)


@router.get("/{run_id}/events", response=EventPage)
def list_events(
    request: HttpRequest, run_id: UUID, cursor: NumberCursor = None, limit: Limit = 50
) -> EventPage:
    """What happened to a run, in order (scope read). Ask again with `next` for what came since.

    An event of the last seconds may come again with the next page: its `id` is the same.
    """
    who = caller(request, Scope.READ)
    run = run_of(who, run_id)
    begin = paging.read_number(cursor)
    rows = list(Event.objects.filter(run=run.id, id__gt=begin).order_by("id")[: limit + 1])
    found, has_more = paging.split(rows, limit)
    names = _names(run, found)
    return EventPage(
        events=[_told(event, names) for event in found],
        next=paging.number(_next(found, begin, has_more=has_more)),
        has_more=has_more,
    )


@router.get("/{run_id}/result", response=Result, openapi_extra=problems(409, 410))
def show_result(request: HttpRequest, run_id: UUID) -> Result:
    """What a run has produced (scope content). That somebody has read it becomes an event."""
    who = caller(request, Scope.CONTENT)
    run = run_of(who, run_id, "state", "version_id")
    if run.state not in _WITH_RESULT:
        raise _no_result(run)
    try:
        result = looking.at_result(run.id, who.actor)
    except FileNotFoundError:
        raise Problem(
            410,
            "result-gone",
            "The result is not there any more",
            "Its file was removed. Start the run anew when you still need it.",
        ) from None
    return Result(run_id=run.id, state=run.state, result=result)


def _next(found: Sequence[Event], begin: int, *, has_more: bool) -> int:
    """Where to go on. Of two events that are written at once, the later one may be seen first."""
    before = timezone.now() - timedelta(seconds=SETTLES_S)
    passed = [event.pk for event in found if has_more or event.at < before]
    return passed[-1] if passed else begin


def _no_result(run: Run) -> Problem:
    if not run.is_ended:
        return Problem(
            409,
            "not-ended",
            "The run has not ended",
            "Ask for its status until `is_final` is true, or listen to its stream.",
            wait_s=5,
            state=run.state,
        )
    return Problem(
        409,
        "no-result",
        "The run has no result",
        f"It is {run.get_state_display().lower()}. The five answers say why, and what can be done.",
        state=run.state,
    )


def _names(run: Run, events: Sequence[Event]) -> dict[UUID, str]:
    """How the steps of these events are called."""
    ids = {event.step for event in events if event.step is not None}
    rows = Step.objects.filter(run=run.id, id__in=ids).only("id", "name", "item") if ids else ()
    return {step.id: str(step) for step in rows}


def _told(event: Event, names: Mapping[UUID, str]) -> EventTold:
    return EventTold(
        id=event.pk,
        kind=event.kind,
        at=event.at,
        actor=event.actor,
        step=names.get(event.step) if event.step else None,
        data=public(event.data),
    )


def public(data: Mapping[str, Any]) -> dict[str, Any]:
    """What of an event's data is not what its run is about: known names with plain values."""
    return {name: _cut(value) for name, value in data.items() if _is_public(name, value)}


def _is_public(name: str, value: Any) -> bool:
    if name not in _PUBLIC:
        return False
    values = value if isinstance(value, list) else [value]
    return all(one is None or isinstance(one, str | int | float) for one in values)


def _cut(value: Any) -> Any:
    return value[:_LONGEST] if isinstance(value, str) else value
