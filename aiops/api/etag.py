"""Asking again and again at little cost: an ETag from the pulse, and 304 while it stays."""

from __future__ import annotations

import time
from dataclasses import dataclass
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpRequest

from aiops.api.language import language_of
from aiops.execution.pulse import KEPT_S, is_final, pulses
from aiops.models import Run


@dataclass(frozen=True, slots=True)
class Version:
    """The version of a view that an answer tells of."""

    etag: str
    language: str
    #: Whether the caller has this version already: answer 304.
    is_known: bool


def unchanged(
    request: HttpRequest, run_id: UUID, *, among: QuerySet[Run] | None = None, language: str = ""
) -> Version | None:
    """The version of a run's view, in one query; None when there is no such run (among these).

    Ask before the view is read: a version that is older than what was told with it does no harm.
    """
    pulse = pulses([run_id], among=among).get(run_id)
    if pulse is None:
        return None
    language = language or language_of(request)
    same = f"{pulse}.{language}"
    for held in request.headers.get("If-None-Match", "").split(","):
        etag = held.strip()
        if _is_good(etag, same, is_final=is_final(pulse)):
            return Version(etag, language, is_known=True)
    return Version(f'W/"{same}.{int(time.time())}"', language, is_known=False)


def _is_good(etag: str, same: str, *, is_final: bool) -> bool:
    """Whether this is the version; that of an open run only for a while, as time changes its words."""
    told, _, at = etag.removeprefix("W/").strip('"').rpartition(".")
    if told != same or not at.isdecimal():
        return False
    return is_final or 0 <= time.time() - int(at) <= KEPT_S
