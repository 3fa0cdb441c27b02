"""Every move of a webhook's endpoint: conditional, and told with who did it where a person did."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce, Now
from django.utils import timezone

from aiops.models.transitions import tell
from aiops.models.webhook import DeliveryState, EndpointState, WebhookDelivery, WebhookEndpoint
from aiops.models.webhook_kinds import TEST

#: What a person may change of an endpoint by a form.
EDITABLE = ("name", "url", "tenant", "kinds", "workflows", "gives_result")


# What a person does


def make(endpoint: WebhookEndpoint, *, actor: str) -> bool:
    """Keep a new endpoint; False when there is one of this id: the form came twice."""
    with transaction.atomic():
        values = {name: getattr(endpoint, name) for name in (*EDITABLE, "secrets", "made_by")}
        _, is_new = WebhookEndpoint.objects.get_or_create(id=endpoint.id, defaults=values)
        if is_new:
            _told(endpoint, "made", actor)
        return is_new


def edit(endpoint: WebhookEndpoint, *, actor: str, **fields: Any) -> list[str]:
    """Change what is different; returns the names of the fields that are."""
    changed = {name: value for name, value in fields.items() if getattr(endpoint, name) != value}
    with transaction.atomic():
        if not changed or not _standing(endpoint).update(**changed):
            return []
        _told(endpoint, "changed", actor, fields=sorted(changed))
    return sorted(changed)


def set_secrets(endpoint: WebhookEndpoint, secrets: Sequence[Any], *, actor: str) -> bool:
    """Rotate; False when somebody else has rotated since this was read."""
    with transaction.atomic():
        found = _standing(endpoint).filter(secrets=endpoint.secrets)
        if not found.update(secrets=list(secrets)):
            return False
        _told(endpoint, "rotated", actor)
        return True


def pause(endpoint: WebhookEndpoint, *, actor: str, reason: str) -> bool:
    """Let what comes wait; False when it is not active."""
    return _move(endpoint, (EndpointState.ACTIVE,), EndpointState.PAUSED, actor, reason)


def resume(endpoint: WebhookEndpoint, *, actor: str, reason: str) -> bool:
    """Let what waits go, in order and as if it had never been tried; False when it is active."""
    stopped = (EndpointState.PAUSED, EndpointState.DISABLED)
    with transaction.atomic():
        if not _move(endpoint, stopped, EndpointState.ACTIVE, actor, reason, **_WELL):
            return False
        _waiting(endpoint.id).update(next_at=Now(), trying_since=None)
        return True


def remove(endpoint: WebhookEndpoint, *, actor: str, reason: str) -> bool:
    """Send nothing there any more, and forget its secrets. What was sent stays in the record."""
    every = tuple(state for state in EndpointState.values if state != EndpointState.REMOVED)
    with transaction.atomic():
        if not _move(endpoint, every, EndpointState.REMOVED, actor, reason, secrets=[]):
            return False
        _waiting(endpoint.id).update(state=DeliveryState.DROPPED, error="its webhook was removed")
        return True


def let_be(endpoint: WebhookEndpoint) -> int:
    """Give up what waits for an endpoint that stays disabled. Returns how many there were."""
    why = "its webhook is disabled, and somebody decided to let it be"
    return _waiting(endpoint.id).update(state=DeliveryState.FAILED, error=why)


def stop_waiting(made_before: datetime, *, most: int) -> int:
    """Give up what has waited too long for an endpoint that is stopped. Returns how many."""
    found = WebhookDelivery.objects.filter(
        state=DeliveryState.WAITING,
        made_at__lt=made_before,
        endpoint__state__in=(EndpointState.PAUSED, EndpointState.DISABLED),
    )
    ids = list(found.values_list("id", flat=True)[:most])
    why = "its webhook was stopped for too long"
    waiting = WebhookDelivery.objects.filter(id__in=ids, state=DeliveryState.WAITING)
    return waiting.update(state=DeliveryState.FAILED, error=why)


# What sending brings about

#: An endpoint that has just taken something, or of which nothing is known.
_WELL: dict[str, Any] = {"failing_since": None, "failures": 0, "next_at": None, "question": None}


def disable(endpoint_id: UUID, *, why: str) -> bool:
    """Stop sending there; False when it is not active."""
    endpoint = WebhookEndpoint.objects.get(id=endpoint_id)
    return _move(endpoint, (EndpointState.ACTIVE,), EndpointState.DISABLED, "", why)


def took(endpoint_id: UUID, *, was_away: int) -> None:
    """Note that it takes what it is sent; after so many failures in a row, all that waits goes now."""
    found = WebhookEndpoint.objects.filter(id=endpoint_id)
    failures, since = found.values_list("failures", "failing_since").get()
    if not failures and since is None:
        return
    found.update(failing_since=None, failures=0)
    # What the receiver itself has asked for holds, although it took what was on its way already.
    if failures >= was_away:
        found.update(next_at=None)
        _waiting(endpoint_id).filter(next_at__gt=Now()).update(next_at=Now())


def did_not_take(endpoint_id: UUID, *, error: str) -> WebhookEndpoint:
    """Note a failure. Returns the endpoint as it is now."""
    WebhookEndpoint.objects.filter(id=endpoint_id).update(
        failures=F("failures") + 1,
        failing_since=Coalesce("failing_since", timezone.now()),
        last_error=error[:300],
    )
    return WebhookEndpoint.objects.get(id=endpoint_id)


def hold_back(endpoint_id: UUID, until: datetime) -> None:
    """Send nothing at all there until then."""
    WebhookEndpoint.objects.filter(id=endpoint_id).update(next_at=until)


def ask_about(endpoint_id: UUID, question: UUID | None) -> None:
    """Note the one open question about it."""
    WebhookEndpoint.objects.filter(id=endpoint_id).update(question=question)


# Turns: who may send to it


def due(most: int, now: datetime) -> list[UUID]:
    """Endpoints with something to send now, locked; the one served longest ago comes first."""
    heads = _heads(now).filter(endpoint=OuterRef("id"))
    is_free = Q(held_until__isnull=True) | Q(held_until__lt=now)
    may_be_tried = Q(next_at__isnull=True) | Q(next_at__lte=now)
    found = (
        WebhookEndpoint.objects.select_for_update(skip_locked=True, no_key=True)
        .filter(is_free, may_be_tried, Exists(heads), state=EndpointState.ACTIVE)
        .order_by(F("served_at").asc(nulls_first=True))
    )
    return list(found.values_list("id", flat=True)[:most])


def being_served(now: datetime) -> int:
    return WebhookEndpoint.objects.filter(held_until__gte=now).count()


def give_turn(endpoint_id: UUID, *, held_until: datetime) -> int:
    """Keep others away while a message is on its way; returns the number that it carries."""
    found = WebhookEndpoint.objects.filter(id=endpoint_id)
    found.update(turn=F("turn") + 1, held_until=held_until, served_at=Now())
    return found.values_list("turn", flat=True).get()


def take_turn(endpoint_id: UUID, turn: int, *, held_until: datetime) -> WebhookEndpoint | None:
    """Begin to send; None for a message that came twice, or too late."""
    found = WebhookEndpoint.objects.filter(id=endpoint_id, turn=turn, state=EndpointState.ACTIVE)
    if not found.update(turn=F("turn") + 1, held_until=held_until):
        return None
    return WebhookEndpoint.objects.get(id=endpoint_id)


def end_turn(endpoint: WebhookEndpoint) -> None:
    """Let the next message begin, unless somebody else sends there by now."""
    WebhookEndpoint.objects.filter(id=endpoint.id, turn=endpoint.turn).update(held_until=None)


# Deliveries


def claim(endpoint_id: UUID, most: int, *, lease: timedelta) -> list[WebhookDelivery]:
    """Take the next messages for one try each; of each run only the first that waits."""
    now = timezone.now()
    with transaction.atomic():
        heads = _heads(now).filter(endpoint=endpoint_id).order_by("next_at", "id")
        locked = heads.select_for_update(skip_locked=True, of=("self",), no_key=True)
        ids = list(locked.values_list("id", flat=True)[:most])
        WebhookDelivery.objects.filter(id__in=ids).update(
            tries=F("tries") + 1,
            leased_until=now + lease,
            trying_since=Coalesce("trying_since", now),
        )
    return list(WebhookDelivery.objects.filter(id__in=ids).order_by("next_at", "id"))


def sent(one: WebhookDelivery, **told: Any) -> bool:
    """Record that it was taken, and let the next of its run go; False when another try took over."""
    with transaction.atomic():
        if not _end(one, DeliveryState.SENT, sent_at=Now(), **told):
            return False
        _behind(one).filter(next_at__gt=Now()).update(next_at=Now())
        return True


def put_off(one: WebhookDelivery, next_at: datetime, **told: Any) -> bool:
    """Record a try that failed; it and what waits behind it come later."""
    with transaction.atomic():
        if not _mine(one).update(next_at=next_at, leased_until=None, **told):
            return False
        _behind(one).filter(next_at__lt=next_at).update(next_at=next_at)
        return True


def give_up(one: WebhookDelivery, **told: Any) -> bool:
    """Record the last of its tries, and let the next of its run go."""
    with transaction.atomic():
        if not _end(one, DeliveryState.FAILED, **told):
            return False
        _behind(one).filter(next_at__gt=Now()).update(next_at=Now())
        return True


def drop(one: WebhookDelivery, why: str) -> bool:
    """Do not send it: what it is about is not there any more."""
    return _end(one, DeliveryState.DROPPED, error=why)


def give_back(one: WebhookDelivery) -> None:
    """Take back a claim whose message was not sent after all; its try does not count."""
    _mine(one).update(tries=F("tries") - 1, leased_until=None)


def test(endpoint: WebhookEndpoint, *, actor: str) -> WebhookDelivery:
    """Send a message that is about nothing."""
    with transaction.atomic():
        made = WebhookDelivery.objects.create(
            endpoint=endpoint, kind=TEST, data={"asked_by": actor}
        )
        _told(endpoint, "tested", actor)
        return made


def replay(found: Sequence[WebhookDelivery], *, actor: str, reason: str) -> int:
    """Send these again, in their order, each under the id that it had. Returns how many."""
    if not found:
        return 0
    again = [
        WebhookDelivery(
            message_id=one.message_id,
            endpoint_id=one.endpoint_id,
            run_id=one.run_id,
            event_id=one.event_id,
            kind=one.kind,
            data=one.data,
            replay_of=one.pk,
        )
        for one in sorted(found, key=lambda one: one.pk)
    ]
    with transaction.atomic():
        WebhookDelivery.objects.bulk_create(again)
        for endpoint in WebhookEndpoint.objects.filter(id__in={one.endpoint_id for one in again}):
            number = sum(one.endpoint_id == endpoint.id for one in again)
            _told(endpoint, "replayed", actor, deliveries=number, reason=reason)
    return len(again)


# How


def _heads(now: datetime) -> QuerySet[WebhookDelivery]:
    """What may be tried now: due, not being sent, and the first that waits of its run."""
    earlier = WebhookDelivery.objects.filter(
        endpoint=OuterRef("endpoint"),
        run=OuterRef("run"),
        state=DeliveryState.WAITING,
        id__lt=OuterRef("id"),
    )
    is_free = Q(leased_until__isnull=True) | Q(leased_until__lt=now)
    waiting = WebhookDelivery.objects.filter(state=DeliveryState.WAITING, next_at__lte=now)
    return waiting.filter(is_free, ~Exists(earlier))


def _waiting(endpoint_id: UUID) -> QuerySet[WebhookDelivery]:
    return WebhookDelivery.objects.filter(endpoint=endpoint_id, state=DeliveryState.WAITING)


def _behind(one: WebhookDelivery) -> QuerySet[WebhookDelivery]:
    """What waits behind a message."""
    if one.run_id is None:
        return WebhookDelivery.objects.none()
    return _waiting(one.endpoint_id).filter(run=one.run_id, id__gt=one.pk)


def _mine(one: WebhookDelivery) -> QuerySet[WebhookDelivery]:
    """The row, unless a later try has taken it over."""
    return WebhookDelivery.objects.filter(id=one.pk, state=DeliveryState.WAITING, tries=one.tries)


def _end(one: WebhookDelivery, state: str, **told: Any) -> bool:
    return bool(_mine(one).update(state=state, leased_until=None, **told))


def _standing(endpoint: WebhookEndpoint) -> QuerySet[WebhookEndpoint]:
    found = WebhookEndpoint.objects.filter(id=endpoint.id)
    return found.exclude(state=EndpointState.REMOVED)


def _move(
    endpoint: WebhookEndpoint,
    froms: Sequence[str],
    to: str,
    actor: str,
    why: str,
    **fields: Any,
) -> bool:
    with transaction.atomic():
        found = WebhookEndpoint.objects.filter(id=endpoint.id, state__in=froms)
        if not found.update(state=to, why=why[:300], since=Now(), **fields):
            return False
        _told(endpoint, _VERBS[to], actor, reason=why)
        return True


_VERBS: dict[str, str] = {
    EndpointState.ACTIVE: "resumed",
    EndpointState.PAUSED: "paused",
    EndpointState.DISABLED: "disabled",
    EndpointState.REMOVED: "removed",
}


def _told(endpoint: WebhookEndpoint, what: str, actor: str, **data: Any) -> None:
    """Say so: about the endpoint, never its secrets or its whole address."""
    tell(
        None,
        "webhook.changed",
        actor=actor,
        about=f"{endpoint.name}: {what}",
        endpoint=str(endpoint.id),
        did=what,
        **data,
    )
