"""The door of the inbox: an event comes once, is taken once, and says what became of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Case, F, JSONField, Value, When
from django.db.models.functions import Now

from aiops.models.signal import Became, Signal
from aiops.models.transitions import tell
from aiops.models.trigger import Firing, Trigger


def put_in(received_at: datetime, **fields: Any) -> Signal:
    """Put an event into the inbox; one that is there already is counted, and not changed.

    Of two that come at the same moment the second waits for the first one's commit.
    """
    if fields["payload"] is None:
        # As JSON's null: SQL's would be refused.
        fields["payload"] = Value(None, JSONField())
    try:
        with transaction.atomic():
            made = Signal.objects.create(
                received_at=received_at, last_seen_at=received_at, **fields
            )
    except IntegrityError as error:
        if "signal_once" not in str(error):
            raise
        return _again(fields["tenant"], fields["source"], fields["source_id"])
    made.is_new = True
    return made


def _again(tenant: str, source: str, source_id: str) -> Signal:
    known = Signal.objects.filter(tenant=tenant, source=source, source_id=source_id)
    known.update(duplicates=F("duplicates") + 1, last_seen_at=Now())
    return known.get()


def woke(signal: Signal, runs: Sequence[UUID]) -> None:
    """Note which runs waited for an event when it came."""
    signal.woken = [str(run) for run in runs]
    Signal.objects.filter(id=signal.id).update(woken=signal.woken)


def take(signal: UUID, step: UUID) -> bool:
    """Let a step have an event; False when another one was first."""
    taken: dict[str, Any] = {"taken_by": step}
    taken["became"] = Case(When(became=Became.KEPT, then=Value(Became.WOKE)), default=F("became"))
    return Signal.objects.filter(id=signal, taken_by__isnull=True).update(**taken) == 1


def is_starting(signal: Signal) -> None:
    """Keep an event from the runs that it is about to start."""
    signal.has_started = True
    Signal.objects.filter(id=signal.id).update(has_started=True)


def fired(signal: Signal, trigger: Trigger, *, run: UUID | None = None, error: str = "") -> None:
    """Note what a trigger came to with an event. A later try takes the place of one that failed."""
    outcome = {"trigger_name": trigger.name, "run": run, "error": error}
    again = Firing.objects.filter(signal=signal, trigger=trigger, run__isnull=True)
    if not again.update(**outcome, tries=F("tries") + 1, at=Now()):
        Firing.objects.create(signal=signal, trigger=trigger, **outcome)


def drop_failures(signal: Signal, but: Iterable[int]) -> None:
    """Forget that triggers could not start which are gone, or are not for the event any more."""
    signal.firings.filter(run__isnull=True).exclude(trigger__in=list(but)).delete()


def settle(signal: Signal) -> None:
    """Write down what became of an event, as its firings and the runs that waited say."""
    firings = list(signal.firings.all())
    signal.has_started = any(one.run for one in firings)
    signal.became = _became(signal, any(one.error for one in firings))
    Signal.objects.filter(id=signal.id).update(became=signal.became, has_started=signal.has_started)


def _became(signal: Signal, has_failed: bool) -> Became:
    """What a person must see first."""
    if has_failed:
        return Became.FAILED
    if signal.has_started:
        return Became.STARTED
    return Became.WOKE if signal.woken or signal.taken_by else Became.KEPT


def tried_again(signal: Signal, *, actor: str, reason: str, came_to: Mapping[str, Any]) -> None:
    """Tell that a person had an event judged again."""
    tell(
        None,
        "event.tried_again",
        actor=actor,
        about=f"{signal} from {signal.source}",
        signal=str(signal.id),
        reason=reason,
        **came_to,
    )
