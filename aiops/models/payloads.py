"""Claim check: payloads above the inline bound are files, and the row keeps their name."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from aiops.models.ids import new_id


def dumps(value: Any) -> str:
    """Compact JSON as PostgreSQL accepts it (no NUL characters, no NaN)."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def check_in(value: Any, run_id: UUID, text: str | None = None) -> tuple[Any, str]:
    """(value, "") when it is small enough for the row; otherwise (None, name of the file).

    The file is written before the commit that names it; a file nobody names is swept with its run.
    """
    raw = (dumps(value) if text is None else text).encode()
    if len(raw) <= settings.AIOPS_INLINE_BYTES:
        return value, ""
    name = default_storage.save(f"payloads/{run_id}/{new_id()}.json", ContentFile(raw))
    return None, name


def check_out(value: Any, ref: str) -> Any:
    """The payload of a row, wherever it lies."""
    if not ref:
        return value
    with default_storage.open(ref) as file:
        return json.loads(file.read())
