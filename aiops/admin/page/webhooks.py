"""What the pages of webhooks show: how each endpoint does, and what was sent to it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Q, QuerySet
from django.utils import timezone

from aiops.admin.page.amounts import count, from_now, rough
from aiops.admin.page.filtered import Filters
from aiops.admin.page.words import Look
from aiops.execution.notices import shown
from aiops.models import (
    DeliveryState,
    EndpointState,
    EscalationState,
    WebhookDelivery,
    WebhookEndpoint,
)
from aiops.models.webhook_kinds import KINDS, TEST
from aiops.webhooks import envelope, signing

#: The success rate is that of so many newest deliveries, and what waits is counted up to a bound.
RECENT = 200
MOST_COUNTED = 10_000
PER_PAGE = 50

STATES: dict[str, Look] = {
    EndpointState.ACTIVE: Look("Active", "check_circle", "green"),
    EndpointState.PAUSED: Look("Paused", "pause", "slate"),
    EndpointState.DISABLED: Look("Disabled", "block", "red"),
    EndpointState.REMOVED: Look("Removed", "delete", "slate"),
}
FAILING = Look("Failing", "error", "orange")

DELIVERIES: dict[str, Look] = {
    DeliveryState.WAITING: Look("Waiting", "schedule", "slate"),
    DeliveryState.SENT: Look("Sent", "check_circle", "green"),
    DeliveryState.FAILED: Look("Given up", "error", "red"),
    DeliveryState.DROPPED: Look("Dropped", "block", "slate"),
}
TRIED_AGAIN = Look("Tried again", "autorenew", "amber")

_HOW_THEY_DO = """
SELECT endpoint.id, recent.sent, recent.bad, line.waiting, line.oldest
FROM aiops_webhookendpoint AS endpoint
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE state = 'sent') AS sent,
        count(*) FILTER (WHERE state = 'failed' OR state = 'waiting' AND tries > 0) AS bad
    FROM (
        SELECT state, tries FROM aiops_webhookdelivery
        WHERE endpoint_id = endpoint.id ORDER BY id DESC LIMIT %(recent)s
    ) AS newest
) AS recent
CROSS JOIN LATERAL (
    SELECT count(*) AS waiting, min(made_at) AS oldest
    FROM (
        SELECT made_at FROM aiops_webhookdelivery
        WHERE endpoint_id = endpoint.id AND state = 'waiting' LIMIT %(most)s
    ) AS held
) AS line
WHERE endpoint.state <> 'removed' AND (%(one)s::uuid IS NULL OR endpoint.id = %(one)s::uuid)
"""


@dataclass(frozen=True, slots=True)
class Row:
    """An endpoint as the pages show it."""

    endpoint: WebhookEndpoint
    look: Look
    #: Where it is, without its path: that may be a secret.
    place: str
    told_of: str
    success: str
    waiting: str
    oldest: str
    error: str


def rows() -> list[Row]:
    """Every endpoint that is not removed, in two queries."""
    stands = _how_they_do(None)
    found = WebhookEndpoint.objects.exclude(state=EndpointState.REMOVED).order_by("name")
    return [_row(one, stands.get(one.id)) for one in found]


def row(endpoint: WebhookEndpoint) -> Row:
    return _row(endpoint, _how_they_do(endpoint.id).get(endpoint.id))


def _how_they_do(one: UUID | None) -> dict[UUID, tuple[int, int, int, datetime | None]]:
    given = {"recent": RECENT, "most": MOST_COUNTED, "one": str(one) if one else None}
    with connection.cursor() as cursor:
        cursor.execute(_HOW_THEY_DO, given)
        return {id_: (sent, bad, held, old) for id_, sent, bad, held, old in cursor.fetchall()}


def _row(one: WebhookEndpoint, stands: tuple[int, int, int, datetime | None] | None) -> Row:
    sent, bad, waiting, oldest = stands or (0, 0, 0, None)
    now = timezone.now()
    return Row(
        endpoint=one,
        look=look(one),
        place=shown(one.url),
        told_of=told_of(one),
        success=f"{100 * sent / (sent + bad):.0f} %" if sent + bad else "–",
        waiting=f"{'more than ' if waiting == MOST_COUNTED else ''}{waiting:,}",
        oldest=rough((now - oldest).total_seconds()) if oldest else "–",
        error=one.last_error,
    )


def look(one: WebhookEndpoint) -> Look:
    is_failing = one.state == EndpointState.ACTIVE and one.failing_since is not None
    return FAILING if is_failing else STATES[one.state]


def told_of(one: WebhookEndpoint) -> str:
    """What it is told of, in words."""
    kinds = f"{count(len(one.kinds), 'kind')} of events" if one.kinds else "every kind of event"
    workflows = f" of {', '.join(one.workflows)}" if one.workflows else ""
    return f"{kinds}{workflows}, {_whose(one)}"


def _whose(one: WebhookEndpoint) -> str:
    return f"tenant {one.tenant}" if one.tenant else "every tenant"


def facts(one: WebhookEndpoint, stands: Row) -> list[tuple[str, str]]:
    """What stands below the name."""
    now = timezone.now()
    found = [
        ("Told of", stands.told_of),
        ("Gives results", "yes" if one.gives_result else "no"),
        ("Success", f"{stands.success} of the last {RECENT}"),
        ("Waiting", stands.waiting),
        ("Oldest waiting", stands.oldest),
        ("Secrets", secrets_told(one, now)),
        ("Made", f"{from_now(one.made_at, now)} by {one.made_by or 'nobody'}"),
    ]
    if one.failing_since is not None:
        found.insert(2, ("Failing for", rough((now - one.failing_since).total_seconds())))
    return found


def secrets_told(one: WebhookEndpoint, now: datetime) -> str:
    """How many secrets sign, and when the older ones end; never the secrets themselves."""
    live = signing.live(one.secrets, now)
    ends = [datetime.fromisoformat(kept["until"]) for kept in live if kept["until"]]
    if not ends:
        return count(len(live), "secret")
    return f"{count(len(live), 'secret')}; the old one ends {from_now(max(ends), now)}"


def question(one: WebhookEndpoint) -> Any:
    """The open question about it, if there is one."""
    asked = one.question
    return asked if asked is not None and asked.state == EscalationState.OPEN else None


# Deliveries


@dataclass(frozen=True, slots=True)
class Wanted(Filters):
    """The filters of the list of deliveries, as its address has them."""

    endpoint: str = ""
    state: str = ""
    kind: str = ""
    run: str = ""
    before: str = ""

    @property
    def is_narrowed(self) -> bool:
        return bool(self.query(before=""))


@dataclass(frozen=True, slots=True)
class Sent:
    """A delivery as a line."""

    one: WebhookDelivery
    look: Look
    told: str


def deliveries(wanted: Wanted, most: int = PER_PAGE + 1) -> list[Sent]:
    """The newest that are asked for; a filter that is no id finds nothing."""
    found = WebhookDelivery.objects.select_related("endpoint", "run").defer(
        *("attempts", "data", "excerpt", "endpoint__secrets", "run__input", "run__metadata")
    )
    return [sent(one) for one in _filtered(found, wanted).order_by("-id")[:most]]


def _filtered(found: QuerySet[WebhookDelivery], wanted: Wanted) -> QuerySet[WebhookDelivery]:
    asked = Q()
    for name, given in (("endpoint", wanted.endpoint), ("run", wanted.run)):
        if given:
            id_ = _uuid(given)
            asked &= Q(**{f"{name}_id": id_}) if id_ else Q(pk__in=())
    if wanted.state in DeliveryState.values:
        asked &= Q(state=wanted.state)
    if wanted.kind:
        asked &= Q(kind=wanted.kind)
    if wanted.before.isascii() and wanted.before.isdigit():
        asked &= Q(id__lt=int(wanted.before[:18]))
    return found.filter(asked)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def sent(one: WebhookDelivery) -> Sent:
    is_retried = one.state == DeliveryState.WAITING and one.tries > 0
    return Sent(one, TRIED_AGAIN if is_retried else DELIVERIES[one.state], _told(one))


def _told(one: WebhookDelivery) -> str:
    now = timezone.now()
    if one.state == DeliveryState.SENT:
        return f"answered {one.status}" + (f" at try {one.tries}" if one.tries > 1 else "")
    if one.state == DeliveryState.WAITING and one.tries and one.next_at > now:
        return f"{one.error}; again {from_now(one.next_at, now)}"
    return one.error


def attempts(one: WebhookDelivery) -> list[dict[str, Any]]:
    """Its tries, the newest first."""
    return [{**tried, "at": datetime.fromisoformat(tried["at"])} for tried in one.attempts[::-1]]


def choices() -> dict[str, Any]:
    """What the filters may be."""
    names = WebhookEndpoint.objects.order_by("name").values_list("id", "name")
    return {
        "endpoints": [(str(id_), name) for id_, name in names],
        "states": DeliveryState.choices,
        "kinds": [*KINDS, TEST],
    }


def envelope_shown(one: WebhookDelivery) -> str:
    """The message as it would be sent now; the result of a run is not part of it."""
    try:
        return json.dumps(envelope.envelope(one), indent=2, ensure_ascii=False, default=str)
    except envelope.NothingToTell as error:
        return f"There is nothing to tell any more: {error}."
