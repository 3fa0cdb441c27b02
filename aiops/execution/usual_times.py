"""How long a workflow usually takes, as the runs before a run have shown: what its user is told rests on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from django.core.cache import cache
from django.db import connection

from aiops.execution.user_status import GOOD
from aiops.flow.plan import Plan
from aiops.models import Run

#: With fewer finished runs nothing is said about time.
LEAST_RUNS = 20
#: Of the newest runs, so many are looked at, and so many of these that came to a good end.
_LOOKED_AT, _MOST_RUNS = 500, 100
#: Fewer answers of people say nothing.
_LEAST_ANSWERS = 5
_DAYS = 30
#: Runs that began within the same such time share their history.
_BUCKET_S = 600
_KEPT_S = 3600


@dataclass(frozen=True, slots=True)
class History:
    """What is usual. Empty where too little is known."""

    runs: int = 0
    #: Of whole runs, from being accepted to the end.
    p50_s: float | None = None
    p90_s: float | None = None
    #: What half of each step's successes took at most, maps and waits included.
    steps: Mapping[str, float] = field(default_factory=dict)
    #: Within what four of five approvals are given, by step; and other questions answered.
    answers: Mapping[str, float] = field(default_factory=dict)
    attention_s: float | None = None

    @property
    def is_known(self) -> bool:
        return self.runs >= LEAST_RUNS


NOTHING = History()

_QUERY = """
WITH newest AS MATERIALIZED (
    SELECT run.id, run.state, run.replay_of_id, run.finished_at,
        extract(epoch FROM run.finished_at - run.created_at) AS took_s
    FROM aiops_run run
    WHERE (run.workflow, run.created_at) >= (%(workflow)s, %(since)s)
        AND (run.workflow, run.created_at) < (%(workflow)s, %(before)s)
        AND run.version_id IN (
            SELECT id FROM aiops_workflowversion WHERE name = %(workflow)s AND version = %(version)s
        )
    ORDER BY run.workflow DESC, run.created_at DESC LIMIT %(looked_at)s
), good AS MATERIALIZED (
    SELECT * FROM newest
    WHERE state = ANY(%(good)s) AND finished_at < %(before)s AND replay_of_id IS NULL
    LIMIT %(most)s
), steps AS (
    SELECT step.name, step.kind, extract(epoch FROM step.finished_at - step.started_at) AS took_s
    FROM good CROSS JOIN LATERAL (
        SELECT name, kind, started_at, finished_at FROM aiops_step
        WHERE run_id = good.id AND item IS NULL AND state = 'succeeded' OFFSET 0
    ) AS step
)
SELECT 'runs', '', count(*),
    percentile_cont(0.5) WITHIN GROUP (ORDER BY took_s),
    percentile_cont(0.9) WITHIN GROUP (ORDER BY took_s)
FROM good
UNION ALL
SELECT kind, name, count(took_s),
    percentile_cont(0.5) WITHIN GROUP (ORDER BY took_s),
    percentile_cont(0.8) WITHIN GROUP (ORDER BY took_s)
FROM steps GROUP BY kind, name
UNION ALL
SELECT 'asked', '', count(*), NULL, percentile_cont(0.8) WITHIN GROUP (ORDER BY waited_s)
FROM newest CROSS JOIN LATERAL (
    SELECT extract(epoch FROM answered_at - opened_at) AS waited_s FROM aiops_escalation
    WHERE run_id = newest.id AND kind <> 'approval' AND answered_at < %(before)s
) AS asked
"""


def before_run(run: Run, plan: Plan) -> History:
    """What was known when a run was accepted.

    It does not change while the run is under way: nor, therefore, does the share of the whole that
    each of its steps has, and its progress cannot fall because others have finished meanwhile.
    """
    seconds = int(run.created_at.timestamp()) // _BUCKET_S * _BUCKET_S
    key = f"aiops:usual:{plan.workflow}:{plan.version}:{seconds}"
    found: History | None = cache.get(key)
    if found is None:
        found = _read(plan, datetime.fromtimestamp(seconds, UTC))
        cache.set(key, found, _KEPT_S)
    return found


def _read(plan: Plan, before: datetime) -> History:
    given = {
        "workflow": plan.workflow,
        "version": plan.version,
        "since": before - timedelta(days=_DAYS),
        "before": before,
        "looked_at": _LOOKED_AT,
        "most": _MOST_RUNS,
        "good": list(map(str, GOOD)),
    }
    with connection.cursor() as cursor:
        cursor.execute(_QUERY, given)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return _history(rows)


def _history(rows: list[tuple[Any, ...]]) -> History:
    by_kind = {row[0]: row for row in rows}
    _, _, runs, p50_s, p90_s = by_kind["runs"]
    _, _, asked, _, attention_s = by_kind["asked"]
    steps = [row for row in rows if row[0] not in ("runs", "asked")]
    return History(
        runs=runs,
        p50_s=_seconds(p50_s),
        p90_s=_seconds(p90_s),
        steps={row[1]: float(row[3]) for row in steps if row[3] is not None},
        answers={
            row[1]: float(row[4])
            for row in steps
            if row[0] == "approval" and row[2] >= _LEAST_ANSWERS
        },
        attention_s=_seconds(attention_s) if asked >= _LEAST_ANSWERS else None,
    )


def _seconds(found: Any) -> float | None:
    return None if found is None else float(found)
