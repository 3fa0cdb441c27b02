"""API keys: made, shown once, recognised by their digest."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from datetime import datetime

from django.utils import timezone

from aiops.access.caller import Caller
from aiops.models import ApiKey

#: What every key begins with, so that scanners of leaked secrets know one.
MARK = "aio"


def make(
    name: str,
    *,
    scopes: Iterable[str],
    tenant: str = "default",
    made_by: str = "",
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """Make a key; returns its row, and the key itself, which nobody can read again."""
    prefix = secrets.token_hex(4)
    key = f"{MARK}_{prefix}_{secrets.token_urlsafe(32)}"
    row = ApiKey.objects.create(
        name=name,
        tenant=tenant,
        scopes=sorted(set(scopes)),
        prefix=prefix,
        digest=digest(key),
        made_by=made_by,
        expires_at=expires_at,
    )
    return row, key


def recognise(key: str) -> Caller | None:
    """Whose key this is; None when it is unknown, revoked or expired."""
    parts = key.split("_", 2)
    if len(parts) != 3 or parts[0] != MARK:
        return None
    row = ApiKey.objects.filter(prefix=parts[1]).first()
    if row is None or not hmac.compare_digest(row.digest, digest(key)):
        return None
    if row.revoked_at is not None or (row.expires_at and row.expires_at <= timezone.now()):
        return None
    return Caller(
        actor=f"api:{row.name} ({row.prefix})",
        tenant=row.tenant,
        scopes=frozenset(row.scopes),
        key_id=row.id,
        per_minute=row.per_minute,
        streams=row.streams,
    )


def digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
