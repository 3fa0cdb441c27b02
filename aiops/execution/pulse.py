"""The pulse of a run: a short word that is another one whenever its user may see something else."""

# ruff: noqa: S608  # built from the constants below and the ORM's own SQL; every value is bound

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet
from psycopg import Connection, Cursor

from aiops.models import Run

#: The items of a longer map are not counted: what is at work and what is next tells of its moves.
#: What these miss (an item that is to be tried again goes back into its queue) shows a little later,
#: because nobody keeps a view of an open run for longer than `KEPT_S`.
MOST_COUNTED = 200
#: A view changes with the time as well (how long it will take yet), of which no pulse tells.
KEPT_S = 15.0

#: How the pulse of a run begins that has ended. Nothing moves it but a person's retry.
_ENDED = "end-"

# Parts of the query below, each about a step `s`.
_LANE = "SELECT ROW (l.state, l.cause, l.held_until)::text FROM aiops_lane l WHERE l.name = s.lane"
# Asked of the children one by one: written as EXISTS, it may be planned as a look at every run.
_CHILD_STEP = """SELECT c.state, c.reason FROM aiops_step c WHERE c.run_id = r.id
    AND c.state NOT IN ('pending', 'succeeded', 'skipped')"""
_CHILDREN = f"""SELECT string_agg(ROW (r.id, r.state, r.id IN (SELECT a.run_id FROM alive a),
    (SELECT string_agg(DISTINCT ROW (c.state, c.reason)::text, ',') FROM (
        {_CHILD_STEP} AND c.item IS NULL UNION ALL {_CHILD_STEP} AND c.item < {MOST_COUNTED}) c)
    )::text, ',' ORDER BY r.id)
    FROM aiops_run r WHERE r.parent_step_id = s.id"""
_LANES = """SELECT string_agg(ROW (l.name, l.state, l.cause)::text, ',' ORDER BY l.name)
    FROM aiops_lane l WHERE l.state <> 'open'"""
_LAST_ITEM = "SELECT coalesce(max(i.item), 0) FROM aiops_step i WHERE i.map_id = s.id"
_ITEMS = f"""SELECT string_agg(g.told, ',' ORDER BY g.told) FROM (
    SELECT ROW (i.state, i.reason, i.lane, i.works, count(*))::text AS told FROM (
        SELECT i.state, i.reason, i.lane,
            i.state = 'running' AND i.lease_until > statement_timestamp() AS works
        FROM aiops_step i WHERE i.map_id = s.id AND i.item < {MOST_COUNTED}
    ) i GROUP BY i.state, i.reason, i.lane, i.works) g"""
# A worker takes the first item that is ready, and raises its fence.
_NEXT_ITEM = """SELECT ROW (i.item, i.fence)::text FROM aiops_step i
    WHERE i.map_id = s.id AND i.state = 'queued' ORDER BY i.item LIMIT 1"""
_ITEMS_AT_WORK = """SELECT md5(string_agg(ROW (a.id, a.fence)::text, ',' ORDER BY a.id))
    FROM alive a WHERE a.map_id = s.id"""

# The steps of the plan are found by their names: a run's index entries are mostly items, and those of
# finished maps are never looked at. Questions and promises are told by events, as every move of a
# run is that its steps' own rows do not show.
_PULSES = f"""
WITH known AS MATERIALIZED (
    SELECT r.id, r.version_id, r.workflow, r.finished_at IS NOT NULL AS has_ended,
        ROW (r.state, r.since, r.paused_at, r.cancel_requested_at)::text AS told
    FROM aiops_run r WHERE r.id = ANY(%s) {{among}}
), plan AS MATERIALIZED (
    SELECT v.id, ARRAY(
        SELECT n->>'name' FROM jsonb_array_elements(v.plan->'nodes') n UNION ALL
        SELECT 'undo:' || (n->>'name') FROM jsonb_array_elements(v.plan->'nodes') n
            WHERE n ? 'has_undo'
    ) AS names
    FROM aiops_workflowversion v WHERE v.id IN (SELECT version_id FROM known)
), alive AS MATERIALIZED (
    SELECT s.run_id, s.map_id, s.id, s.fence FROM aiops_step s
    WHERE s.lease_until > statement_timestamp() AND s.state = 'running'
), step AS (
    SELECT s.run_id, s.name, ROW (
        s.name, s.state, s.reason, s.since, s.until, s.wake_at, s.error->>'code', s.in_doubt,
        s.state = 'running' AND s.lease_until > statement_timestamp(),
        s.pool = ANY(ARRAY(SELECT p.name FROM aiops_pause p WHERE p.what = 'pool')),
        md5(s.progress::text),
        CASE WHEN s.lane <> '' THEN ({_LANE}) END,
        CASE WHEN s.kind = 'child' THEN ({_CHILDREN}) END,
        CASE WHEN s.kind = 'map' AND s.state NOT IN ('pending', 'succeeded', 'skipped') THEN
            ROW (({_LANES}), CASE
                WHEN ({_LAST_ITEM}) < {MOST_COUNTED} THEN ({_ITEMS})
                ELSE ROW (({_NEXT_ITEM}), ({_ITEMS_AT_WORK}))::text END) END
    )::text AS told
    FROM known k JOIN plan ON plan.id = k.version_id
    CROSS JOIN LATERAL (
        SELECT * FROM aiops_step s
        WHERE s.run_id = k.id AND s.name = ANY(plan.names) AND s.item IS NULL
    ) s
), steps AS (
    SELECT s.run_id, string_agg(s.told, '|' ORDER BY s.name) AS told FROM step s GROUP BY s.run_id
)
SELECT k.id, CASE WHEN k.has_ended THEN '{_ENDED}' ELSE '' END || left(md5(ROW (
    k.told, s.told,
    k.workflow = ANY(ARRAY(SELECT p.name FROM aiops_pause p WHERE p.what = 'workflow')),
    (SELECT e.id FROM aiops_event e WHERE e.run_id = k.id ORDER BY e.id DESC LIMIT 1)
)::text), 20)
FROM known k LEFT JOIN steps s ON s.run_id = k.id
"""


def pulses(run_ids: Iterable[UUID], *, among: QuerySet[Run] | None = None) -> dict[UUID, str]:
    """The pulse of each of these runs that exists (and is `among` these), in one query."""
    sql, given = _PULSES.format(among=""), [list(run_ids)]
    if among is not None:
        part, values = among.values("id").order_by().query.sql_with_params()
        sql, given = _PULSES.format(among=f"AND r.id IN ({part})"), [*given, *values]
    connection.ensure_connection()
    raw: Connection[Any] = connection.connection
    # Bound by the server, and so planned once a session: planning costs more than one run's pulse.
    with connection.wrap_database_errors, Cursor(raw) as cursor:
        cursor.execute(sql, given, prepare=True)
        return dict(cursor.fetchall())


def is_final(pulse: str) -> bool:
    """Whether the run of this pulse has ended."""
    return pulse.startswith(_ENDED)
