"""A run as a JSON file: the five answers and the events; with its content for who may see it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse
from django.utils.cache import add_never_cache_headers

from aiops.admin.content import refuse_without_content
from aiops.execution import looking
from aiops.execution.answers import five_answers
from aiops.models import Event, Run

#: A run of a large map may have more; the file says so.
MOST_EVENTS = 5_000


def export(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """GET is without content. POST adds it, and is recorded as a look at it."""
    if request.method not in ("GET", "POST"):
        return HttpResponseNotAllowed(["GET", "POST"])
    with_content = request.method == "POST"
    if with_content:
        refuse_without_content(request)
    try:
        told = _told(run_id, request.user.get_username() if with_content else "")
    except Run.DoesNotExist:
        raise Http404(f"There is no run {run_id}") from None
    response = JsonResponse(told, json_dumps_params={"indent": 2, "ensure_ascii": False})
    response["Content-Disposition"] = f'attachment; filename="run-{run_id}.json"'
    add_never_cache_headers(response)
    return response


@transaction.atomic
def _told(run_id: UUID, reader: str) -> dict[str, Any]:
    """What is written; `reader` is who sees the content, "" for nobody."""
    content = dict(looking.at_whole_run(run_id, reader).values) if reader else None
    rows = Event.objects.filter(run=run_id).order_by("id")
    events = list(rows.values("id", "kind", "step", "actor", "data", "at")[: MOST_EVENTS + 1])
    return {
        "answers": five_answers(run_id),
        "events": events[:MOST_EVENTS],
        "has_more_events": len(events) > MOST_EVENTS,
        **({"content": content} if content is not None else {}),
    }
