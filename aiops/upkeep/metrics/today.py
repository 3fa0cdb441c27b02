"""What has happened since midnight (UTC), as counters that begin anew each day, as after a restart.

Every process tells the same numbers, because they are the record's. What cannot change any more is
added up once and kept, so that a scrape reads the last minutes and not the day.
"""

# ruff: noqa: S608  # built from constants; every value is bound

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.utils import timezone

from aiops.models.run import ENDED
from aiops.upkeep.metrics.declared import BOUNDS_S, LONG_BOUNDS_S
from aiops.upkeep.metrics.samples import Samples

Row = tuple[Any, ...]

_ENDED = ", ".join(f"'{state}'" for state in ENDED)


@dataclass(slots=True)
class Source:
    """A table whose rows of the day are counted; `key` rises, and is where the next reading begins."""

    #: Selects rows with `key` above %(after)s and `at` or later than %(day)s; its first column says
    #: whether the row's key is at most %(cut)s.
    sql: str
    #: The highest key of the table now, and the one before the day's first.
    top: Callable[[], Any]
    begin: Callable[[datetime], Any]
    tell: Callable[[Samples, Row], None]
    #: After this long a row is as it stays, and none comes before it.
    settled_s: float
    _day: datetime | None = None
    _after: Any = None
    _kept: Samples = field(default_factory=Samples)
    #: When, by time.monotonic(), the highest key was which.
    _tops: deque[tuple[float, Any]] = field(default_factory=deque)

    def read(self, told: Samples, day: datetime) -> None:
        if self._day != day:
            self._day, self._after, self._kept = day, self.begin(day), Samples()
            self._tops.clear()
        cut = self._cut()
        fresh = Samples()
        for is_settled, *row in _rows(
            self.sql,
            after=self._after,
            cut=cut,
            day=day,
            bounds=[*map(float, BOUNDS_S)],
            long_bounds=[*map(float, LONG_BOUNDS_S)],
        ):
            self.tell(self._kept if is_settled else fresh, tuple(row))
        self._after = cut
        told.update(self._kept)
        told.update(fresh)

    def _cut(self) -> Any:
        """Up to where nothing changes any more."""
        now, found = time.monotonic(), self._after
        while self._tops and self._tops[0][0] <= now - self.settled_s:
            found = self._tops.popleft()[1]
        if not self._tops or self._tops[-1][0] < now - 1:
            self._tops.append((now, self.top()))
        return max(found, self._after)


# Attempts

_ATTEMPTS = """
SELECT a.id <= %(cut)s, r.workflow, s.pool, a.outcome,
    width_bucket(extract(epoch FROM a.finished_at - a.started_at)::float8, %(bounds)s::float8[]),
    count(*), sum(extract(epoch FROM a.finished_at - a.started_at))::float8
FROM aiops_attempt a JOIN aiops_step s ON s.id = a.step_id JOIN aiops_run r ON r.id = a.run_id
WHERE a.id > %(after)s AND a.finished_at >= %(day)s GROUP BY 1, 2, 3, 4, 5
"""


def _tell_attempts(told: Samples, row: Row) -> None:
    workflow, pool, outcome, part, number, took_s = row
    told.add("aiops_attempts", number, workflow, pool, outcome)
    told.put("aiops_attempt_seconds", part, number, max(0.0, took_s), workflow, pool)


# Model calls

_CALLS = """
SELECT id <= %(cut)s, asked_model, workflow, outcome, purpose,
    width_bucket(coalesce(provider_s, 0), %(bounds)s::float8[]),
    count(*), coalesce(sum(provider_s), 0)::float8, coalesce(sum(queue_s), 0)::float8,
    coalesce(sum(tokens_in), 0), coalesce(sum(tokens_cached), 0), coalesce(sum(tokens_out), 0),
    coalesce(sum(tokens_reasoning), 0), coalesce(sum(cost_microusd), 0)::float8,
    coalesce(sum(cost_microusd) FILTER (WHERE is_uncertain), 0)::float8,
    count(*) FILTER (WHERE cost_microusd IS NULL)
FROM aiops_modelcall
WHERE id > %(after)s AND started_at >= %(day)s AND outcome <> 'open' GROUP BY 1, 2, 3, 4, 5, 6
"""


