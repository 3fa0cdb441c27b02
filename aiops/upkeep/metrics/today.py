"""What has happened since midnight (UTC), as counters that begin anew each day, as after a restart.

Every process tells the same numbers, because they are the record's. What cannot change any more is
added up once and kept, so that a scrape reads the last minutes and not the day.
"""

# ruff: noqa: S608  # built from constants; every value is bound

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import DatabaseError, connection
from django.utils import timezone

from aiops.models.run import ENDED
from aiops.upkeep.metrics.declared import BOUNDS_S, LONG_BOUNDS_S
from aiops.upkeep.metrics.samples import Samples

Row = tuple[Any, ...]

_ENDED = ", ".join(f"'{state}'" for state in ENDED)


#: Rows that are added up in one statement, and how long a scrape goes on with what it has missed.
CHUNK = 200_000
MOST_S = 3.0
#: Ids are given away in a slightly other order than times: so many are looked at once more.
MARGIN = 1000
#: Above every id.
ALL = 2**62


class Behind(DatabaseError):
    """There is more than one scrape can add up; half of it would look like a day of little work."""


@dataclass(slots=True)
class Source:
    """A table whose rows of the day are counted, in the order of a key that rises with the time."""

    #: Counts rows with a key above %(after)s and at most %(upto)s, of %(day)s or later.
    sql: str
    #: A key such that every row up to it is older than a moment.
    before: Callable[[datetime], Any]
    #: A key that is some way further; and one above all.
    further: Callable[[Any], Any]
    end: Any
    tell: Callable[[Samples, Row], None]
    #: After this long a row is as it stays, and none comes before it.
    settled_s: float
    _day: datetime | None = None
    _after: Any = None
    _kept: Samples = field(default_factory=Samples)

    def read(self, told: Samples, day: datetime) -> None:
        if self._day != day:
            self._after, self._kept = self.before(day), Samples()
            self._day = day
        self._keep(self.before(timezone.now() - timedelta(seconds=self.settled_s)), day)
        fresh = Samples()
        self._count(fresh, day, upto=self.end)
        told.update(self._kept)
        told.update(fresh)

    def _keep(self, settled: Any, day: datetime) -> None:
        """Add up for good what cannot change any more."""
        give_up = time.monotonic() + MOST_S
        while self._after < settled:
            if time.monotonic() > give_up:
                raise Behind("the day is still being added up")
            upto = min(self.further(self._after), settled)
            self._count(self._kept, day, upto=upto)
            self._after = upto

    def _count(self, told: Samples, day: datetime, *, upto: Any) -> None:
        bounds, long_bounds = [*map(float, BOUNDS_S)], [*map(float, LONG_BOUNDS_S)]
        given = {"after": self._after, "upto": upto, "day": day}
        for row in _rows(self.sql, **given, bounds=bounds, long_bounds=long_bounds):
            self.tell(told, row)


# Attempts

_ATTEMPTS = """
SELECT r.workflow, s.pool, a.outcome,
    width_bucket(extract(epoch FROM a.finished_at - a.started_at)::float8, %(bounds)s::float8[]),
    count(*), sum(extract(epoch FROM a.finished_at - a.started_at))::float8
FROM aiops_attempt a JOIN aiops_step s ON s.id = a.step_id JOIN aiops_run r ON r.id = a.run_id
WHERE a.id > %(after)s AND a.id <= %(upto)s AND a.finished_at >= %(day)s GROUP BY 1, 2, 3, 4
"""


def _tell_attempts(told: Samples, row: Row) -> None:
    workflow, pool, outcome, part, number, took_s = row
    told.add("aiops_attempts", number, workflow, pool, outcome)
    told.put("aiops_attempt_seconds", part, number, max(0.0, took_s), workflow, pool)


# Model calls

