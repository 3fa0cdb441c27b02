"""The door for whoever holds a step's lease: claim it, finish it, claim the next, give it back.

The only hand-written SQL of the project: a durable step costs one round trip and one commit.
Every write names the fence that its claim read back; a late worker's write matches no row.
"""

# ruff: noqa: S608  # built from the constants below; every value is bound

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection
from psycopg import Connection, Cursor
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from aiops.execution.holds import NOT_PAUSED
from aiops.models.step import UNDO

#: A run in one of these lets its steps be claimed.
OPEN_RUN = "r.paused_at IS NULL AND r.cancel_requested_at IS NULL AND r.finished_at IS NULL"


class LeaseLost(Exception):
    """Another worker, the keeper or a person has taken the step: drop what you have."""


@dataclass(frozen=True, slots=True)
class Claim:
    """An exclusive hold on one step, until `lease_until` unless renewed."""

    step_id: UUID
    run_id: UUID
    name: str
    item: int | None
    item_value: Any
    fence: int
    epoch: int
    tries: int
    losses: int
    history: Mapping[str, Any]
    in_doubt: bool
    started_at: datetime
    #: Of the job that it has submitted; None: none.
    handle: Any = None


@dataclass(frozen=True, slots=True)
class Owner:
    """Who claims: the worker's name and the Celery message that brought the work."""

    worker: str
    task_id: str


@dataclass(frozen=True, slots=True)
class Finish:
    """A result to record under a claim. Results above the inline bound travel as `ref`."""

    claim: Claim
    result: Any
    ref: str = ""
    outcome: str = "succeeded"
    sent: str = ""
    cost_microusd: int | None = None
    #: The checks that it passed: {"check", "score"}.
    checks: Sequence[Mapping[str, Any]] = ()


_CLAIMED = (
    "id, run_id, name, item, item_value, fence, epoch, tries, losses, history, in_doubt, started_at,"
    " handle"
)

_TAKE = """
    state = 'running', reason = 'lease', since = clock_timestamp(), fence = s.fence + 1,
    lease_until = clock_timestamp() + make_interval(secs => %(lease_s)s),
    worker = %(worker)s, task_id = %(task_id)s, started_at = clock_timestamp(),
    wake_at = NULL, dispatch_due = NULL, progress = NULL
"""

# The run is locked before the step: everyone who needs both takes them in this order.
# A stopped run still lets itself be undone.
_CLAIM = f"""
WITH r AS (
    SELECT id, workflow, cancel_requested_at FROM aiops_run
    WHERE id = %(run)s AND paused_at IS NULL AND finished_at IS NULL FOR NO KEY UPDATE
), claimed AS (
    UPDATE aiops_step s SET {_TAKE}
    FROM r
    WHERE s.id = %(step)s AND s.run_id = r.id AND s.epoch = %(epoch)s AND s.state = 'queued'
        AND (r.cancel_requested_at IS NULL OR starts_with(s.name, '{UNDO}'))
        AND {NOT_PAUSED}
    RETURNING s.*
), begun AS (
    UPDATE aiops_run SET state = 'running', reason = '', since = clock_timestamp(),
        started_at = coalesce(aiops_run.started_at, clock_timestamp())
    FROM claimed
    WHERE aiops_run.id = claimed.run_id
        AND aiops_run.state IN ('queued', 'retrying', 'waiting')
)
SELECT {_CLAIMED} FROM claimed
"""

_RESULTS = """
SELECT name, result, result_ref FROM aiops_step
WHERE run_id = %(run)s AND item IS NULL AND name = ANY(%(names)s)
"""

# What an attempt's model calls cost; one whose price nobody knows makes the whole unknown.
_COST = """(
    SELECT CASE WHEN bool_and(c.cost_microusd IS NOT NULL) THEN sum(c.cost_microusd)::bigint END
    FROM aiops_modelcall c WHERE c.step_id = done.id AND c.attempt = done.fence
)"""

