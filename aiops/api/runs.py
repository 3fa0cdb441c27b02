"""Starting runs, and what a caller sees of them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Router, Schema, Status

from aiops.access.caller import Caller
from aiops.access.run_token import SEE
from aiops.api.auth import BearerOrToken, caller
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


@router.get("/{uuid:run_id}/status", auth=BearerOrToken(), response=dict)
def status(request: HttpRequest, run_id: UUID) -> dict[str, Any]:
    """What the user sees of a run."""
    who = caller(request, Scope.START, Scope.READ, SEE)
    return user_view(_run(who, run_id))


def _run(who: Caller, run_id: UUID) -> UUID:
    """The run, if it exists for this caller."""
    if not who.runs().filter(id=run_id).exists():
        raise not_found(f"There is no run {run_id} for this key.")
    return run_id
