"""Reading a growing table to its end again and again, without missing what commits late."""

# ruff: noqa: S608  # names of tables and columns from this project's code; every value is bound

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from django.db import connection

#: A number that was given away and has not come after this long belongs to nobody.
GAP_S = 60.0
MOST_GAPS = 10_000
#: A new reader begins with what is this old: its predecessor may not have got there.
BEGIN_S = 30.0
MOST_AT_BEGIN = 5000


@dataclass(slots=True)
class Tail:
    """The newest rows of a table whose ids rise. An id that is skipped may still be committed."""

    table: str
    #: The column with the time at which a row was written.
    written: str
    _after: int | None = None
    #: Ids that were skipped, and since when, by time.monotonic().
    _gaps: dict[int, float] = field(default_factory=dict)

    def fresh(self, most: int) -> list[int]:
        """The ids that have come since the last call; at most so many, the rest next time."""
        if self._after is None:
            self._after = self._begin()
        found = self._ids(
            f"(SELECT id FROM {self.table} WHERE id = ANY(%(gaps)s)) UNION ALL"
            f" (SELECT id FROM {self.table} WHERE id > %(after)s ORDER BY id LIMIT %(most)s)",
            gaps=list(self._gaps),
            after=self._after,
            most=most,
        )
        self._advance(found)
        return found

    def _advance(self, found: list[int]) -> None:
        now, after = time.monotonic(), self._after or 0
        for one in found:
            self._gaps.pop(one, None)
        top = max(found, default=after)
        if top > after:
            missing = set(range(max(after + 1, top - MOST_GAPS), top)) - set(found)
            self._gaps.update(dict.fromkeys(missing, now))
            self._after = top
        self._gaps = {one: at for one, at in self._gaps.items() if now - at < GAP_S}

    def _begin(self) -> int:
        """Before the oldest of the newest rows that is young enough; at the end where none is."""
        (oldest,) = self._ids(
            f"SELECT min(id) FROM (SELECT id, {self.written} AS at FROM {self.table}"
            " ORDER BY id DESC LIMIT %(most)s) newest"
            " WHERE at > clock_timestamp() - make_interval(secs => %(begin_s)s)",
            most=MOST_AT_BEGIN,
            begin_s=BEGIN_S,
        )
        if oldest is not None:
            return int(oldest) - 1
        (newest,) = self._ids(f"SELECT max(id) FROM {self.table}")
        return int(newest or 0)

    def _ids(self, sql: str, **given: Any) -> list[Any]:
        with connection.cursor() as cursor:
            cursor.execute(sql, given)
            return [row[0] for row in cursor.fetchall()]
