"""Signing secrets and signatures, as Standard Webhooks has them; several secrets while one is rotated."""

from __future__ import annotations

import base64
import secrets as random
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from standardwebhooks.webhooks import Webhook

from aiops.webhooks.sealing import seal, unseal

#: What every signing secret begins with.
MARK = "whsec_"
_BYTES = 32
#: How long the old secret signs too when a new one takes its place, and the most that may be asked for.
OVERLAP = timedelta(hours=24)
MOST_OVERLAP = timedelta(days=7)
#: A header holds a signature for each: more than that are not kept, whatever was rotated in a day.
MOST_LIVE = 4

#: A secret as an endpoint's row holds it.
Kept = Mapping[str, Any]


def new_secret() -> str:
    return MARK + base64.b64encode(random.token_bytes(_BYTES)).decode()


def first(secret: str, now: datetime) -> list[Kept]:
    """What a new endpoint keeps."""
    return [{"sealed": seal(secret), "made_at": now.isoformat(), "until": None}]


def rotated(
    kept: Sequence[Kept], secret: str, now: datetime, *, overlap: timedelta = OVERLAP
) -> list[Kept]:
    """What an endpoint keeps when this secret is its newest: the old ones sign until the overlap ends."""
    until = (now + min(max(overlap, timedelta(0)), MOST_OVERLAP)).isoformat()
    old = [{**one, "until": _earlier(one["until"], until)} for one in live(kept, now)]
    return [*first(secret, now), *old][:MOST_LIVE]


def _earlier(one: str | None, other: str) -> str:
    """The earlier of two times; a rotation never lengthens what an earlier one has ended."""
    if one is None:
        return other
    return min(one, other, key=datetime.fromisoformat)


def live(kept: Sequence[Kept], now: datetime) -> list[Kept]:
    """The secrets that sign now, the newest first. Pure."""
    return [
        one for one in kept if one["until"] is None or datetime.fromisoformat(one["until"]) > now
    ]


def headers(message_id: UUID, body: str, kept: Sequence[Kept], now: datetime) -> dict[str, str]:
    """The three headers of Standard Webhooks; one signature for each live secret.

    Raises sealing.Unreadable.
    """
    signed = [
        Webhook(unseal(one["sealed"])).sign(str(message_id), now, body) for one in live(kept, now)
    ]
    return {
        "webhook-id": str(message_id),
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signed),
    }
