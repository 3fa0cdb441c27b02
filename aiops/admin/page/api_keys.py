"""API keys, as their page shows them: whose they are, what they may do, how long they work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from aiops.access import keys
from aiops.access.caller import EVERY_TENANT
from aiops.admin.page.amounts import count, from_now, rough
from aiops.admin.page.words import Look
from aiops.models import ApiKey, KeyState, Scope

#: So many keys that have ended are shown; the newest.
MOST_ENDED = 50
#: Somebody is to think of the next key.
SOON = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Row:
    """A key, as the list shows it."""

    key: ApiKey
    look: Look
    tenant: str
    scopes: Sequence[str]
    limits: str
    last_used: str
    #: The verbs that make sense now: name, label, icon.
    verbs: Sequence[tuple[str, str, str]]


def build() -> dict[str, Any]:
    """Everything of the page, in two queries."""
    now = timezone.now()
    found = ApiKey.objects.select_related("replaced_by").order_by("name", "-made_at")
    open_ones = [key for key in found.filter(revoked_at=None) if key.opens(now)]
    ended = found.order_by("-made_at").exclude(id__in=[key.id for key in open_ones])
    return {
        "working": [row(key, now) for key in open_ones],
        "ended": [row(key, now) for key in ended[:MOST_ENDED]],
    }


def row(key: ApiKey, now: datetime) -> Row:
    """One key in words. Pure."""
    return Row(
        key=key,
        look=look(key, now),
        tenant=tenant_told(key.tenant),
        scopes=[told for scope, told in Scope.choices if scope in key.scopes],
        limits=f"{count(key.per_minute, 'request')} a minute, {count(key.streams, 'stream')}",
        last_used=from_now(key.last_used_at, now) if key.last_used_at else "never",
        verbs=verbs(key, now),
    )


def look(key: ApiKey, now: datetime) -> Look:
    """Whether it works, and for how long. Pure."""
    left = None if key.expires_at is None else key.expires_at - now
    match key.state(now):
        case KeyState.REVOKED:
            return Look("Revoked", "block", "red")
        case KeyState.EXPIRED:
            return Look("Expired", "timer_off", "slate")
        case KeyState.REPLACED if left is not None and left > timedelta():
            return Look(f"Replaced, works for {_span(left)}", "autorenew", "amber")
        case KeyState.REPLACED:
            return Look("Replaced", "autorenew", "slate")
        case _ if left is not None and left < SOON:
            return Look(f"Expires in {_span(left)}", "hourglass_top", "amber")
        case _ if left is not None:
            return Look(f"Works, expires in {_span(left)}", "check_circle", "green")
        case _:
            return Look("Works", "check_circle", "green")


def _span(left: timedelta) -> str:
    return count(left.days, "day") if left.days >= 2 else rough(left.total_seconds())


def tenant_told(tenant: str) -> str:
    return "every tenant" if tenant == EVERY_TENANT else tenant


def verbs(key: ApiKey, now: datetime) -> Sequence[tuple[str, str, str]]:
    """What a person may do to it."""
    if not key.opens(now):
        return ()
    change, revoke = ("change", "Change", "tune"), ("revoke", "Revoke", "block")
    rotate = ("rotate", "Rotate", "autorenew")
    return (change, revoke) if key.replaced_by_id else (rotate, change, revoke)


def mark(key: ApiKey) -> str:
    """The beginning of a key: what is seen of it in a configuration, and is no secret."""
    return f"{keys.MARK}_{key.prefix}_…"
