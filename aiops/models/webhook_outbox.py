"""The outbox: an event and the messages that tell programs outside of it, in one statement."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection

# The event is written whether or not anybody wants to hear of it. Runs that another run has started
# are its own affair: who is told of that one sees them as its steps.
_TELL = """
WITH told AS (
    INSERT INTO aiops_event (run_id, step, kind, actor, data)
    VALUES (%(run)s::uuid, %(step)s::uuid, %(kind)s, %(actor)s, %(data)s::jsonb)
    RETURNING id, at
)
INSERT INTO aiops_webhookdelivery (
    message_id, endpoint_id, run_id, event_id, kind, data, state, tries, next_at, made_at,
    error, excerpt, attempts
)
SELECT gen_random_uuid(), endpoint.id, run.id, told.id, %(public)s,
    jsonb_build_object(
        'workflow', run.workflow, 'tenant', run.tenant, 'key', run.key, 'title', run.title,
        'state', run.state
    ) || %(more)s::jsonb,
    'waiting', 0, told.at, told.at, '', '', '[]'::jsonb
FROM told
CROSS JOIN aiops_webhookendpoint AS endpoint
JOIN aiops_run AS run ON run.id = %(run)s::uuid
WHERE endpoint.state <> 'removed'
    AND run.parent_step_id IS NULL
    AND endpoint.tenant IN ('', run.tenant)
    AND (endpoint.kinds = '[]'::jsonb OR endpoint.kinds @> to_jsonb(%(public)s::text))
    AND (endpoint.workflows = '[]'::jsonb OR endpoint.workflows @> to_jsonb(run.workflow::text))
"""

#: What receivers are told of a question: never its text, which may quote what the run is about.
_OF_A_QUESTION: Mapping[str, str] = {
    "escalation": "id",
    "about": "kind",
    "severity": "severity",
    "answer": "answer",
}


def tell(
    run_id: UUID, kind: str, *, public: str, step: UUID | None, actor: str, data: Mapping[str, Any]
) -> None:
    """Append an event, and a message for each endpoint that wants its kind, tenant and workflow."""
    given = {
        "run": str(run_id),
        "step": str(step) if step else None,
        "kind": kind,
        "actor": actor,
        "data": json.dumps(dict(data), cls=DjangoJSONEncoder),
        "public": public,
        "more": json.dumps(_more(public, data)),
    }
    with connection.cursor() as cursor:
        cursor.execute(_TELL, given)


def _more(public: str, data: Mapping[str, Any]) -> dict[str, Any]:
    if not public.startswith("escalation."):
        return {}
    told = {name: data[given] for given, name in _OF_A_QUESTION.items() if data.get(given)}
    return {"escalation": told}