_ATTEMPT = """
    INSERT INTO aiops_attempt (step_id, run_id, number, epoch, outcome, sent, worker, task_id,
        started_at, finished_at, cost_microusd)
    SELECT id, run_id, fence, epoch, {outcome}, {sent}, worker, task_id,
        started_at, finished_at, {cost}
    FROM done
"""

_FINISH = f"""
WITH done AS (
    UPDATE aiops_step SET state = 'succeeded', reason = '', since = clock_timestamp(),
        result = %(result)s, result_ref = %(ref)s, error = NULL, progress = NULL,
        lease_until = NULL, in_doubt = FALSE, finished_at = clock_timestamp()
    WHERE id = %(step)s AND fence = %(fence)s AND state = 'running'
    RETURNING id, run_id, name, fence, epoch, worker, task_id, started_at, finished_at
), tried AS (
    {_ATTEMPT.format(outcome="%(outcome)s", sent="%(sent)s", cost=f"coalesce(%(cost)s::bigint, {_COST})")}
), told AS (
    INSERT INTO aiops_event (run_id, step, kind, actor, data, at)
    SELECT run_id, id, 'step.succeeded', '',
        jsonb_build_object('name', name, 'attempt', fence) || %(told)s, finished_at
    FROM done
), queued AS (
    UPDATE aiops_step s SET state = 'queued', reason = 'message', since = clock_timestamp(),
        dispatches = 1,
        dispatch_due = clock_timestamp() + make_interval(secs => %(dispatch_s)s)
    FROM done, aiops_run r
    WHERE s.id = %(queue)s AND s.state = 'pending' AND r.id = %(run)s AND {OPEN_RUN}
), next AS (
    UPDATE aiops_step s SET {_TAKE}
    FROM done, aiops_run r
    WHERE s.id = %(next)s AND s.state = 'pending' AND r.id = %(run)s AND {OPEN_RUN}
        AND {NOT_PAUSED}
    RETURNING s.*
)
SELECT EXISTS (SELECT FROM done) AS recorded, {_CLAIMED}
FROM (SELECT) one LEFT JOIN next ON TRUE
"""

_END = f"""
WITH done AS (
    UPDATE aiops_step SET state = %(state)s::text, reason = %(reason)s, since = clock_timestamp(),
        wake_at = %(wake_at)s, lane = %(lane)s, error = %(error)s,
        tries = CASE WHEN %(anew)s THEN 0 ELSE tries + %(burnt)s END,
        losses = losses + %(lost)s, history = %(history)s, in_doubt = %(in_doubt)s,
        handle = CASE WHEN %(keeps_handle)s THEN handle ELSE %(handle)s END,
        lease_until = NULL, progress = %(progress)s,
        finished_at = CASE WHEN %(state)s::text IN ('failed', 'cancelled') THEN clock_timestamp() END
    WHERE id = %(step)s AND fence = %(fence)s AND state = 'running'
    RETURNING id, run_id, name, item, fence, epoch, worker, task_id, started_at,
        clock_timestamp() AS finished_at
), tried AS (
    INSERT INTO aiops_attempt (step_id, run_id, number, epoch, outcome, error, sent, worker,
        task_id, started_at, finished_at, cost_microusd)
    SELECT id, run_id, fence, epoch, %(outcome)s, %(error)s, %(sent)s, worker, task_id,
        started_at, finished_at, {_COST}
    FROM done
    WHERE %(is_try)s
), told AS (
    INSERT INTO aiops_event (run_id, step, kind, actor, data, at)
    SELECT run_id, id, %(event)s::text, '',
        jsonb_build_object('name', name, 'item', item, 'attempt', fence) || %(data)s, finished_at
    FROM done
    WHERE %(event)s::text <> ''
)
SELECT id FROM done
"""

