"""Around every answer under /api/: its limits in its headers, and no error that is not a problem."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import cast

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.decorators import sync_and_async_middleware

from aiops.api import handling
from aiops.api.auth import STANDING
from aiops.api.problem_codes import BY_STATUS
from aiops.api.problems import MEDIA_TYPE, Problem, answer, of

_API = "/api/"
#: Headers that tell more of an error than its page does.
_KEPT = ("Allow", "WWW-Authenticate", "Retry-After", "Vary")

Answer = HttpResponseBase | Awaitable[HttpResponseBase]


@sync_and_async_middleware
def problems(get_response: Callable[[HttpRequest], Answer]) -> Callable[[HttpRequest], Answer]:
    """Errors that Django tells before or beside the API: an unknown address, a wrong method, a host."""
    if iscoroutinefunction(get_response):

        async def around_async(request: HttpRequest) -> HttpResponseBase:
            if not request.path.startswith(_API):
                return await cast("Awaitable[HttpResponseBase]", get_response(request))
            if refused := _unreadable(request):
                return answer(request, refused)
            return finished(
                request, await cast("Awaitable[HttpResponseBase]", get_response(request))
            )

        return around_async

    def around(request: HttpRequest) -> HttpResponseBase:
        if not request.path.startswith(_API):
            return cast(HttpResponseBase, get_response(request))
        if refused := _unreadable(request):
            return answer(request, refused)
        return finished(request, cast(HttpResponseBase, get_response(request)))

    return around


def finished(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """An answer as it leaves: a problem if it is an error, and with the headers of limits."""
    if response.status_code >= 400 and response.get("Content-Type", "") != MEDIA_TYPE:
        response = _as_problem(request, response)
    standing = getattr(request, STANDING, None)
    for name, value in standing.headers().items() if standing else ():
        response[name] = value
    return response


def _as_problem(request: HttpRequest, response: HttpResponseBase) -> HttpResponse:
    told = answer(request, _problem(request, response.status_code))
    for name in _KEPT:
        if name in response:
            told[name] = response[name]
    return told


def _problem(request: HttpRequest, status: int) -> Problem:
    code = BY_STATUS.get(status, "unexpected" if status >= 500 else "bad-request")
    if code == "unexpected":
        # Django has logged the exception itself.
        return handling.unexpected(None, request)
    problem = of(code)
    problem.status = status
    return problem


def _unreadable(request: HttpRequest) -> Problem | None:
    """A NUL is in no address: the database would refuse it."""
    if "\x00" in request.path or "%00" in request.META.get("QUERY_STRING", ""):
        return of("bad-request", "The address holds a NUL (%00). Leave it out.")
    return None
