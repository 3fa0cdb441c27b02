"""Tokens of one run: what a browser may hold, because it opens nothing else and ends by itself."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

from django.core import signing

from aiops.access.caller import EVERY_TENANT, Caller

#: What a token may allow.
SEE = "see"
CANCEL = "cancel"

#: Who acts by a token, as events and the audit name them.
USER = "the user"

#: How long a token is good for, unless it says less.
DAYS = 30

_SALT = "aiops.run_token"


def sign(
    run_id: UUID, *, allows: Iterable[str] = (SEE,), lasts: timedelta = timedelta(days=DAYS)
) -> str:
    """A token of a run, safe in a URL."""
    said = {"run": run_id.hex, "may": sorted(set(allows)), "for": int(lasts.total_seconds())}
    return signing.dumps(said, salt=_SALT, compress=False)


def read(token: str) -> Caller | None:
    """Who holds this token; None when it is forged, or its time is over."""
    try:
        said = signing.loads(token, salt=_SALT, max_age=timedelta(days=DAYS))
        run_id = UUID(hex=said["run"])
        signing.loads(token, salt=_SALT, max_age=said["for"])
    except (signing.BadSignature, KeyError, TypeError, ValueError):
        return None
    return Caller(actor=USER, tenant=EVERY_TENANT, scopes=frozenset(said["may"]), run_id=run_id)