_PICK = f"""
picked AS (
    SELECT s.id FROM aiops_step s JOIN aiops_run r ON r.id = s.run_id
    WHERE s.map_id = %(map)s AND s.state = 'queued' AND {OPEN_RUN} AND {NOT_PAUSED}
    ORDER BY s.item LIMIT %(count)s FOR UPDATE OF s SKIP LOCKED
), claimed AS (
    UPDATE aiops_step s SET {_TAKE} FROM picked WHERE s.id = picked.id RETURNING s.*
)
SELECT {_CLAIMED} FROM claimed ORDER BY item
"""

_CLAIM_ITEMS = f"WITH {_PICK}"

# Whoever takes the first item of a time slice says so; a run that says it already is only read.
_BEGIN = f"""
UPDATE aiops_run r SET state = 'running', reason = '', since = clock_timestamp(),
    started_at = coalesce(r.started_at, clock_timestamp())
WHERE r.id = %(run)s AND r.state IN ('queued', 'retrying', 'waiting') AND {OPEN_RUN}
"""

_FINISH_ITEMS = f"""
WITH given AS (
    SELECT * FROM unnest(%(steps)s::uuid[], %(fences)s::int[], %(results)s::text[],
        %(refs)s::text[], %(sents)s::text[], %(began)s::timestamptz[], %(ended)s::timestamptz[])
        AS t (step, fence, result, ref, sent, began, ended)
), done AS (
    UPDATE aiops_step s SET state = 'succeeded', reason = '', since = given.ended,
        result = given.result::jsonb, result_ref = given.ref, error = NULL, progress = NULL,
        lease_until = NULL, in_doubt = FALSE, started_at = given.began, finished_at = given.ended
    FROM given
    WHERE s.id = given.step AND s.fence = given.fence AND s.state = 'running'
    RETURNING s.id, s.run_id, s.fence, s.epoch, given.sent, s.worker, s.task_id, s.started_at,
        s.finished_at
), tried AS (
    {_ATTEMPT.format(outcome="'succeeded'", sent="sent", cost=_COST)}
), {_PICK}
"""

# A row that is being finished right now is skipped: it needs no renewal, and must not wait for us.
_RENEW = """
WITH mine AS (
    SELECT s.id FROM aiops_step s
    JOIN unnest(%(steps)s::uuid[], %(fences)s::int[]) AS held (id, fence)
        ON s.id = held.id AND s.fence = held.fence
    WHERE s.state = 'running'
    FOR UPDATE OF s SKIP LOCKED
)
UPDATE aiops_step s
SET lease_until = clock_timestamp() + make_interval(secs => %(lease_s)s)
FROM mine WHERE s.id = mine.id
"""

# A message that finds its step in the queue and may not take it is the last that the step had: it
# counts as unsent, and not as overdue, so that the keeper sends one when what holds it is over.
_UNSENT = "dispatches = 0, dispatch_due = clock_timestamp() + interval '1 day'"

_REFUSED = f"""
UPDATE aiops_step SET {_UNSENT}
WHERE id = %(step)s AND run_id = %(run)s AND epoch = %(epoch)s AND state = 'queued'
"""

_REFUSED_MEMBER = f"""
UPDATE aiops_step s SET {_UNSENT} FROM aiops_run r
WHERE s.id = %(map)s AND s.state = 'waiting' AND s.dispatches > 0 AND r.id = s.run_id
    AND NOT ({NOT_PAUSED})
"""

_GIVE_BACK = """
UPDATE aiops_step s SET state = 'queued', reason = 'message', since = clock_timestamp(),
    lease_until = NULL, dispatches = 1,
    dispatch_due = CASE WHEN s.map_id IS NULL THEN clock_timestamp() END
FROM unnest(%(steps)s::uuid[], %(fences)s::int[]) AS held (id, fence)
WHERE s.id = held.id AND s.fence = held.fence AND s.state = 'running'
"""


def claim(*, run_id: UUID, step_id: UUID, epoch: int, owner: Owner) -> Claim | None:
    """Take a queued step of an open run; None when it is not there to take."""
    what = {"run": run_id, "step": step_id, "epoch": epoch}
    row = _one(_CLAIM, {**what, **_lease(owner)})
    if row is None:
        _do(_REFUSED, what)
        return None
    return _claim(row)


