"""API keys: made, shown once, recognised by their digest; rotated, changed and revoked by people."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from aiops.access.caller import Caller
from aiops.models import ApiKey, Scope, api_key_moves

#: What every key begins with, so that scanners of leaked secrets know one.
MARK = "aio"
#: A key as it is shown: its mark, the prefix that names it, and what only its holder knows.
_KEY = re.compile(rf"{MARK}_([0-9a-f]{{8}})_[\w-]{{43}}", re.ASCII)
#: For how long both keys work after a rotation, unless somebody says otherwise.
OVERLAP = timedelta(hours=24)
LONGEST_OVERLAP = timedelta(days=90)
MOST_PER_MINUTE = 1_000_000
MOST_STREAMS = 100_000


class KeyRefused(Exception):
    """A key was not made or changed. The message says why, and what to do."""


def make(
    name: str,
    *,
    scopes: Iterable[str],
    tenant: str = "default",
    made_by: str = "",
    expires_at: datetime | None = None,
    per_minute: int = 600,
    streams: int = 100,
    reason: str = "",
) -> tuple[ApiKey, str]:
    """Make a key; returns its row, and the key itself, which nobody can read again."""
    wanted = sorted(set(scopes))
    told = {"name": name.strip(), "per_minute": per_minute, "streams": streams}
    why = _unknown_scopes(wanted) or _wrong_tenant(tenant) or wrong(told)
    if not why and expires_at is not None and expires_at <= timezone.now():
        why = "it would be expired already: give a time to come"
    if why:
        raise KeyRefused(why)
    key, named = _drawn()
    row = api_key_moves.add(
        actor=made_by,
        reason=reason,
        tenant=tenant,
        scopes=wanted,
        expires_at=expires_at,
        **told,
        **named,
    )
    return row, key


def rotate(
    row: ApiKey, *, by: str, overlap: timedelta = OVERLAP, reason: str = ""
) -> tuple[ApiKey, str]:
    """Make a key with the same rights; the old one goes on for the overlap, then expires.

    A key that was made for a time is followed by one for as long a time.
    """
    if not timedelta() <= overlap <= LONGEST_OVERLAP:
        raise KeyRefused(f"let both keys work for 0 hours to {LONGEST_OVERLAP.days} days")
    now = timezone.now()
    if row.replaced_by is not None:
        raise KeyRefused(f"it was replaced by {row.replaced_by}: rotate that one")
    if not row.opens(now):
        raise KeyRefused("it does not work any more: make another one")
    lasts = row.lifetime()
    key, named = _drawn()
    new = api_key_moves.replace(
        row,
        until=now + overlap,
        actor=by,
        reason=reason,
        name=row.name,
        tenant=row.tenant,
        scopes=row.scopes,
        per_minute=row.per_minute,
        streams=row.streams,
        expires_at=None if lasts is None else now + lasts,
        **named,
    )
    if new is None:
        raise KeyRefused("somebody else has rotated or revoked it meanwhile: look again")
    return new, key


def revoke(row: ApiKey, *, by: str, reason: str) -> None:
    """Let a key open nothing any more, from the next request on."""
    if not reason.strip():
        raise KeyRefused("say why: whoever used it will ask")
    if not api_key_moves.revoke(row, actor=by, reason=reason.strip()):
        raise KeyRefused("it is revoked already")


def change(row: ApiKey, values: Mapping[str, Any], *, by: str, reason: str = "") -> None:
    """Change a key's name, requests a minute or streams; what it reaches never changes."""
    told = {name: value for name, value in values.items() if value != getattr(row, name)}
    if not told:
        raise KeyRefused("it is so already")
    if why := wrong(told):
        raise KeyRefused(why)
    if not api_key_moves.change(row, told, actor=by, reason=reason):
        raise KeyRefused("it was changed or has ended meanwhile: look again")


def recognise(key: str) -> Caller | None:
    """Whose key this is; None when it is unknown, revoked or expired."""
    row, now = find(key), timezone.now()
    if row is None or not row.opens(now):
        return None
    if row.last_used_at is None or now - row.last_used_at >= api_key_moves.USED_EVERY:
        api_key_moves.used(row.id, now)
    return Caller(
        actor=f"api:{row.name} ({row.prefix})",
        tenant=row.tenant,
        scopes=frozenset(row.scopes),
        key_id=row.id,
        per_minute=row.per_minute,
        streams=row.streams,
    )


def find(key: str) -> ApiKey | None:
    """The row of a key that somebody holds, whether or not it still works."""
    found = prefix_of(key)
    row = ApiKey.objects.filter(prefix=found).first() if found else None
    return row if row is not None and hmac.compare_digest(row.digest, digest(key)) else None


def prefix_of(key: str) -> str:
    """The part of a key that is no secret; "" for what is no key."""
    found = _KEY.fullmatch(key)
    return found[1] if found else ""


def digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def wrong(values: Mapping[str, Any]) -> str:
    """What is wrong with a name or with limits; "" for nothing. Pure."""
    name = values.get("name", "a name")
    if not 0 < len(name) <= 100 or not name.isprintable():
        return "give it a name of at most 100 characters, such as the program that will use it"
    if not 1 <= values.get("per_minute", 1) <= MOST_PER_MINUTE:
        return f"allow 1 to {MOST_PER_MINUTE:,} requests a minute"
    if not 0 <= values.get("streams", 0) <= MOST_STREAMS:
        return f"allow 0 to {MOST_STREAMS:,} streams at once"
    return ""


def _unknown_scopes(scopes: list[str]) -> str:
    known = set(Scope.values)
    if unknown := [scope for scope in scopes if scope not in known]:
        return f"there is no scope {', '.join(unknown)}: the scopes are {', '.join(Scope.values)}"
    return "" if scopes else f"give it a scope: {', '.join(Scope.values)}"


def _wrong_tenant(tenant: str) -> str:
    is_right = len(tenant) <= 100 and tenant == tenant.strip() and tenant.isprintable()
    return "" if is_right else "give the name of a tenant, of at most 100 characters"


def _drawn() -> tuple[str, dict[str, str]]:
    """A new key, and what is kept of it."""
    prefix = secrets.token_hex(4)
    key = f"{MARK}_{prefix}_{secrets.token_urlsafe(32)}"
    return key, {"prefix": prefix, "digest": digest(key)}
