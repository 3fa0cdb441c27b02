"""What a message says: a CloudEvent (1.0, structured JSON) about a run, without what the run is about."""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder

from aiops.execution.user_view import user_view
from aiops.execution.values import output
from aiops.models import Run, RunState, WebhookDelivery
from aiops.models.webhook_kinds import TEST

CONTENT_TYPE = "application/cloudevents+json"
#: Before every kind, as CloudEvents asks for: kinds of other systems may be named as ours.
PREFIX = "aiops."
#: A longer message goes without the run's result, and says where that is.
MOST_BYTES = 256 * 1024

_HAS_RESULT = (RunState.SUCCEEDED, RunState.PARTIAL)
_TOO_LARGE = "too large for a message: GET /api/v1/runs/{run}/result"


class NothingToTell(Exception):
    """What the message is about is not there any more."""


def body(one: WebhookDelivery, *, gives_result: bool) -> str:
    """The message as it is sent; raises NothingToTell.

    What was so when it happened comes from the delivery; `status` is what the user sees as of sending.
    """
    found = envelope(one)
    if not gives_result or one.kind.removeprefix("run.") not in _HAS_RESULT or one.run_id is None:
        return _dumps(found)
    full = _dumps(_with(found, result=output(Run.objects.get(id=one.run_id))))
    if len(full.encode()) <= MOST_BYTES:
        return full
    return _dumps(_with(found, result_omitted=_TOO_LARGE.format(run=one.run_id)))


def envelope(one: WebhookDelivery) -> dict[str, Any]:
    """The message without the run's result; raises NothingToTell."""
    found: dict[str, Any] = {
        "specversion": "1.0",
        "id": str(one.message_id),
        "source": f"{settings.AIOPS_BASE_URL}/",
        "type": f"{PREFIX}{one.kind}",
        "time": one.made_at.isoformat(),
        "datacontenttype": "application/json",
    }
    if one.run_id is None:
        return {**found, "data": {"test": one.kind == TEST}}
    try:
        status = user_view(one.run_id)
    except Run.DoesNotExist:
        raise NothingToTell("its run is not there any more") from None
    return {
        **found,
        "subject": str(one.run_id),
        # Extensions, lower case as the specification wants them. The sequence sorts as a text.
        "tenant": one.data.get("tenant", ""),
        "workflow": one.data.get("workflow", ""),
        "sequence": f"{one.event_id or 0:020d}",
        "data": {"run_id": str(one.run_id), **one.data, "status": status},
    }


def _with(found: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {**found, "data": {**found["data"], **more}}


def _dumps(value: Any) -> str:
    return json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False, separators=(",", ":"))
