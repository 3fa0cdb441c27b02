"""Pages of a list: each says where the next one begins, and new rows move nothing."""

from __future__ import annotations

import base64
import struct
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from django.db.models import Model, Q, QuerySet

M = TypeVar("M", bound=Model)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST = (datetime(9999, 12, 30, tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)


def place(at: datetime, id: UUID) -> str:
    """Where a row stands in a list by time, as a cursor: opaque, and safe in a URL."""
    micros = (at - _EPOCH) // timedelta(microseconds=1)
    return _text(struct.pack(">q", micros) + id.bytes)


def after(rows: QuerySet[M], cursor: str | None, by: str, *, newest_first: bool) -> QuerySet[M]:
    """The rows from a cursor on, in the order of a time and then of their ids."""
    sign, beyond = ("-", "lt") if newest_first else ("", "gt")
    ordered = rows.order_by(f"{sign}{by}", f"{sign}id")
    if cursor is None:
        return ordered
    at, id_ = _place(cursor)
    # The bound alone lets an index find its place.
    bound: dict[str, Any] = {f"{by}__{beyond}e": at}
    return ordered.filter(
        Q(**{f"{by}__{beyond}": at}) | Q(**{by: at, f"id__{beyond}": id_}), **bound
    )


def number(value: int) -> str:
    """A number as a cursor."""
    return _text(struct.pack(">q", value))


def read_number(cursor: str | None) -> int:
    """The number behind a cursor; 0 for the first page."""
    if cursor is None:
        return 0
    return int(struct.unpack(">q", _bytes(cursor))[0])


def split(rows: Sequence[Any], limit: int) -> tuple[Sequence[Any], bool]:
    """The page, and whether something follows it; `rows` are one more than fit."""
    return rows[:limit], len(rows) > limit


def _place(cursor: str) -> tuple[datetime, UUID]:
    """A cursor that nobody gave out may name no time that there is: it stands at one of the ends."""
    raw = _bytes(cursor)
    micros = struct.unpack(">q", raw[:8])[0]
    at = _EPOCH + timedelta(microseconds=min(max(micros, 0), _LAST))
    return at, UUID(bytes=raw[8:])


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _bytes(cursor: str) -> bytes:
    return base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
