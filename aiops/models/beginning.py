"""Finding rows by how their id begins, as a person types it."""

from __future__ import annotations

import re
from uuid import UUID

_HEX = re.compile(r"[0-9a-f]{1,32}")


def ids_beginning(text: str, shortest: int = 4) -> tuple[UUID, UUID] | None:
    """The first and the last id that begin like this; None when no id does.

    Shorter texts than `shortest` are more often a typing error than an id.
    """
    digits = text.strip().lower().replace("-", "")
    if len(digits) < shortest or not _HEX.fullmatch(digits):
        return None
    return UUID(digits.ljust(32, "0")), UUID(digits.ljust(32, "f"))
