"""The door for other programs: plain data in, plain data out, errors that say what to do.

`docs/celery-messages.md` is the contract. What it says of a version never changes: answers only ever
get more, and what is taken stays taken.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from inspect import signature
from typing import Any
from uuid import UUID

from pydantic import ConfigDict, ValidationError, validate_call

from aiops.execution import cloud_event
from aiops.execution.answers import five_answers
from aiops.execution.cancel import cancel as cancel_run
from aiops.execution.cloud_event import WrongEvent
from aiops.execution.receive import take_in
from aiops.execution.resume import NotPossible
from aiops.execution.start import StartRefused, foresee, start_run
from aiops.execution.what_became import told
from aiops.flow.errors import StepError
from aiops.flow.refusals import WorkflowError
from aiops.models import Run

#: The version of the contract that is spoken here; a message that names none means the first.
VERSION = 1

Answer = dict[str, Any]


def answer(message: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Answer:
    """Do what a message says. What is wrong with it comes back as data: it is not worth a retry."""
    given = dict(kwargs)
    version = given.pop("v", VERSION)
    if isinstance(version, bool) or version != VERSION:
        told = f"version {VERSION} of the messages is spoken here, and v={version!r} came"
        return _spoken(_wrong("UnknownVersion", f"{told}: send v={VERSION}"))
    try:
        return _spoken(_MESSAGES[message](*args, **given))
    except ValidationError as error:
        return _spoken(_wrong("WrongMessage", f"tasks.{message}: {_problems(error, message)}"))


def start(workflow: str, input: Any, options: Mapping[str, Any]) -> Answer:
    """Start a run, or tell what a start would do (`dry_run`)."""
    chosen = dict(options)
    is_dry = chosen.pop("dry_run", False)
    if not isinstance(is_dry, bool):
        return _wrong("StartRefused", "dry_run: send true or false")
    try:
        if is_dry:
            found = foresee(workflow, input, **chosen)
            known = str(found.run.id) if found.run else None
            return {"ok": True, "dry_run": True, "would": found.would, "run_id": known}
        run = start_run(workflow, input, **chosen)
    except (StartRefused, WorkflowError, StepError) as error:
        return _wrong(type(error).__name__, str(error))
    return {"ok": True, "run_id": str(run.id), "is_new": run.is_new}


def cancel(run_id: str, *, reason: str, actor: str) -> Answer:
    """Cancel a run."""
    try:
        run = cancel_run(UUID(run_id), reason=reason, actor=actor)
    except (NotPossible, ValueError) as error:
        return _wrong(type(error).__name__, str(error))
    return {"ok": True, "run_id": str(run.id), "state": run.state}


def status(run_id: str) -> Answer:
    """The five answers about a run."""
    try:
        return {"ok": True, **five_answers(UUID(run_id))}
    except (Run.DoesNotExist, ValueError):
        return _wrong("UnknownRun", f"there is no run {run_id}")


def send_event(event: Any, *, tenant: str, actor: str) -> Answer:
    """Take in an event (CloudEvents 1.0)."""
    try:
        checked = cloud_event.read(event)
        signal = take_in(checked.incoming(tenant=checked.tenant or tenant, actor=actor))
    except (WrongEvent, NotPossible) as error:
        return _wrong("WrongEvent", str(error))
    return {"ok": True, **told(signal)}


_call = validate_call(config=ConfigDict(strict=True))


@_call
def _start(workflow: str, input: Any, **options: Any) -> Answer:
    return start(workflow, input, options)


@_call
def _cancel(run_id: str, reason: str = "", actor: str = "") -> Answer:
    return cancel(run_id, reason=reason, actor=actor)


@_call
def _status(run_id: str) -> Answer:
    return status(run_id)


@_call
def _send_event(event: dict[str, Any], tenant: str = "default", actor: str = "") -> Answer:
    return send_event(event, tenant=tenant, actor=actor)


_MESSAGES: dict[str, Callable[..., Answer]] = {
    "start_run": _start,
    "cancel_run": _cancel,
    "run_status": _status,
    "send_event": _send_event,
}


def _spoken(found: Answer) -> Answer:
    return {"v": VERSION, **found}


def _wrong(error: str, message: str) -> Answer:
    return {"ok": False, "error": error, "message": message}


def _problems(error: ValidationError, message: str) -> str:
    """Each argument with what is wrong, without what was sent."""
    names = dict(enumerate(signature(_MESSAGES[message]).parameters))
    problems = error.errors(include_url=False, include_input=False, include_context=False)
    told = []
    for problem in problems:
        first, *rest = problem["loc"]
        place = names.get(first, first) if isinstance(first, int) else first
        told.append(f"{'.'.join(map(str, (place, *rest)))}: {problem['msg']}")
    return "; ".join(told)
