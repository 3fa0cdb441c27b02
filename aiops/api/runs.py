"""Starting runs, listing them, and what a user sees of one."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Query, Router, Status

from aiops.access import run_token
from aiops.access.caller import Caller
from aiops.access.run_token import SEE
from aiops.api import listing
from aiops.api.auth import BearerOrToken, caller
from aiops.api.document import problems
from aiops.api.etag import unchanged
from aiops.api.found import run_of
from aiops.api.language import language_of
from aiops.api.links import links_of, status_path
from aiops.api.problems import not_found, of
from aiops.api.schemas import UserView
from aiops.api.schemas_runs import RunPage, Start, Started, Token, TokenMade, Usual, WouldStart
from aiops.api.texts import Cursor, IdempotencyKey, Limit
from aiops.api.workflows import steps_of
from aiops.execution.promises import promise
from aiops.execution.start import KeyTaken, StartRefused, foresee, start_run
from aiops.execution.user_view import user_view
from aiops.execution.usual import usual
from aiops.flow.refusals import WorkflowError
from aiops.models import Scope

router = Router(tags=["runs"])

_VERSION = {"headers": {"ETag": {"schema": {"type": "string"}, "description": "Its version."}}}
_PLACE = {"headers": {"Location": {"schema": {"type": "string"}, "description": "Its status."}}}


@router.post(
    "",
    response={202: Started, 200: Started | WouldStart},
    openapi_extra={"responses": {**problems(409)["responses"], 202: _PLACE}},
)
def start(
    request: HttpRequest,
    body: Start,
    response: HttpResponse,
    idempotency_key: IdempotencyKey = None,
) -> Any:
    """Start a run (scope start).

    202 means that it is durable: it will run, whatever becomes of this machine. 200 means that its
    key has a run already (the same start sent twice), or that this was a dry run. The header
    `Idempotency-Key` is another way to give `key`.
    """
    who = caller(request, Scope.START)
    options = _options(who, body, idempotency_key)
    try:
        if body.dry_run:
            return Status(200, _foreseen(who, body, options))
        run_id, is_new = _started(body, options, language_of(request))
    except KeyTaken as error:
        raise of("key-taken", f"{error}.") from None
    except (StartRefused, WorkflowError) as error:
        raise of("not-started", f"{error}.") from None
    response["Location"] = status_path(run_id)
    told = Started(run_id=run_id, is_new=is_new, links=links_of(run_id))
    return Status(202 if is_new else 200, told)


@router.get("", response=RunPage)
def list_runs(
    request: HttpRequest,
    wanted: Annotated[listing.Wanted, Query()],
    cursor: Cursor = None,
    limit: Limit = 50,
) -> RunPage:
    """Your runs, the newest first (scope read). Runs that begin meanwhile move no page."""
    who = caller(request, Scope.READ)
    return listing.page(who.runs(), wanted, cursor, limit)


@router.get(
    "/{run_id}/status",
    auth=BearerOrToken(),
    response={200: UserView, 304: None},
    exclude_unset=True,
    openapi_extra={"responses": {200: _VERSION}},
)
def status(request: HttpRequest, run_id: UUID, response: HttpResponse) -> Any:
    """What the user sees of a run (scope start or read, or a token of the run).

    304 while that is what the ETag in If-None-Match stands for.
    """
    who = caller(request, Scope.START, Scope.READ, SEE)
    version = unchanged(request, run_id, among=who.runs())
    if version is None:
        raise not_found(f"There is no run {run_id} for this key.")
    response["ETag"] = version.etag
    response["Cache-Control"] = "private, no-cache"
    if version.is_known:
        return Status(304, None)
    return user_view(run_id, language=version.language)


@router.post("/{run_id}/token", response=TokenMade)
def make_token(request: HttpRequest, run_id: UUID, body: Token) -> TokenMade:
    """A signed token of one run for a browser, and the address of its page (scope start)."""
    who = caller(request, Scope.START)
    run = run_of(who, run_id)
    lasts = timedelta(seconds=body.lasts_s)
    token = run_token.sign(run.id, allows=body.allows, lasts=lasts)
    return TokenMade(
        token=token,
        allows=sorted(set(body.allows)),
        expires_at=timezone.now() + lasts,
        links=links_of(run.id, token),
    )


def _options(who: Caller, body: Start, header: str | None) -> dict[str, Any]:
    """The options of the start; what the caller may not say is refused."""
    if header and body.key and header != body.key:
        raise of(
            "keys-differ",
            "`key` and the header Idempotency-Key name the same thing: send one of them.",
        )
    tenant = body.tenant or who.tenant or "default"
    if not who.serves(tenant):
        raise of("other-tenant", "Leave `tenant` out.")
    given = body.model_dump(include={"title", "priority", "metadata", "deadline_at", "if_exists"})
    return {**given, "key": body.key or header, "tenant": tenant, "started_by": who.actor}


@transaction.atomic
def _started(body: Start, options: dict[str, Any], language: str) -> tuple[UUID, bool]:
    """The run and its promise: both, or neither."""
    run = start_run(body.workflow, body.input, **options)
    if body.notify_email is not None:
        promise(run.id, email=body.notify_email, language=language)
    return run.id, run.is_new


def _foreseen(who: Caller, body: Start, options: dict[str, Any]) -> WouldStart:
    found = foresee(body.workflow, body.input, **options)
    plan = found.workflow.plan
    mine = who.runs().filter(tenant=options["tenant"], workflow=plan.workflow)
    lately = usual(mine)
    return WouldStart(
        dry_run=True,
        would=found.would,
        run_id=found.run.id if found.run else None,
        workflow=plan.workflow,
        workflow_version=plan.version,
        steps=steps_of(plan),
        usual=Usual(runs=lately.runs, lasts_s=lately.lasts_s, cost_microusd=lately.cost_microusd),
    )
