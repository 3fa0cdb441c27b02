"""Writing the rows of steps and items: one statement each, whatever their number."""

# ruff: noqa: S608  # built from the constants below; every value is bound

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import connection

from aiops.execution.payloads import dumps
from aiops.flow.plan import Plan, PlanNode
from aiops.models.ids import new_id

# The columns that are the same for every new row come last.
_FRESH = """since, dispatches, epoch, fence, worker, task_id, tries, losses, history, in_doubt,
    result_ref"""
_FRESH_VALUES = "clock_timestamp(), 0, 0, 0, '', '', 0, 0, '{}', FALSE, ''"

_INSERT_STEPS = f"""
INSERT INTO aiops_step (id, run_id, name, kind, pool, effect, state, reason, {_FRESH})
SELECT t.id, %(run)s, t.name, t.kind, t.pool, t.effect, 'pending', '', {_FRESH_VALUES}
FROM unnest(%(ids)s::uuid[], %(names)s::text[], %(kinds)s::text[], %(pools)s::text[],
    %(effects)s::text[]) AS t (id, name, kind, pool, effect)
"""

_INSERT_ITEMS = f"""
INSERT INTO aiops_step (id, run_id, map_id, item, item_value, name, kind, pool, effect, state,
    reason, {_FRESH})
SELECT t.id, %(run)s, %(map)s, t.item - 1, t.value::jsonb, %(name)s, 'item', %(pool)s, %(effect)s,
    'queued', 'message', {_FRESH_VALUES}
FROM unnest(%(ids)s::uuid[], %(values)s::text[]) WITH ORDINALITY AS t (id, value, item)
ON CONFLICT (map_id, item) WHERE map_id IS NOT NULL DO UPDATE SET
    item_value = excluded.item_value, state = 'queued', reason = 'message', since = excluded.since,
    epoch = aiops_step.epoch + 1, tries = 0, losses = 0, history = '{{}}', in_doubt = FALSE,
    error = NULL, result = NULL, result_ref = '', wake_at = NULL, finished_at = NULL
"""


def insert_steps(run_id: UUID, plan: Plan) -> dict[str, UUID]:
    """Write a pending row for each node of a plan; returns their ids by name."""
    ids = {node.name: new_id() for node in plan.nodes}
    with connection.cursor() as cursor:
        cursor.execute(
            _INSERT_STEPS,
            {
                "run": run_id,
                "ids": list(ids.values()),
                "names": list(ids),
                "kinds": [node.kind for node in plan.nodes],
                "pools": [node.pool for node in plan.nodes],
                "effects": [node.effect for node in plan.nodes],
            },
        )
    return ids


def insert_items(run_id: UUID, map_id: UUID, node: PlanNode, items: Sequence[Any]) -> None:
    """Write a queued row for each item of a map; one that is there already begins again."""
    with connection.cursor() as cursor:
        cursor.execute(
            _INSERT_ITEMS,
            {
                "run": run_id,
                "map": map_id,
                "name": node.name,
                "pool": node.pool,
                "effect": node.effect,
                "ids": [new_id() for _ in items],
                "values": [dumps(item) for item in items],
            },
        )
