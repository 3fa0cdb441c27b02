"""The door of API keys: every move is a conditional UPDATE and an event, in one transaction.

An event names a key by its prefix. The key itself is in no row and no event.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from aiops.models.api_key import ApiKey
from aiops.models.transitions import tell

#: How often a use is written down: a key in use is a row that nobody waits for.
USED_EVERY = timedelta(minutes=1)


def add(*, actor: str, reason: str = "", **fields: Any) -> ApiKey:
    """Write down a new key."""
    with transaction.atomic():
        row = ApiKey.objects.create(made_by=actor, **fields)
        row.refresh_from_db(fields=["made_at"])
        _tell(row, "api_key.made", actor, reason, **_rights(row))
    return row


def replace(
    row: ApiKey, *, until: datetime, actor: str, reason: str = "", **fields: Any
) -> ApiKey | None:
    """Write down the key that takes a key's place, and let the old one end; None when it has ended.

    A key that expires before `until` expires then.
    """
    now = timezone.now()
    with transaction.atomic():
        new = ApiKey.objects.create(made_by=actor, **fields)
        new.refresh_from_db(fields=["made_at"])
        end = until if row.expires_at is None else min(until, row.expires_at)
        moved = _working(row, now).filter(replaced_by=None).update(replaced_by=new, expires_at=end)
        if not moved:
            transaction.set_rollback(True)
            return None
        row.replaced_by, row.expires_at = new, end
        _tell(row, "api_key.rotated", actor, reason, by=new.prefix, until=end.isoformat())
    return new


def revoke(row: ApiKey, *, actor: str, reason: str) -> bool:
    """Let a key open nothing any more, at once and for good; False when it was revoked before."""
    now = timezone.now()
    with transaction.atomic():
        moved = ApiKey.objects.filter(id=row.id, revoked_at=None).update(revoked_at=now)
        if moved:
            row.revoked_at = now
            _tell(row, "api_key.revoked", actor, reason)
    return moved == 1


def change(row: ApiKey, values: Mapping[str, Any], *, actor: str, reason: str = "") -> bool:
    """Set a key's name or limits; False when it is not as it was seen, or has ended."""
    was = {name: getattr(row, name) for name in values}
    with transaction.atomic():
        moved = _working(row, timezone.now()).filter(**was).update(**values)
        if moved:
            _tell(row, "api_key.changed", actor, reason, was=was, to=dict(values))
            for name, value in values.items():
                setattr(row, name, value)
    return moved == 1


def used(key_id: UUID, now: datetime) -> None:
    """Write down that a key was used, unless somebody has just done so."""
    long_ago = Q(last_used_at=None) | Q(last_used_at__lte=now - USED_EVERY)
    ApiKey.objects.filter(long_ago, id=key_id).update(last_used_at=now)


def _working(row: ApiKey, now: datetime) -> QuerySet[ApiKey]:
    not_over = Q(expires_at=None) | Q(expires_at__gt=now)
    return ApiKey.objects.filter(not_over, id=row.id, revoked_at=None)


def _rights(row: ApiKey) -> dict[str, Any]:
    return {
        "tenant": row.tenant,
        "scopes": row.scopes,
        "per_minute": row.per_minute,
        "streams": row.streams,
        "expires_at": row.expires_at.isoformat() if row.expires_at else None,
    }


def _tell(row: ApiKey, kind: str, actor: str, reason: str, **more: Any) -> None:
    tell(None, kind, actor=actor, key=row.prefix, name=row.name, reason=reason[:300], **more)