def _tell_calls(told: Samples, row: Row) -> None:
    model, workflow, outcome, purpose, part, number, took_s, queued_s, *rest = row
    *tokens, cost, uncertain, unpriced = rest
    told.add("aiops_model_calls", number, model, workflow, outcome)
    if outcome != "reused":
        told.put("aiops_model_seconds", part, number, took_s, model)
    told.add("aiops_model_queue_seconds", queued_s, model)
    for kind, used in zip(("input", "cached", "output", "reasoning"), tokens, strict=True):
        # What was used again was paid before.
        told.add("aiops_model_tokens", used, model, workflow, kind)
    told.add("aiops_model_cost_usd", cost / 1e6, model, workflow, purpose)
    told.add("aiops_model_uncertain_usd", uncertain / 1e6, model)
    told.add("aiops_model_unpriced_calls", unpriced, model)


# Runs

_RUNS = f"""
SELECT r.since <= %(cut)s, r.workflow, r.state,
    width_bucket(extract(epoch FROM r.finished_at - r.created_at)::float8, %(long_bounds)s::float8[]),
    CASE WHEN last.at IS NOT NULL THEN width_bucket(
        greatest(extract(epoch FROM r.finished_at - last.at), 0)::float8, %(bounds)s::float8[]) END,
    count(*), sum(extract(epoch FROM r.finished_at - r.created_at))::float8,
    coalesce(sum(greatest(extract(epoch FROM r.finished_at - last.at), 0)), 0)::float8
FROM aiops_run r LEFT JOIN LATERAL (
    SELECT max(s.finished_at) AS at FROM aiops_step s
    WHERE s.run_id = r.id AND s.item IS NULL AND r.state <> 'cancelled'
) last ON TRUE
WHERE r.state IN ({_ENDED}) AND r.since > %(after)s AND r.since >= %(day)s GROUP BY 1, 2, 3, 4, 5
"""


def _tell_runs(told: Samples, row: Row) -> None:
    workflow, state, part, lag_part, number, took_s, lag_s = row
    told.add("aiops_runs_ended", number, workflow, state)
    told.put("aiops_run_seconds", part, number, max(0.0, took_s), workflow)
    if lag_part is not None:
        told.put("aiops_user_status_lag_seconds", lag_part, number, lag_s)


def _highest(table: str) -> Callable[[], int]:
    return lambda: int(_rows(f"SELECT coalesce(max(id), 0) FROM {table}")[0][0])


def _first_attempt(day: datetime) -> int:
    """The attempt before the day's first, found by halves: ids rise with the time."""
    low, high = 0, _highest("aiops_attempt")()
    while low < high:
        middle = (low + high) // 2
        found = _rows(
            "SELECT finished_at FROM aiops_attempt WHERE id > %(id)s ORDER BY id LIMIT 1", id=middle
        )
        if found and found[0][0] < day:
            low = middle + 1
        else:
            high = middle
    # Some are written in another order than they ended in.
    return max(0, low - 1000)


def _first_call(day: datetime) -> int:
    found = _rows(
        "SELECT id FROM aiops_modelcall WHERE started_at >= %(day)s ORDER BY started_at LIMIT 1",
        day=day,
    )
    return max(0, found[0][0] - 1000) if found else _highest("aiops_modelcall")()


def sources() -> dict[str, Source]:
    """What one process has added up so far of each table."""
    return {
        "attempts": Source(
            *(_ATTEMPTS, _highest("aiops_attempt"), _first_attempt, _tell_attempts), settled_s=60
        ),
        # A call is open for as long as it takes, and is booked when its worker is known to be lost.
        "calls": Source(
            *(_CALLS, _highest("aiops_modelcall"), _first_call, _tell_calls), settled_s=1800
        ),
        "ends": Source(
            _RUNS, timezone.now, lambda day: day - timedelta(microseconds=1), _tell_runs, 60
        ),
    }


def midnight(now: datetime) -> datetime:
    return now.replace(hour=0, minute=0, second=0, microsecond=0)


def _rows(sql: str, **given: Any) -> Sequence[Row]:
    with connection.cursor() as cursor:
        cursor.execute(sql, given or None)
        return list(cursor.fetchall())
