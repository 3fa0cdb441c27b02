"""How the prompts of a workflow do, version by version: from its newest model calls, bounded."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.utils import timezone

#: Older calls are not looked at, and of the rest so many of the newest; so many prompts are shown.
DAYS = 30
MOST_CALLS = 5_000
MOST_PROMPTS = 30


@dataclass(frozen=True, slots=True)
class PromptNumbers:
    """What became of the calls that one version of one prompt was used for."""

    #: Name, version and hash of the text; "" for calls without one.
    template: str
    calls: int
    #: Attempts that used it, of those that have ended, and how many of them succeeded.
    attempts: int
    good: int
    #: Of all its calls; None: of some it is not known.
    cost_microusd: int | None
    first_at: datetime
    last_at: datetime

    @property
    def success(self) -> float | None:
        return self.good / self.attempts if self.attempts else None

    @property
    def cost_per_call(self) -> int | None:
        return None if self.cost_microusd is None else round(self.cost_microusd / self.calls)


# An attempt that used a prompt twice counts once.
_NUMBERS = """
WITH newest AS MATERIALIZED (
    SELECT step_id, attempt, template, cost_microusd, started_at FROM aiops_modelcall
    WHERE (workflow, started_at) >= (%(workflow)s, %(since)s)
        AND (workflow, started_at) <= (%(workflow)s, 'infinity')
        AND kind <> 'embed' AND outcome <> 'reused'
    ORDER BY workflow DESC, started_at DESC LIMIT %(most)s
), tried AS (
    SELECT used.template, count(*) AS attempts,
        count(*) FILTER (WHERE attempt.outcome = 'succeeded') AS good
    FROM (SELECT DISTINCT step_id, attempt, template FROM newest) AS used
    JOIN aiops_attempt attempt
        ON attempt.step_id = used.step_id AND attempt.number = used.attempt
    WHERE attempt.outcome NOT IN ('parked', 'cancelled')
    GROUP BY used.template
)
SELECT newest.template, count(*), coalesce(max(tried.attempts), 0), coalesce(max(tried.good), 0),
    CASE WHEN bool_and(cost_microusd IS NOT NULL) THEN sum(cost_microusd)::bigint END,
    min(started_at), max(started_at)
FROM newest LEFT JOIN tried USING (template)
GROUP BY newest.template ORDER BY max(started_at) DESC LIMIT %(prompts)s
"""


def of_workflow(name: str) -> list[PromptNumbers]:
    """The prompts that a workflow used lately, the last used first."""
    since = timezone.now() - timedelta(days=DAYS)
    given: dict[str, Any] = {
        "workflow": name,
        "since": since,
        "most": MOST_CALLS,
        "prompts": MOST_PROMPTS,
    }
    with connection.cursor() as cursor:
        cursor.execute(_NUMBERS, given)
        return [PromptNumbers(*row) for row in cursor.fetchall()]
