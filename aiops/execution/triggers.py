"""What triggers make of an event: decided by pure functions, then done, each start by itself."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from aiops.execution import expressions
from aiops.execution.expressions import WrongExpression
from aiops.execution.incoming import Incoming
from aiops.execution.resume import NotPossible
from aiops.execution.start import StartRefused, start_run
from aiops.flow.errors import StepError
from aiops.flow.refusals import WorkflowError
from aiops.models import Run, Signal, Trigger, signal_moves

#: What a type or a source ends with that stands for every one that begins so.
ANY = "*"
MOST_KEY, MOST_TITLE, MOST_ACTOR = 200, 200, 150
#: The attribute by which a program says how many runs an event has come through.
HOPS = "aiopshops"
#: What a run that a trigger has started knows of its event.
EVENT = "event"


class Rule(Protocol):
    """A trigger, as far as it decides."""

    name: str
    tenant: str
    event: str
    source: str
    condition: str
    workflow: str
    input: Any
    key: str
    title: str


@dataclass(frozen=True, slots=True)
class Happening:
    """An event, as far as a trigger looks at it."""

    tenant: str
    name: str
    source: str
    source_id: str
    #: What expressions see: the attributes as CloudEvents names them, and `data`.
    seen: Mapping[str, Any]
    #: Of how many runs, one after the other, it is the consequence.
    hops: int = 0


@dataclass(frozen=True, slots=True)
class Start:
    """The run that a trigger starts for an event."""

    workflow: str
    input: Any
    key: str
    title: str


@dataclass(frozen=True, slots=True)
class Judged:
    """What a trigger makes of an event: a start, or the words that say why there is none."""

    start: Start | None = None
    #: Why it is not for this event.
    passes: str = ""
    #: Why it cannot start, although it is.
    error: str = ""


def judge(rule: Rule, event: Happening) -> Judged:
    """Decide what a trigger makes of an event; nothing is read or written."""
    if rule.tenant and rule.tenant != event.tenant:
        return Judged(passes=f"it is for events of tenant {rule.tenant}")
    if not is_like(rule.event, event.name):
        return Judged(passes=f"it is for events of type {rule.event}")
    if rule.source and not is_like(rule.source, event.source):
        return Judged(passes=f"it is for events from {rule.source}")
    try:
        if not expressions.holds(rule.condition, event.seen):
            return Judged(passes=f"its condition does not hold: {rule.condition}")
        if event.hops > settings.AIOPS_EVENT_HOPS:
            return Judged(error=_too_far(event.hops))
        return Judged(start=_start(rule, event))
    except WrongExpression as error:
        return Judged(error=f"{error}. Correct the trigger {rule.name!r}, then try again")


def is_like(pattern: str, text: str) -> bool:
    """Whether a text is what a pattern says: the same, or begins as it does before its "*"."""
    if pattern.endswith(ANY):
        return text.startswith(pattern.removesuffix(ANY))
    return text == pattern


def _start(rule: Rule, event: Happening) -> Start:
    key = expressions.text(rule.key, event.seen) if rule.key else ""
    return Start(
        workflow=rule.workflow,
        input=expressions.filled(rule.input, event.seen),
        key=_short(key or f"{rule.name}:{event.source}:{event.source_id}"),
        title=expressions.text(rule.title, event.seen)[:MOST_TITLE],
    )


def _short(key: str) -> str:
    """A key as a run may have it; one that is too long keeps its beginning, and stays its own."""
    if len(key) <= MOST_KEY:
        return key
    digest = hashlib.sha256(key.encode()).hexdigest()[:32]
    return f"{key[: MOST_KEY - len(digest) - 1]}:{digest}"


def _too_far(hops: int) -> str:
    return (
        f"it is the consequence of {hops} runs, one started by the other's events, and "
        f"{settings.AIOPS_EVENT_HOPS} are let through (AIOPS_EVENT_HOPS). If that is no circle, raise it"
    )


def seen_of(event: Signal | Incoming) -> dict[str, Any]:
    """What expressions see of an event."""
    return {
        **event.extensions,
        "type": event.name,
        "source": event.source,
        "id": event.source_id,
        "subject": event.subject or None,
        "time": event.happened_at.isoformat() if event.happened_at else None,
        "data": event.payload,
    }


def happening_of(signal: Signal) -> Happening:
    """An event of the inbox as triggers look at it."""
    return Happening(
        tenant=signal.tenant,
        name=signal.name,
        source=signal.source,
        source_id=signal.source_id,
        seen=seen_of(signal),
        hops=_hops(signal),
    )


def _hops(signal: Signal) -> int:
    """Of how many runs an event is the consequence.

    Of our own events the record knows it: they are about a run, which may have been started by one.
    """
    told = str(signal.extensions.get(HOPS, 0))
    hops = int(told) if told.isascii() and told.isdigit() and len(told) < 6 else 0
    if signal.source.startswith(f"{settings.AIOPS_BASE_URL}/"):
        hops = max(hops, _hops_of_run(signal.subject) + 1)
    return hops


def _hops_of_run(run_id: str) -> int:
    try:
        found = Run.objects.filter(id=UUID(run_id)).values_list("metadata", flat=True).first()
    except ValueError:
        return 0
    origin = (found or {}).get(EVENT)
    hops = origin.get("hops", 0) if isinstance(origin, dict) else 0
    return hops if isinstance(hops, int) else 0


def for_event(signal: Signal) -> list[Trigger]:
    """The triggers that may be for an event, paused ones too, in the order of their names."""
    whose = Q(tenant__in=("", signal.tenant))
    types = Q(event=signal.name) | Q(event__endswith=ANY)
    return list(Trigger.objects.filter(whose, types).order_by("name"))


def fire(signal: Signal, among: Iterable[Trigger] | None = None) -> list[UUID]:
    """Start what the triggers say, each by itself, and note what each came to. Returns the runs.

    In the caller's transaction, which also holds the event. What becomes of the event as a whole
    is the caller's to settle.
    """
    found = for_event(signal) if among is None else among
    triggers = [trigger for trigger in found if trigger.is_active]
    if not triggers:
        return []
    event = happening_of(signal)
    judged = [(trigger, judge(trigger, event)) for trigger in triggers]
    if any(one.start for _, one in judged):
        signal_moves.is_starting(signal)
    return list(_begun(signal, event, judged))


def _begun(
    signal: Signal, event: Happening, judged: Iterable[tuple[Trigger, Judged]]
) -> Iterator[UUID]:
    for trigger, found in judged:
        run, error = None, found.error
        if found.start:
            run, error = _try(trigger, found.start, event, signal)
        if run or error:
            signal_moves.fired(signal, trigger, run=run, error=error)
        if run:
            yield run


def _try(
    trigger: Trigger, start: Start, event: Happening, signal: Signal
) -> tuple[UUID | None, str]:
    """Start a run; what cannot be started leaves nothing but the sentence that says why."""
    origin = {
        "type": event.name,
        "source": event.source,
        "id": event.source_id,
        "signal": str(signal.id),
        "trigger": trigger.name,
        "hops": event.hops,
    }
    try:
        with transaction.atomic():
            run = start_run(
                start.workflow,
                start.input,
                key=start.key,
                tenant=event.tenant,
                title=start.title,
                priority=trigger.priority,
                if_exists=trigger.if_exists,
                started_by=f"trigger:{trigger.name} for {signal.actor or event.source}"[
                    :MOST_ACTOR
                ],
                metadata={EVENT: origin},
            )
    except (StartRefused, WorkflowError, StepError) as error:
        return None, str(error)
    return run.id, ""


@transaction.atomic
def try_again(signal_id: UUID, *, actor: str, reason: str = "") -> list[UUID]:
    """Let the triggers as they are now judge an event again; those that started a run are left out.

    Returns the runs. Raises NotPossible when no active trigger is for it.
    """
    signal = Signal.objects.select_for_update(no_key=True).filter(id=signal_id).first()
    if signal is None:
        raise NotPossible("the event is not there any more")
    done = set(signal.firings.filter(run__isnull=False).values_list("trigger_id", flat=True))
    event = happening_of(signal)
    wanted = [one for one in for_event(signal) if not judge(one, event).passes]
    left = [one for one in wanted if one.is_active and one.id not in done]
    if not left:
        raise NotPossible(
            "no active trigger is for it that has not started a run: activate or correct one first"
        )
    signal_moves.drop_failures(signal, but=[one.id for one in wanted])
    runs = fire(signal, left)
    signal_moves.settle(signal)
    came_to = {"runs": [str(run) for run in runs], "became": signal.became}
    signal_moves.tried_again(signal, actor=actor, reason=reason, came_to=came_to)
    return runs
