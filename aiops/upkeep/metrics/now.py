"""How everything stands now. Each part is a bounded number of queries over what is unfinished."""

# ruff: noqa: S608  # built from constants; every value is bound

from __future__ import annotations

from typing import Any

from django.db import connection

from aiops.execution.line import lines
from aiops.models import Channel, EscalationKind, Lane, LaneState
from aiops.models.run import ENDED, RunState
from aiops.pools import POOLS
from aiops.providers import limits
from aiops.providers.admission import limits_of
from aiops.upkeep import prove, queues
from aiops.upkeep.doctor import SILENT_S
from aiops.upkeep.metrics.declared import MOST_LANES
from aiops.upkeep.metrics.samples import Samples
from aiops.upkeep.node import RESENT

_OPEN = ", ".join(f"'{state}'" for state in RunState.values if state not in ENDED)
#: Between two looks of the keeper and for a moment more, what is due is no news.
STALE_SLACK_S = 2.0


def pools(told: Samples) -> None:
    for row in queues.queues():
        told.add("aiops_queue_steps", row.waiting, row.pool, "waiting")
        told.add("aiops_queue_steps", row.held, row.pool, "held")
        told.add("aiops_queue_age_seconds", row.oldest_s or 0.0, row.pool)
        told.add("aiops_pool_paused", float(row.paused is not None), row.pool)
        told.add("aiops_pool_busy", row.busy, row.pool)
        told.add("aiops_pool_slots", row.slots, row.pool)
        told.add("aiops_pool_nodes", row.nodes, row.pool)


def broker(told: Samples) -> None:
    found = queues.messages()
    if found is None:
        raise ConnectionError("the broker does not answer")
    for pool in POOLS:
        told.add("aiops_queue_messages", found[pool], pool)


# The keeper looks at all that is unfinished every few seconds: a scrape must not do it once more.
_PROVED = """
SELECT limbo FROM aiops_node WHERE role = 'keeper' AND is_leader
    AND seen_at > clock_timestamp() - make_interval(secs => %(silent_s)s) LIMIT 1
"""


def limbo(told: Samples) -> None:
    """What the leader has last found; where nobody leads, it is looked for here."""
    found = _rows(_PROVED, silent_s=SILENT_S)
    is_proved = bool(found) and found[0][0] is not None
    told.add("aiops_limbo_steps", int(found[0][0]) if is_proved else prove.number())


_LEASES = """
SELECT count(*) FILTER (WHERE lease_until >= now()), count(*) FILTER (WHERE lease_until < now())
FROM aiops_step WHERE lease_until IS NOT NULL AND state = 'running'
"""

# Steps of pools and runs that a person holds wait because he wants it.
_STALE = """
SELECT coalesce(max(extract(epoch FROM now() - due)), 0)::float8 FROM (
    SELECT run_id, lease_until AS due FROM aiops_step
    WHERE lease_until < now() AND state = 'running'
    UNION ALL
    SELECT run_id, wake_at FROM aiops_step
    WHERE wake_at < now() AND state IN ('waiting', 'retrying') AND map_id IS NULL
) s JOIN aiops_run r ON r.id = s.run_id
WHERE r.finished_at IS NULL AND r.paused_at IS NULL
"""


def leases(told: Samples) -> None:
    ((live, expired),) = _rows(_LEASES)
    told.add("aiops_leases", live, "live")
    told.add("aiops_leases", expired, "expired")
    ((stale_s,),) = _rows(_STALE)
    told.add("aiops_user_status_stale_seconds", max(0.0, stale_s - STALE_SLACK_S))


_OPEN_RUNS = f"SELECT state, count(*) FROM aiops_run WHERE state IN ({_OPEN}) GROUP BY state"
# Each arm reads an index that holds only what waits; one of all steps by state would cost every step.
_PARKED = f"""
SELECT w.reason, count(*), extract(epoch FROM now() - min(w.since))::float8 FROM (
    SELECT id, run_id, reason, since FROM aiops_step
    WHERE wake_at IS NOT NULL AND state IN ('waiting', 'retrying')
    UNION
    SELECT id, run_id, reason, since FROM aiops_step
    WHERE dispatch_due IS NOT NULL AND state = 'waiting' AND reason = 'items'
    UNION
    SELECT id, run_id, reason, since FROM aiops_step
    WHERE reason IN ('lane', 'budget') AND state = 'waiting'
    UNION
    SELECT s.id, s.run_id, s.reason, s.since FROM aiops_escalation e
    JOIN aiops_step s ON s.id = e.step_id
    WHERE e.state = 'open' AND s.state IN ('attention', 'waiting')
    UNION
    SELECT s.id, s.run_id, s.reason, s.since FROM aiops_run c
    JOIN aiops_step s ON s.id = c.parent_step_id
    WHERE c.state IN ({_OPEN}) AND s.state = 'waiting'
) w JOIN aiops_run r ON r.id = w.run_id AND r.finished_at IS NULL
GROUP BY w.reason
"""
_REASONS = ("retry", "lane", "budget", "items", "approval", "event", "timer", "child", "person")


