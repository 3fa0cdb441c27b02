"""How workflows do, from their newest runs: every query is bounded, whatever the record holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.utils import timezone

from aiops.models import RunState
from aiops.models.run import ENDED

#: Older runs are not looked at.
DAYS = 30
#: Of each workflow, so many of the newest runs are looked at: in the list, and on its own page.
LISTED_RUNS, SHOWN_RUNS = 300, 2_000
#: Steps are looked at in so many of them.
STEP_RUNS = 500
#: Runs are counted up to here.
MOST_COUNTED = 10_000
#: Costs are added up over so many attempts; what has more is not known.
LISTED_ATTEMPTS, SHOWN_ATTEMPTS = 5_000, 50_000

_GOOD = [str(RunState.SUCCEEDED), str(RunState.PARTIAL)]


@dataclass(frozen=True, slots=True)
class Numbers:
    """What became of some runs."""

    runs: int
    good: int
    failed: int
    cancelled: int
    #: From being accepted to the end, of those that succeeded.
    p50_s: float | None
    p95_s: float | None
    first_at: datetime
    last_at: datetime
    #: Runs in which somebody was asked who should not have been needed: approvals do not count.
    escalated: int
    #: Of all attempts together; None: not known.
    cost_microusd: int | None

    @property
    def success(self) -> float | None:
        """Share of those that came to an end of their own; None when none did."""
        ended = self.good + self.failed
        return self.good / ended if ended else None

    @property
    def escalation_rate(self) -> float | None:
        return self.escalated / self.runs if self.runs else None

    @property
    def cost_per_success(self) -> int | None:
        """What was spent, the failed ones included, for each run that succeeded."""
        if self.cost_microusd is None or not self.good:
            return None
        return round(self.cost_microusd / self.good)


@dataclass(frozen=True, slots=True)
class Count:
    """How many runs were accepted; MOST_COUNTED stands for more."""

    week: int
    month: int


@dataclass(frozen=True, slots=True)
class StepNumbers:
    """What became of one step, its items not counted."""

    p50_s: float | None
    p95_s: float | None
    #: Attempts that failed, were lost or ran out of time; and attempts after the first.
    failures: int
    retries: int
    escalations: int
    cost_microusd: int | None


# Compared as rows: an equation and a time would let the planner walk through the runs of all
# workflows by their time alone.
_NEWEST = """
    SELECT run.*
    FROM unnest(%(names)s::text[]) AS named(workflow)
    CROSS JOIN LATERAL (
        SELECT id, {key}::text AS key, state, created_at, finished_at
        FROM aiops_run
        WHERE (workflow, created_at) >= (named.workflow, %(since)s)
            AND (workflow, created_at) <= (named.workflow, 'infinity')
        ORDER BY workflow DESC, created_at DESC LIMIT %(runs)s
    ) AS run
"""

# OFFSET 0 keeps the planner from reading the whole table instead of a few places of its index.
_NUMBERS = """
WITH newest AS MATERIALIZED ({newest}),
asked AS (
    SELECT newest.key, count(*) AS escalated
    FROM newest CROSS JOIN LATERAL (
        SELECT 1 FROM aiops_escalation
        WHERE run_id = newest.id AND kind <> 'approval' LIMIT 1
    ) AS one
    GROUP BY newest.key
),
paid AS (
    SELECT keys.key, sum(added.cost) AS cost, count(added.key) AS attempts
    FROM (SELECT DISTINCT key FROM newest) AS keys
    CROSS JOIN LATERAL (
        SELECT newest.key, attempt.cost_microusd AS cost
        FROM newest
        CROSS JOIN LATERAL (
            SELECT id FROM aiops_step WHERE run_id = newest.id OFFSET 0
        ) AS step
        CROSS JOIN LATERAL (
            SELECT cost_microusd FROM aiops_attempt WHERE step_id = step.id OFFSET 0
        ) AS attempt
        WHERE newest.key = keys.key
        LIMIT %(attempts)s
    ) AS added
    GROUP BY keys.key
)
SELECT newest.key, count(*),
    count(*) FILTER (WHERE state = ANY(%(good)s)),
    count(*) FILTER (WHERE state = 'failed'),
    count(*) FILTER (WHERE state = 'cancelled'),
    percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM finished_at - created_at))
        FILTER (WHERE state = ANY(%(good)s)),
    percentile_cont(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM finished_at - created_at))
        FILTER (WHERE state = ANY(%(good)s)),
    min(created_at), max(created_at),
    coalesce(max(asked.escalated), 0),
    CASE WHEN max(paid.attempts) < %(attempts)s THEN max(paid.cost) END
