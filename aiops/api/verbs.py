"""What can be done about a run: the same plans as in the console, and the same door behind them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from ninja import Router

from aiops.access.caller import Caller
from aiops.access.run_token import CANCEL
from aiops.api import once as requests
from aiops.api.auth import BearerOrToken, caller
from aiops.api.document import problems
from aiops.api.found import refuse_unknown_step, run_of
from aiops.api.plans_told import moved_on, not_possible, refuse, told
from aiops.api.problems import of
from aiops.api.schemas_verbs import Cancel, Done, RetryWanted, Skip, Supply
from aiops.api.texts import DryRun, IdempotencyKey, NameInPath
from aiops.execution import resume
from aiops.execution.carry_out import Given, Stale, carry_out
from aiops.execution.planned import Plan
from aiops.execution.plans import plan
from aiops.execution.resume import NotPossible, Unfit
from aiops.flow.errors import StepError
from aiops.flow.refusals import WorkflowError
from aiops.models import Run, RunState, Scope

router = Router(tags=["verbs"])

_EXTRA = {
    "responses": {
        **problems(409)["responses"],
        200: {"headers": requests.HEADERS},
    }
}

#: What is kept where somebody who stops a run does not say why.
_BY_THE_USER, _UNSAID = "The user cancelled it.", "No reason was given."


@router.post("/{run_id}/cancel", auth=BearerOrToken(), response=Done, openapi_extra=_EXTRA)
def cancel(
    request: HttpRequest,
    run_id: UUID,
    body: Cancel,
    response: HttpResponse,
    dry_run: DryRun = False,
    idempotency_key: IdempotencyKey = None,
) -> Any:
    """Stop a run (scope operate, or a token of the run that allows it).

    What is done is kept. A running step is asked to stop, and made to after a while. Cancelling a
    run that is cancelled already changes nothing.
    """
    who = caller(request, Scope.OPERATE, CANCEL)
    if who.run_id is not None and body.now:
        raise of("scope-missing", "Leave `now` out: it stops soon.")
    reason = body.reason.strip() or (_BY_THE_USER if who.run_id is not None else _UNSAID)
    wanted = _Wanted("cancel_now" if body.now else "cancel", reason, body.version)
    return _do(request, response, _Asked(who, run_id, dry_run, idempotency_key), wanted)


@router.post("/{run_id}/retry", response=Done, openapi_extra=_EXTRA)
def retry(
    request: HttpRequest,
    run_id: UUID,
    body: RetryWanted,
    response: HttpResponse,
    dry_run: DryRun = False,
    idempotency_key: IdempotencyKey = None,
) -> Any:
    """Run what has failed again; what succeeded is kept (scope operate).

    Refused where the verdict is "check" or "unsafe": the problem says what to do instead.
    """
    who = caller(request, Scope.OPERATE)
    if body.step is not None and body.from_step is not None:
        raise of(
            "two-aims",
            "`step` retries one step, `from_step` everything from a step on: send one of them.",
        )
    verb = "retry_step" if body.step else "retry_from" if body.from_step else "retry"
    wanted = _Wanted(verb, body.reason, body.version, step=body.step or body.from_step)
    return _do(request, response, _Asked(who, run_id, dry_run, idempotency_key), wanted)


@router.post("/{run_id}/steps/{name}/skip", response=Done, openapi_extra=_EXTRA)
def skip(
    request: HttpRequest,
    run_id: UUID,
    name: NameInPath,
    body: Skip,
    response: HttpResponse,
    dry_run: DryRun = False,
    idempotency_key: IdempotencyKey = None,
) -> Any:
    """Leave a step out; the steps after it start without its result (scope operate)."""
    who = caller(request, Scope.OPERATE)
    wanted = _Wanted("skip", body.reason, body.version, step=name)
    return _do(request, response, _Asked(who, run_id, dry_run, idempotency_key), wanted)


@router.post("/{run_id}/steps/{name}/supply", response=Done, openapi_extra=_EXTRA)
def supply(
    request: HttpRequest,
    run_id: UUID,
    name: NameInPath,
    body: Supply,
    response: HttpResponse,
    dry_run: DryRun = False,
    idempotency_key: IdempotencyKey = None,
) -> Any:
    """Give a step's result by hand, or mark it as done (scope operate)."""
    who = caller(request, Scope.OPERATE)
    wanted = _Wanted("supply", body.reason, body.version, step=name, result=body.result)
    return _do(request, response, _Asked(who, run_id, dry_run, idempotency_key), wanted)


@dataclass(frozen=True, slots=True)
class _Asked:
    """Who asks, about which run, and how."""

    who: Caller
    run_id: UUID
    is_dry: bool
    key: str | None


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What is to be done."""

    verb: str
    reason: str
    version: str | None
    step: str | None = None
    result: Any = None


def _do(request: HttpRequest, response: HttpResponse, asked: _Asked, wanted: _Wanted) -> Any:
    run = run_of(asked.who, asked.run_id, "state", "version_id", "cancel_requested_at")
    if wanted.step is not None:
        refuse_unknown_step(run, wanted.step)
    if asked.is_dry:
        shown = plan(run.id, wanted.verb, step=wanted.step)
        return _told(run, shown, is_done=False)
    act = lambda: _carried_out(run, asked.who, wanted)  # noqa: E731  # once() decides if it is
    return requests.once(request, response, asked.who, asked.key, act)


def _carried_out(run: Run, who: Caller, wanted: _Wanted) -> Done:
    """Do it under the run's lock, so that nothing moves between the plan and the deed."""
    with transaction.atomic():
        run = resume.locked(run.id)
        shown = plan(run.id, wanted.verb, step=wanted.step)
        if wanted.verb == "cancel" and _is_stopping(run):
            return _told(run, shown, is_done=False)
        if who.run_id is not None and run.state == RunState.FAILED:
            # It waits for our team, who may yet bring it back: no user takes that away.
            raise of("not-possible", "It has stopped by itself: there is nothing to cancel.")
        if wanted.version is not None and wanted.version != shown.fingerprint:
            raise moved_on(shown)
        refuse(shown, reason=wanted.reason)
        given = Given(
            actor=who.actor,
            fingerprint=shown.fingerprint,
            reason=wanted.reason.strip(),
            result=wanted.result,
        )
        carry_out_or_say_why(shown, given, step=wanted.step)
        return _told(Run.objects.only("state").get(id=run.id), shown, is_done=True)


def carry_out_or_say_why(shown: Plan, given: Given, *, step: str | None = None) -> None:
    """Carry out a plan under the run's lock; what stands in the way is a Problem."""
    asked = shown.escalation
    try:
        carry_out(
            shown.run_id,
            shown.verb,
            given,
            step=step,
            escalation=None if asked is None else asked.id,
        )
    except Unfit as error:
        raise of("result-unfit", f"{error}.") from None
    except Stale as stale:
        raise moved_on(stale.fresh) from None
    except (NotPossible, WorkflowError, StepError) as error:
        raise not_possible(shown, f"{error}.") from None


def _is_stopping(run: Run) -> bool:
    """Whether a cancellation has come before."""
    return run.state == RunState.CANCELLED or (
        run.cancel_requested_at is not None and not run.is_ended
    )


def _told(run: Run, shown: Plan, *, is_done: bool) -> Done:
    return Done(run_id=run.id, verb=shown.verb, is_done=is_done, state=run.state, plan=told(shown))
