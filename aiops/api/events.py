"""Events from other programs: CloudEvents 1.0, one or several, kept and answered with what became of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest
from ninja import Router, Status

from aiops.access.caller import Caller
from aiops.api import problems
from aiops.api.auth import caller
from aiops.api.problems import Problem, of
from aiops.api.schemas_events import Refused, Taken
from aiops.execution import cloud_event
from aiops.execution.cloud_event import CloudEvent, WrongEvent
from aiops.execution.patience import patiently
from aiops.execution.receive import take_in
from aiops.execution.resume import NotPossible
from aiops.execution.what_became import told
from aiops.models import Scope

router = Router(tags=["events"])

ONE, SEVERAL = "application/cloudevents+json", "application/cloudevents-batch+json"
#: So many events come in one request at most.
MOST_EVENTS = 100
#: How long a request waits out a database that is away, or a transaction that got in its way.
PATIENCE_S = 5.0

_EVENT = CloudEvent.model_json_schema()
_DOCUMENTED = {
    "requestBody": {
        "required": True,
        "description": "An event, or several. In binary mode the attributes are headers (ce-id, "
        "ce-source, ce-type, ce-specversion), and the body is the event's data.",
        "content": {
            ONE: {"schema": _EVENT},
            SEVERAL: {"schema": {"type": "array", "items": _EVENT, "maxItems": MOST_EVENTS}},
        },
    }
}


@router.post("", response={202: Taken | list[Taken | Refused]}, openapi_extra=_DOCUMENTED)
def send(request: HttpRequest) -> Any:
    """Send an event, or several (scope events).

    Each starts runs, wakes runs, or is kept for its waiter. Of several, each is taken or refused by
    itself.
    """
    who = caller(request, Scope.SEND_EVENTS)
    sent = (request.content_type or "").lower()
    if sent == SEVERAL:
        return _several(who, _json(request))
    if sent == ONE:
        return Status(202, _take(who, _json(request)))
    return Status(202, _take(who, _binary(request, sent)))


def _take(who: Caller, value: Any) -> dict[str, Any]:
    """Take in one event; a Problem says what is wrong with it."""
    try:
        event = cloud_event.read(value)
    except WrongEvent as error:
        raise _invalid(str(error)) from None
    tenant = event.tenant or who.tenant or "default"
    if not who.serves(tenant):
        raise of(
            "other-tenant",
            f"Leave {cloud_event.TENANT} out: the event is the tenant's whose key it is.",
        )
    incoming = event.incoming(tenant=tenant, actor=who.actor)
    try:
        signal = patiently(lambda: take_in(incoming), patience_s=PATIENCE_S)
    except NotPossible as error:
        raise _invalid(str(error)) from None
    return told(signal)


def _several(who: Caller, values: Any) -> Any:
    """Take in several events, each by itself: a wrong one does not lose the others."""
    if not isinstance(values, list) or not values:
        raise _invalid("a batch is a JSON array with at least one event")
    if len(values) > MOST_EVENTS:
        raise of(
            "too-many-events",
            f"{len(values)} came, and {MOST_EVENTS} are taken at once: send them in several "
            "requests. None was taken.",
        )
    answers = [_answer(who, place, value) for place, value in enumerate(values)]
    if all("problem" in answer for answer in answers):
        first = answers[0]["problem"]["detail"]
        raise of("event-invalid", f"None of them was taken. The first: {first}", events=answers)
    return Status(202, answers)


def _answer(who: Caller, place: int, value: Any) -> dict[str, Any]:
    try:
        return {"place": place, **_take(who, value)}
    except Problem as problem:
        sent = value.get("id") if isinstance(value, dict) else None
        return {"place": place, "id": sent, "outcome": "refused", "problem": problems.told(problem)}


def _json(request: HttpRequest) -> Any:
    try:
        return cloud_event.parsed(_body(request))
    except WrongEvent as error:
        raise of("broken-json", f"{error}.") from None


def _body(request: HttpRequest) -> bytes:
    try:
        return request.body
    except RequestDataTooBig:
        raise of(
            "too-large", "Send fewer events at once, or store what they carry and send its address."
        ) from None


def _binary(request: HttpRequest, sent: str) -> dict[str, Any]:
    """An event whose attributes are headers, and whose data is the body."""
    attributes = _attributes(request.headers)
    if not attributes:
        raise of(
            "wrong-media-type",
            f"Send one event as {ONE}, several as {SEVERAL}, or give the attributes as headers "
            f"(ce-id, ce-source, ce-type, ce-specversion); it came as {sent[:100] or 'nothing'}.",
        )
    if not _body(request):
        return attributes
    if sent != "application/json" and not sent.endswith("+json"):
        raise of(
            "wrong-media-type",
            f"Send the event's data as application/json; it came as {sent[:100] or 'nothing'}.",
        )
    return {**attributes, "datacontenttype": sent, "data": _json(request)}


def _attributes(headers: Mapping[str, str]) -> dict[str, Any]:
    # The values of headers are percent-encoded, as CloudEvents' binding to HTTP has it.
    return {
        name.lower().removeprefix("ce-"): unquote(value)
        for name, value in headers.items()
        if name.lower().startswith("ce-") and name.lower() != "ce-data"
    }


def _invalid(detail: str) -> Problem:
    why = f"It cannot be taken: {detail}. Nothing was written."
    return of("event-invalid", why)
