"""What the user sees of a run, as it happens: server-sent events."""

from __future__ import annotations

import random
import time
import weakref
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from asgiref.sync import SyncToAsync
from django.conf import settings
from django.core.handlers.asgi import ASGIRequest
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from ninja import Router

from aiops.access import run_token
from aiops.access.caller import Caller
from aiops.access.run_token import SEE
from aiops.api import hub, sse
from aiops.api.auth import BearerOrToken, admit, caller
from aiops.api.language import language_of
from aiops.api.problems import not_found, of
from aiops.api.seats import Limit, Seats, limit_of
from aiops.execution.pulse import is_final, pulses
from aiops.models import Scope

router = Router(tags=["runs"])
seats = Seats()

MEDIA_TYPE = "text/event-stream"
#: A client comes back after a time between these: all of them at once would be a crowd.
RETRY_MS = (2_000, 5_000)

_DOCUMENT: dict[str, Any] = {
    "security": [{"BearerOrToken": []}],
    "responses": {
        200: {
            "description": "Events `status`, `partial` and `end`, as docs/streams.md has them",
            "content": {MEDIA_TYPE: {"schema": {"type": "string"}}},
        },
        204: {"description": "The run has ended, and you have been told: do not come back"},
    },
}


@router.get("/{uuid:run_id}/stream", auth=None, response={200: None}, openapi_extra=_DOCUMENT)
async def stream(request: HttpRequest, run_id: UUID, token: str = "") -> HttpResponseBase:
    """What the user sees, as it changes (scope start or read, or a token of the run).

    `token` is for browsers, whose EventSource sends no headers: a run's token, never a key.
    """
    if not isinstance(request, ASGIRequest):
        # A server without ASGI holds a thread for each stream: whoever asks is to poll instead.
        return HttpResponse(status=204)
    here = hub.here()
    try:
        limit, pulse = await here.ask(_let_in, request, run_id, token)
    except (DatabaseError, InterfaceError):
        raise of("database-away", "Nothing is lost. Come back in some seconds.", wait_s=5) from None
    known = request.headers.get("Last-Event-ID", "")
    if is_final(pulse) and known == pulse:
        # To a browser this says that it need not come back; the end of a stream does not.
        return HttpResponse(status=204)
    seats.take(limit)
    told = Stream(here, run_id, language_of(request), known, limit)
    return StreamingHttpResponse(
        told,
        content_type=MEDIA_TYPE,
        headers={
            "Cache-Control": "no-cache, no-transform",
            "X-Accel-Buffering": "no",
            # What is compressed is held back until there is enough of it.
            "Content-Encoding": "identity",
        },
    )


def _let_in(request: HttpRequest, run_id: UUID, token: str) -> tuple[Limit, str]:
    """Who may follow this run, and its pulse. Raises Problem."""
    who = _who(request, token)
    request.auth = who  # type: ignore[attr-defined]  # as ninja does
    caller(request, Scope.START, Scope.READ, SEE)
    pulse = pulses([run_id], among=who.runs()).get(run_id)
    if pulse is None:
        raise not_found(f"There is no run {run_id} for this key.")
    shown = token or request.headers.get("Authorization", "").rpartition(" ")[2]
    return limit_of(who, shown), pulse


def _who(request: HttpRequest, token: str) -> Caller:
    """By the header, or by a run's token in the address. A key in an address is in every log."""
    return admit(request, run_token.read(token), token) if token else BearerOrToken()(request)


@dataclass(eq=False)
class Stream:
    """The events of one stream, and its seat, which is given back whatever becomes of it."""

    here: hub.Hub
    run_id: UUID
    language: str
    #: The pulse of what the client has been told before.
    known: str
    limit: Limit

    def __post_init__(self) -> None:
        # A request that is cancelled before its answer begins closes nothing: then this still does.
        self.close = weakref.finalize(self, seats.give_back, self.limit.whose)
        self.close.atexit = False

    def __aiter__(self) -> AsyncIterator[str]:
        return self._events()

    async def _events(self) -> AsyncIterator[str]:
        _let_the_thread_go()
        reader = self.here.join(self.run_id, self.language)
        try:
            yield sse.hello(random.randint(*RETRY_MS))  # noqa: S311  # no secret: it spreads a crowd
            async for text in self._told(reader):
                yield text
        except hub.RunGone:
            yield sse.end("gone", "")
        except hub.ProcessEnds:
            yield sse.comment("this server ends: come back")
        finally:
            self.here.leave(self.run_id, self.language, reader)
            self.close()

    async def _told(self, reader: hub.Reader) -> AsyncIterator[str]:
        """What is told, until the run ends or the client is to show again who it is."""
        told: sse.News | None = None
        until = time.monotonic() + settings.AIOPS_STREAM_LASTS_S * random.uniform(0.9, 1)  # noqa: S311
        while (left_s := until - time.monotonic()) > 0:
            news = await reader.next(min(left_s, settings.AIOPS_STREAM_HEARTBEAT_S))
            if news is None:
                yield sse.comment("the record is away" if self.here.is_away else "heartbeat")
                continue
            if told is None and news.pulse == self.known:
                continue  # what the client has
            if text := sse.between(told, news):
                yield text
            told = news
            if news.is_final:
                yield sse.end(news.view["state"], news.pulse)
                return


def _let_the_thread_go() -> None:
    """Do without the thread that Django keeps for a request until its answer has ended.

    Nothing is asked of it any more, and a thousand streams would keep a thousand of them.
    """
    context = SyncToAsync.thread_sensitive_context.get(None)
    executor = SyncToAsync.context_to_thread_executor.pop(context, None) if context else None
    if executor is not None:
        executor.shutdown(wait=False)
