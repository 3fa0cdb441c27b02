"""What stands beside the answers about a run: its model calls, its budget, its like, the usual times."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

from aiops.admin.page.amounts import count
from aiops.admin.page.reading import MOST_ALIKE
from aiops.models import Run

#: The usual times are those of so many runs, and of so many items of a map in each.
USUAL_RUNS, USUAL_ITEMS = 20, 10


@dataclass(frozen=True, slots=True)
class Called:
    """The model calls of one step, its items' included."""

    models: tuple[str, ...]
    #: Sent and received; None: not known.
    tokens: int | None

    def told(self) -> Iterator[str]:
        yield from self.models
        if self.tokens is not None:
            yield count(self.tokens, "token")


@dataclass(frozen=True, slots=True)
class Aside:
    #: By the name of the step.
    called: Mapping[str, Called]
    #: What the run may cost; None: it has no limit of its own.
    budget_microusd: int | None
    #: How many other runs stand still with this error; MOST_ALIKE stands for more.
    alike: int
    #: What an attempt of each step (or of an item of it) usually takes.
    usual_s: Mapping[str, float]
    #: How many messages to programs outside there are about it, by their state.
    deliveries: Mapping[str, int]


# One query: the page has a budget of them. OFFSET 0 keeps the planner at the indexes.
_ASIDE = """
SELECT (
    SELECT jsonb_object_agg(step_name, told) FROM (
        SELECT step_name, jsonb_build_object(
            'models', array_remove(array_agg(DISTINCT model ORDER BY model), ''),
            'tokens', coalesce(sum(tokens_in) + coalesce(sum(tokens_out), 0), sum(tokens_out))
        ) AS told
        FROM aiops_modelcall WHERE run_id = %(run)s GROUP BY step_name
    ) AS calls
), (
    SELECT limit_microusd FROM aiops_budget WHERE scope = 'run' AND name = %(name)s AND day IS NULL
), (
    SELECT count(*) FROM (
        SELECT DISTINCT step.run_id
        FROM aiops_step AS step JOIN aiops_run AS run ON run.id = step.run_id
        WHERE %(fingerprint)s <> '' AND step.error ->> 'fingerprint' = %(fingerprint)s
            AND step.state IN ('failed', 'attention') AND step.item IS NULL
            AND run.state IN ('failed', 'attention') AND run.id <> %(run)s
        LIMIT %(most)s
    ) AS alike
), (
    SELECT jsonb_object_agg(name, took_s) FROM (
        SELECT step.name, coalesce(
            avg(attempt.took_s) FILTER (WHERE attempt.outcome = 'succeeded'), avg(attempt.took_s)
        ) AS took_s
        FROM (
            SELECT id FROM aiops_run
            WHERE workflow = %(workflow)s AND cardinality(%(steps)s::text[]) > 0
            ORDER BY created_at DESC LIMIT %(runs)s
        ) AS recent
        CROSS JOIN LATERAL (
            SELECT id, name FROM aiops_step
            WHERE run_id = recent.id AND name = ANY(%(steps)s::text[]) AND item IS NULL
            UNION ALL
            SELECT id, name FROM aiops_step
            WHERE run_id = recent.id AND name = ANY(%(steps)s::text[]) AND item < %(items)s
            OFFSET 0
        ) AS step
        CROSS JOIN LATERAL (
            SELECT outcome, extract(epoch FROM finished_at - started_at) AS took_s
            FROM aiops_attempt WHERE step_id = step.id OFFSET 0
        ) AS attempt
        GROUP BY step.name
    ) AS usual
), (
    SELECT jsonb_object_agg(state, number) FROM (
        SELECT state, count(*) AS number FROM aiops_webhookdelivery
        WHERE run_id = %(run)s GROUP BY state
    ) AS sent
)
"""


def aside(run: Run, fingerprint: str, steps: Sequence[str]) -> Aside:
    """Read it; the usual times are those of these steps."""
    given: dict[str, Any] = {
        "run": run.id,
        "name": str(run.id),
        "workflow": run.workflow,
        "fingerprint": fingerprint,
        "most": MOST_ALIKE,
        "steps": list(steps),
        "runs": USUAL_RUNS,
        "items": USUAL_ITEMS,
    }
    with connection.cursor() as cursor:
        cursor.execute(_ASIDE, given)
        found = cursor.fetchone() or (None, None, 0, None, None)
    called, budget, alike, usual, deliveries = found
    return Aside(
        called={name: _called(told) for name, told in _json(called).items()},
        budget_microusd=budget,
        alike=alike,
        usual_s={name: float(took_s) for name, took_s in _json(usual).items()},
        deliveries=_json(deliveries),
    )


def _called(told: Mapping[str, Any]) -> Called:
    return Called(tuple(told["models"]), told["tokens"])


def _json(found: Any) -> dict[str, Any]:
    """What a raw query brings of JSON: text, or nothing."""
    if found is None:
        return {}
    read: dict[str, Any] = json.loads(found) if isinstance(found, str) else found
    return read
