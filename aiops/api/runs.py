"""Starting runs, and what a caller sees of them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Router, Schema, Status

from aiops.access.run_token import SEE
from aiops.api.auth import BearerOrToken, caller
from aiops.api.etag import unchanged
from aiops.api.problems import Problem, not_found
from aiops.execution.start import StartRefused, start_run
from aiops.execution.user_view import user_view
from aiops.flow.refusals import WorkflowError
from aiops.models import Scope

router = Router(tags=["runs"])


class Start(Schema):
    """What a run is started with."""

    workflow: str
    input: dict[str, Any]
    key: str | None = None
    tenant: str | None = None


@router.post("", response={202: dict, 200: dict})
def start(request: HttpRequest, body: Start) -> Any:
    """Start a run. Accepted means durable."""
    who = caller(request, Scope.START)
    tenant = body.tenant or who.tenant or "default"
    if not who.serves(tenant):
        raise Problem(403, "other-tenant", "The key is another tenant's", "Leave `tenant` out.")
    try:
        run = start_run(
            body.workflow, body.input, key=body.key, tenant=tenant, started_by=who.actor
        )
    except (StartRefused, WorkflowError) as error:
        raise Problem(422, "not-started", "The run was not started", str(error)) from None
    return Status(202 if run.is_new else 200, {"run_id": str(run.id), "is_new": run.is_new})


@router.get("/{uuid:run_id}/status", auth=BearerOrToken(), response={200: dict, 304: None})
def status(request: HttpRequest, run_id: UUID, response: HttpResponse) -> Any:
    """What the user sees of a run; 304 while it is what the ETag in If-None-Match stands for."""
    who = caller(request, Scope.START, Scope.READ, SEE)
    version = unchanged(request, run_id, among=who.runs())
    if version is None:
        raise not_found(f"There is no run {run_id} for this key.")
    response["ETag"] = version.etag
    response["Cache-Control"] = "private, no-cache"
    if version.is_known:
        return Status(304, None)
    return user_view(run_id, language=version.language)