def results(run_id: UUID, names: Sequence[str]) -> dict[str, tuple[Any, str]]:
    """The results of a plan's steps by name: inline value, and name of the file if it is one."""
    with connection.wrap_database_errors, _cursor() as cursor:
        cursor.execute(_RESULTS, {"run": run_id, "names": list(names)}, prepare=True)
        rows = cursor.fetchall()
    return {row["name"]: (_json(row["result"]), row["result_ref"]) for row in rows}


def finish(
    finish: Finish, owner: Owner, *, then_claim: UUID | None = None, then_queue: UUID | None = None
) -> Claim | None:
    """Record a result; in the same statement claim the next step, or queue it for another pool.

    Returns the next claim, None when there is none to have (or the run is paused or cancelled).
    Raises LeaseLost when the fence is no longer ours.
    """
    row = _one(
        _FINISH,
        {
            "run": finish.claim.run_id,
            "step": finish.claim.step_id,
            "fence": finish.claim.fence,
            "result": Jsonb(finish.result),
            "ref": finish.ref,
            "outcome": finish.outcome,
            "sent": finish.sent,
            "cost": finish.cost_microusd,
            "told": Jsonb({"checks": list(finish.checks)} if finish.checks else {}),
            "next": then_claim,
            "queue": then_queue,
            "dispatch_s": settings.AIOPS_DISPATCH_S,
            **_lease(owner),
        },
    )
    if row is None or not row["recorded"]:
        raise LeaseLost(f"{finish.claim.name}: fence {finish.claim.fence} is no longer current")
    return _claim(row) if row["id"] else None


#: An ending that says nothing of a job's handle leaves it as it is.
KEEP: Any = object()


@dataclass(frozen=True, slots=True)
class Ending:
    """How a claim ends without a result: the step's next state, and what the attempt says."""

    state: str
    outcome: str
    reason: str = ""
    wake_at: datetime | None = None
    #: The lane that it waits for.
    lane: str = ""
    error: Mapping[str, Any] | None = None
    sent: str = ""
    #: Whether the attempt counts against the retry policy, and whether a worker was lost.
    burnt: bool = False
    lost: bool = False
    history: Mapping[str, Any] | None = None
    in_doubt: bool = False
    event: str = ""
    data: Mapping[str, Any] | None = None
    #: Of the job that it waits for; None: there is none any more.
    handle: Any = KEEP
    #: Whether failures are counted anew from here, and whether this was a try at all: a look at a job
    #: that is not done yet is none.
    anew: bool = False
    is_try: bool = True
    progress: Mapping[str, Any] | None = None


def end(claim: Claim, ending: Ending) -> None:
    """Record a failure, a park or a loss. Raises LeaseLost when the fence is no longer ours."""
    row = _one(
        _END,
        {
            "step": claim.step_id,
            "fence": claim.fence,
            "state": ending.state,
            "reason": ending.reason,
            "wake_at": ending.wake_at,
            "lane": ending.lane,
            "error": None if ending.error is None else Jsonb(ending.error),
            "burnt": int(ending.burnt),
            "lost": int(ending.lost),
            "history": Jsonb(ending.history if ending.history is not None else claim.history),
            "in_doubt": ending.in_doubt,
            "outcome": ending.outcome,
            "sent": ending.sent,
            "event": ending.event,
            "data": Jsonb(ending.data or {}),
            "keeps_handle": ending.handle is KEEP,
            "handle": None if ending.handle in (KEEP, None) else Jsonb(ending.handle),
            "anew": ending.anew,
            "is_try": ending.is_try,
            "progress": None if ending.progress is None else Jsonb(ending.progress),
        },
    )
    if row is None:
        raise LeaseLost(f"{claim.name}: fence {claim.fence} is no longer current")


