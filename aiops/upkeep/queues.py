"""The queues as the record has them: what waits in each pool, who works on it, how long it will take."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import connection

from aiops.celery import app
from aiops.execution.dispatch import BROKER_ERRORS
from aiops.models import Pausable, Pause
from aiops.pools import POOLS
from aiops.upkeep.doctor import SILENT_S

#: At most so many waiting rows are looked at; a longer queue is told as "more than".
MOST_COUNTED = 20_000
#: The rate at which a pool works is that of its attempts within this time, and at most so many.
RATE_S = 300.0
MOST_ATTEMPTS = 2_000
#: A broker that does not answer within this time is not waited for by a page.
BROKER_S = 0.3


@dataclass(frozen=True, slots=True)
class QueueRow:
    """One pool. Steps that nobody may start (their run or workflow is paused) are `held`."""

    pool: str
    #: Steps and items that wait for a worker, and for how long the first of them; None: none waits.
    waiting: int
    oldest_s: float | None
    #: Workers at work, of so many slots on so many live nodes.
    busy: int
    slots: int
    nodes: int
    paused: Pause | None
    #: When the queue will be empty at the present rate; None: not known, or nothing moves.
    drain_s: float | None
    held: int = 0
    #: Whether more wait than were counted.
    is_capped: bool = False


# Each arm reads an index that holds only what is unfinished, and reads it up to a bound.
_WORK = """
WITH steps AS MATERIALIZED (
    SELECT run_id, pool, since FROM aiops_step
    WHERE dispatch_due IS NOT NULL AND state = 'queued' AND map_id IS NULL
    ORDER BY dispatch_due LIMIT %(most)s
), maps AS MATERIALIZED (
    SELECT id FROM aiops_step
    WHERE dispatch_due IS NOT NULL AND state = 'waiting' AND reason = 'items'
    ORDER BY dispatch_due LIMIT %(most)s
), items AS MATERIALIZED (
    SELECT i.run_id, i.pool, i.since FROM maps m CROSS JOIN LATERAL (
        SELECT run_id, pool, since FROM aiops_step
        WHERE map_id = m.id AND map_id IS NOT NULL AND state = 'queued'
        ORDER BY item LIMIT %(most)s
    ) i LIMIT %(most)s
), alike AS (
    -- The rows of a run and a pool are alike: each run is looked at once.
    SELECT run_id, pool, count(*) AS number, min(since) AS since
    FROM (SELECT * FROM steps UNION ALL SELECT * FROM items) w GROUP BY run_id, pool
), waiting AS (
    SELECT w.pool, w.number, w.since, r.paused_at IS NOT NULL OR EXISTS (
        SELECT FROM aiops_pause p WHERE p.what = 'workflow' AND p.name = r.workflow
    ) AS is_held
    FROM alike w JOIN aiops_run r ON r.id = w.run_id AND r.finished_at IS NULL
)
SELECT pool, CASE WHEN is_held THEN 'held' ELSE 'waiting' END, sum(number)::bigint,
    extract(epoch FROM clock_timestamp() - min(since))::float8
FROM waiting GROUP BY pool, is_held
UNION ALL
SELECT pool, 'busy', count(DISTINCT worker), 0 FROM aiops_step
WHERE lease_until IS NOT NULL AND state = 'running' GROUP BY pool
"""

_NODES = """
SELECT pool, count(*) FROM aiops_node
WHERE role = 'worker' AND seen_at > clock_timestamp() - make_interval(secs => %(silent_s)s)
GROUP BY pool
"""

_RATES = """
WITH newest AS MATERIALIZED (
    SELECT step_id, finished_at FROM aiops_attempt ORDER BY id DESC LIMIT %(most)s
), recent AS (
    SELECT * FROM newest
    WHERE finished_at > clock_timestamp() - make_interval(secs => %(rate_s)s)
), span AS (
    -- When all of them are recent, they tell of less than the whole time.
    SELECT CASE WHEN count(*) < %(most)s THEN %(rate_s)s::float8
        ELSE greatest(extract(epoch FROM clock_timestamp() - min(finished_at)), 1)::float8 END AS s
    FROM recent
)
SELECT t.pool, count(*) / min(span.s) FROM recent JOIN aiops_step t ON t.id = recent.step_id
CROSS JOIN span GROUP BY t.pool
"""


def queues() -> list[QueueRow]:
    """Every pool that runs steps, in four queries whatever waits."""
    work: dict[str, dict[str, tuple[int, float]]] = {}
    for pool, what, number, age_s in _rows(_WORK, most=MOST_COUNTED):
        work.setdefault(pool, {})[what] = (number, age_s)
    nodes = dict(_rows(_NODES, silent_s=SILENT_S))
    rates = dict(_rows(_RATES, most=MOST_ATTEMPTS, rate_s=RATE_S))
    pauses = {pause.name: pause for pause in Pause.objects.filter(what=Pausable.POOL)}
    return [
        _row(pool, work.get(pool, {}), nodes.get(pool, 0), rates.get(pool, 0.0), pauses.get(pool))
        for pool in POOLS
    ]


def _row(
    pool: str,
    work: Mapping[str, tuple[int, float]],
    nodes: int,
    rate: float,
    paused: Pause | None,
) -> QueueRow:
    waiting, oldest_s = work.get("waiting", (0, None))
    held, _ = work.get("held", (0, None))
    return QueueRow(
        pool=pool,
        waiting=waiting,
        oldest_s=oldest_s,
        busy=work.get("busy", (0, None))[0],
        slots=nodes * POOLS[pool].concurrency,
        nodes=nodes,
        paused=paused,
        drain_s=drain_s(waiting, rate, is_moving=nodes > 0 and paused is None),
        held=held,
        is_capped=waiting + held >= MOST_COUNTED,
    )


def drain_s(waiting: int, rate: float, *, is_moving: bool) -> float | None:
    """How long a queue lasts at so many attempts a second; None when nobody knows."""
    if not waiting:
        return 0.0
    return waiting / rate if is_moving and rate > 0 else None


def messages() -> dict[str, int] | None:
    """Messages in each pool's queue at the broker; None when it does not answer at once."""
    options = {
        **app.conf.broker_transport_options,
        "socket_timeout": BROKER_S,
        "socket_connect_timeout": BROKER_S,
        "retry_on_timeout": False,
    }
    try:
        with app.connection_for_read(transport_options=options) as line:
            # Without the waits between two tries.
            line.ensure_connection(
                max_retries=1,
                interval_start=0,
                interval_step=0,
                timeout=BROKER_S,  # type: ignore[arg-type]  # it is compared with a clock
            )
            channel: Any = line.channel()
            return {name: channel._size(pool.queue) for name, pool in POOLS.items()}
    except BROKER_ERRORS:
        return None


def _rows(sql: str, **params: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return list(cursor.fetchall())


def oldest_of(rows: Iterable[QueueRow]) -> QueueRow | None:
    """The pool in which something has waited longest; None when nothing waits anywhere."""
    found = [row for row in rows if row.oldest_s is not None and row.paused is None]
    return max(found, key=lambda row: row.oldest_s or 0.0, default=None)