FROM newest LEFT JOIN asked USING (key) LEFT JOIN paid USING (key)
GROUP BY newest.key
"""

_COUNTS = """
SELECT named.workflow, counted.week, counted.month
FROM unnest(%(names)s::text[]) AS named(workflow)
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE created_at >= %(week)s) AS week, count(*) AS month
    FROM (
        SELECT created_at FROM aiops_run
        WHERE (workflow, created_at) >= (named.workflow, %(since)s)
            AND (workflow, created_at) <= (named.workflow, 'infinity')
        ORDER BY workflow DESC, created_at DESC LIMIT %(most)s
    ) AS newest
) AS counted
"""

_OPEN = """
SELECT workflow, count(*) FROM (
    SELECT workflow FROM aiops_run WHERE state = ANY(%(open)s) LIMIT %(most)s
) AS open GROUP BY workflow
"""

_STEPS = """
WITH newest AS MATERIALIZED ({newest}),
steps AS MATERIALIZED (
    SELECT step.*
    FROM newest CROSS JOIN LATERAL (
        SELECT id, name, state, extract(epoch FROM finished_at - started_at) AS took_s
        FROM aiops_step
        WHERE run_id = newest.id AND name = ANY(%(steps)s) AND item IS NULL OFFSET 0
    ) AS step
),
tried AS (
    SELECT steps.name, count(*) AS attempts, count(DISTINCT steps.id) AS steps,
        count(*) FILTER (WHERE outcome IN ('failed', 'lost', 'timed_out')) AS failures,
        sum(cost_microusd) AS cost
    FROM steps CROSS JOIN LATERAL (
        SELECT outcome, cost_microusd FROM aiops_attempt WHERE step_id = steps.id OFFSET 0
    ) AS attempt
    GROUP BY steps.name
),
asked AS (
    SELECT steps.name, count(*) AS escalations
    FROM steps CROSS JOIN LATERAL (
        SELECT 1 FROM aiops_escalation
        WHERE step_id = steps.id AND kind <> 'approval' OFFSET 0
    ) AS one
    GROUP BY steps.name
)
SELECT steps.name,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY took_s) FILTER (WHERE state = 'succeeded'),
    percentile_cont(0.95) WITHIN GROUP (ORDER BY took_s) FILTER (WHERE state = 'succeeded'),
    coalesce(max(tried.failures), 0),
    coalesce(max(tried.attempts) - max(tried.steps), 0),
    coalesce(max(asked.escalations), 0),
    max(tried.cost)
FROM steps LEFT JOIN tried USING (name) LEFT JOIN asked USING (name)
GROUP BY steps.name
"""


def of_workflows(names: Sequence[str]) -> dict[str, Numbers]:
    """How each workflow does; one without a run in the last days is not there."""
    return _numbers(names, "workflow", LISTED_RUNS, LISTED_ATTEMPTS)


def of_versions(name: str) -> dict[int, Numbers]:
    """How each version of a workflow does among its newest runs, by the version's id."""
    found = _numbers([name], "version_id", SHOWN_RUNS, SHOWN_ATTEMPTS)
    return {int(key): numbers for key, numbers in found.items()}


def of_steps(name: str, steps: Sequence[str]) -> dict[str, StepNumbers]:
    """How these steps of a workflow do."""
    query = _STEPS.format(newest=_NEWEST.format(key="workflow"))
    given = {"names": [name], "since": since(), "runs": STEP_RUNS, "steps": list(steps)}
    return {row[0]: _step_numbers(row[1:]) for row in _rows(query, given)}


def counts(names: Sequence[str]) -> dict[str, Count]:
    """How many runs each workflow had in the last week, and in the last DAYS."""
    week = timezone.now() - timedelta(days=7)
    given = {"names": list(names), "since": since(), "week": week, "most": MOST_COUNTED}
    return {row[0]: Count(row[1], row[2]) for row in _rows(_COUNTS, given)}


def open_runs() -> dict[str, int]:
    """How many runs of each workflow have not ended."""
    states = [state for state in RunState.values if state not in ENDED]
    return dict(_rows(_OPEN, {"open": states, "most": 10 * MOST_COUNTED}))


def since() -> datetime:
    """The beginning of the days that are looked at."""
    return timezone.now() - timedelta(days=DAYS)


def _numbers(names: Sequence[str], key: str, runs: int, attempts: int) -> dict[str, Numbers]:
    given = {
        "names": list(names),
        "since": since(),
        "runs": runs,
        "attempts": attempts,
        "good": _GOOD,
    }
    query = _NUMBERS.format(newest=_NEWEST.format(key=key))
    found = {}
    for row in _rows(query, given):
        told = dict(zip(Numbers.__dataclass_fields__, row[1:], strict=True))
        found[row[0]] = Numbers(**{**told, "cost_microusd": _whole(row[-1])})
    return found


def _step_numbers(row: Sequence[Any]) -> StepNumbers:
    told = dict(zip(StepNumbers.__dataclass_fields__, row, strict=True))
    return StepNumbers(**{**told, "cost_microusd": _whole(row[-1])})


def _whole(amount: Any) -> int | None:
    """A sum, which the database gives as a decimal number."""
    return None if amount is None else int(amount)


def _rows(query: str, given: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, given)
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found