def claim_items(*, map_id: UUID, count: int, owner: Owner) -> list[Claim]:
    """Take up to `count` ready items of a map, in order, skipping what others are taking."""
    found = _claims(_CLAIM_ITEMS, {"map": map_id, "count": count, **_lease(owner)})
    if not found:
        _do(_REFUSED_MEMBER, {"map": map_id})
    return found


@dataclass(frozen=True, slots=True)
class ItemFinish:
    """One item's result, serialised, with the worker's own times for its attempt."""

    claim: Claim
    result: str
    ref: str
    sent: str
    began: datetime
    ended: datetime


def begin(run_id: UUID) -> None:
    """Let a run say that it is worked on: an item of it has been claimed."""
    with connection.wrap_database_errors, _cursor() as cursor:
        cursor.execute(_BEGIN, {"run": run_id}, prepare=True)


def finish_items(
    finished: Sequence[ItemFinish], *, map_id: UUID, count: int, owner: Owner
) -> list[Claim]:
    """Record a slice of items and take the next `count` (0: none), in one statement.

    An item whose lease was lost is left alone: whoever holds it now records it.
    """
    found = _claims(
        _FINISH_ITEMS,
        {
            "steps": [f.claim.step_id for f in finished],
            "fences": [f.claim.fence for f in finished],
            "results": [f.result for f in finished],
            "refs": [f.ref for f in finished],
            "sents": [f.sent for f in finished],
            "began": [f.began for f in finished],
            "ended": [f.ended for f in finished],
            "map": map_id,
            "count": count,
            **_lease(owner),
        },
    )
    if count and not found:
        _do(_REFUSED_MEMBER, {"map": map_id})
    return found


def renew(held: Sequence[tuple[UUID, int]]) -> None:
    """Prolong leases; those that were lost are left alone."""
    _do(_RENEW, {"lease_s": settings.AIOPS_LEASE_S, **_held(held)})


def give_back(held: Sequence[tuple[UUID, int]]) -> None:
    """Return claims that were taken and not begun; no attempt is recorded."""
    _do(_GIVE_BACK, _held(held))


def _held(held: Sequence[tuple[UUID, int]]) -> dict[str, Any]:
    return {"steps": [step for step, _ in held], "fences": [fence for _, fence in held]}


def _lease(owner: Owner) -> dict[str, Any]:
    return {
        "lease_s": settings.AIOPS_LEASE_S,
        "worker": owner.worker,
        "task_id": owner.task_id,
    }


def _cursor() -> Cursor[dict[str, Any]]:
    """A cursor with server-side binding, so that the statements are prepared once a session."""
    connection.ensure_connection()
    raw: Connection[Any] = connection.connection
    return Cursor(raw, row_factory=dict_row)


def _do(sql: str, params: Mapping[str, Any]) -> None:
    with connection.wrap_database_errors, _cursor() as cursor:
        cursor.execute(sql, params)


def _one(sql: str, params: Mapping[str, Any]) -> dict[str, Any] | None:
    with connection.wrap_database_errors, _cursor() as cursor:
        cursor.execute(sql, params, prepare=True)
        return cursor.fetchone()


def _claims(sql: str, params: Mapping[str, Any]) -> list[Claim]:
    with connection.wrap_database_errors, _cursor() as cursor:
        cursor.execute(sql, params, prepare=True)
        return [_claim(row) for row in cursor.fetchall()]


def _claim(row: Mapping[str, Any]) -> Claim:
    return Claim(
        step_id=row["id"],
        run_id=row["run_id"],
        name=row["name"],
        item=row["item"],
        item_value=_json(row["item_value"]),
        fence=row["fence"],
        epoch=row["epoch"],
        tries=row["tries"],
        losses=row["losses"],
        history=_json(row["history"]),
        in_doubt=row["in_doubt"],
        started_at=row["started_at"],
        handle=_json(row["handle"]),
    )


def _json(text: str | None) -> Any:
    """Django registers a loader on its connections that leaves jsonb as text."""
    return None if text is None else json.loads(text)