def runs(told: Samples) -> None:
    found = dict(_rows(_OPEN_RUNS))
    for state in RunState.values:
        if state not in ENDED:
            told.add("aiops_runs_open", found.get(state, 0), state)
    parked = {reason: (number, age_s) for reason, number, age_s in _rows(_PARKED)}
    for reason in _REASONS:
        number, age_s = parked.get(reason, (0, 0.0))
        told.add("aiops_parked_steps", number, reason)
        told.add("aiops_parked_age_seconds", age_s, reason)


_NODES = """
SELECT role, extract(epoch FROM clock_timestamp() - max(seen_at))::float8,
    bool_or(is_leader AND seen_at > clock_timestamp() - make_interval(secs => %(silent_s)s)),
    coalesce(max(abs(skew_s)) FILTER (
        WHERE seen_at > clock_timestamp() - make_interval(secs => %(silent_s)s)), 0)
FROM aiops_node GROUP BY role
"""
_COUNTERS = """
SELECT key, sum(value::bigint)::bigint FROM aiops_node, jsonb_each_text(counters) GROUP BY key
"""


def nodes(told: Samples) -> None:
    found = {row[0]: row[1:] for row in _rows(_NODES, silent_s=SILENT_S)}
    told.add("aiops_keeper_leader", float(bool(found.get("keeper", (0, False))[1])))
    for role, (silent_s, _, skew_s) in found.items():
        told.add("aiops_node_silent_seconds", silent_s, role)
        told.most("aiops_clock_skew_seconds", skew_s)
    counters = {"repeated": 0, "leased": 0, "stale": 0, RESENT: 0, **dict(_rows(_COUNTERS))}
    told.add("aiops_messages_resent", counters.pop(RESENT))
    for cause, number in counters.items():
        told.add("aiops_messages_ignored", number, cause)


def lanes(told: Samples) -> None:
    waiting = lines()
    is_counted = True
    for lane in Lane.objects.order_by("name")[:MOST_LANES]:
        for state in LaneState.values:
            told.add("aiops_lane_state", float(lane.state == state), lane.name, state)
        line = waiting.get(lane.name)
        told.add("aiops_lane_waiting_steps", line.steps if line else 0, lane.name)
        is_counted &= _used(lane, told)
    told.add("aiops_lane_counted", float(is_counted))


def _used(lane: Lane, told: Samples) -> bool:
    """Tell what is used of a lane; False when nobody knows."""
    most = limits_of(lane)
    for what, limit in (
        ("requests", most.requests),
        ("tokens", most.tokens),
        ("concurrency", most.concurrency),
    ):
        if limit:
            told.add("aiops_lane_limit", limit, lane.name, what)
    use = limits.look(lane.name, most)
    if use.is_known:
        told.add("aiops_lane_in_flight", use.in_flight, lane.name)
        told.add("aiops_lane_used", use.requests, lane.name, "requests")
        told.add("aiops_lane_used", use.tokens, lane.name, "tokens")
    return use.is_known


_ASKED = """
SELECT kind, count(*), count(*) FILTER (WHERE due_at < now()),
    extract(epoch FROM now() - min(opened_at))::float8
FROM aiops_escalation WHERE state = 'open' GROUP BY kind
"""
_TELLING = """
SELECT channel, count(*), extract(epoch FROM now() - min(made_at))::float8
FROM aiops_notification WHERE state = 'waiting' GROUP BY channel
"""


def people(told: Samples) -> None:
    asked = {row[0]: row[1:] for row in _rows(_ASKED)}
    for kind in EscalationKind.values:
        number, overdue, age_s = asked.get(kind, (0, 0, 0.0))
        told.add("aiops_escalations_open", number, kind)
        told.add("aiops_escalations_overdue", overdue, kind)
        told.add("aiops_escalation_age_seconds", age_s, kind)
    waiting = {row[0]: row[1:] for row in _rows(_TELLING)}
    for channel in Channel.values:
        number, age_s = waiting.get(channel, (0, 0.0))
        told.add("aiops_notifications_waiting", number, channel)
        told.add("aiops_notification_age_seconds", age_s, channel)


def _rows(sql: str, **given: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, given or None)
        return list(cursor.fetchall())