_CALLS = """
SELECT asked_model, workflow, outcome, purpose,
    width_bucket(coalesce(provider_s, 0), %(bounds)s::float8[]),
    count(*), coalesce(sum(provider_s), 0)::float8, coalesce(sum(queue_s), 0)::float8,
    coalesce(sum(tokens_in), 0), coalesce(sum(tokens_cached), 0), coalesce(sum(tokens_out), 0),
    coalesce(sum(tokens_reasoning), 0), coalesce(sum(cost_microusd), 0)::float8,
    coalesce(sum(cost_microusd) FILTER (WHERE is_uncertain), 0)::float8,
    count(*) FILTER (WHERE cost_microusd IS NULL)
FROM aiops_modelcall
WHERE id > %(after)s AND id <= %(upto)s AND started_at >= %(day)s AND outcome <> 'open'
GROUP BY 1, 2, 3, 4, 5
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
SELECT r.workflow, r.state,
    width_bucket(extract(epoch FROM r.finished_at - r.created_at)::float8, %(long_bounds)s::float8[]),
    CASE WHEN last.at IS NOT NULL THEN width_bucket(
        greatest(extract(epoch FROM r.finished_at - last.at), 0)::float8, %(bounds)s::float8[]) END,
    count(*), sum(extract(epoch FROM r.finished_at - r.created_at))::float8,
    coalesce(sum(greatest(extract(epoch FROM r.finished_at - last.at), 0)), 0)::float8
FROM aiops_run r LEFT JOIN LATERAL (
    SELECT max(s.finished_at) AS at FROM aiops_step s
    WHERE s.run_id = r.id AND s.item IS NULL AND r.state <> 'cancelled'
) last ON TRUE
WHERE r.state IN ({_ENDED}) AND r.since > %(after)s AND r.since <= %(upto)s AND r.since >= %(day)s
GROUP BY 1, 2, 3, 4
"""


def _tell_runs(told: Samples, row: Row) -> None:
    workflow, state, part, lag_part, number, took_s, lag_s = row
    told.add("aiops_runs_ended", number, workflow, state)
    told.put("aiops_run_seconds", part, number, max(0.0, took_s), workflow)
    if lag_part is not None:
        told.put("aiops_user_status_lag_seconds", lag_part, number, lag_s)


# Found by halves: ids rise with the time, and no index has the times.
_BEFORE = """
WITH RECURSIVE half (low, high) AS (
    SELECT 0::bigint, coalesce(max(id), 0)::bigint FROM {table}
    UNION ALL
    SELECT CASE WHEN is_older THEN middle + 1 ELSE low END, CASE WHEN is_older THEN high ELSE middle END
    FROM (
        SELECT low, high, (low + high) / 2 AS middle, coalesce((
            SELECT {at} < %(moment)s FROM {table} WHERE id > (low + high) / 2 ORDER BY id LIMIT 1
        ), FALSE) AS is_older
        FROM half WHERE low < high
    ) looked
)
SELECT max(low) FROM half
"""


def _before(table: str, at: str) -> Callable[[datetime], int]:
    sql = _BEFORE.format(table=table, at=at)

    def found(moment: datetime) -> int:
        return max(0, int(_rows(sql, moment=moment)[0][0]) - MARGIN)

    return found


def _more_ids(key: int) -> int:
    return key + CHUNK


def sources() -> dict[str, Source]:
    """What one process has added up so far of each table."""
    attempts = _before("aiops_attempt", "finished_at")
    calls = _before("aiops_modelcall", "started_at")
    return {
        "attempts": Source(_ATTEMPTS, attempts, _more_ids, ALL, _tell_attempts, settled_s=60),
        # A call is open for as long as it takes, and is booked when its worker is known to be lost.
        "calls": Source(_CALLS, calls, _more_ids, ALL, _tell_calls, settled_s=1800),
        "ends": Source(
            _RUNS,
            before=lambda moment: moment - timedelta(microseconds=1),
            further=lambda key: key + timedelta(hours=1),
            end=datetime.max.replace(tzinfo=UTC),
            tell=_tell_runs,
            settled_s=60,
        ),
    }


def midnight(now: datetime) -> datetime:
    return now.replace(hour=0, minute=0, second=0, microsecond=0)


def _rows(sql: str, **given: Any) -> Sequence[Row]:
    with connection.cursor() as cursor:
        cursor.execute(sql, given or None)
        return list(cursor.fetchall())
