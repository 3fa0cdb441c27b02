"""Whatever goes wrong under /api/v1/ is told as a problem: the API's handlers of exceptions."""

from __future__ import annotations

import logging
from typing import Any
from uuid import uuid4

from django.core.exceptions import (
    BadRequest,
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
)
from django.db import DataError, InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, UnreadablePostError
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError
from ninja.parser import Parser

from aiops.api import problem_page
from aiops.api.parsing import JsonParser
from aiops.api.problem_codes import BY_STATUS
from aiops.api.problems import CHALLENGE, Problem, answer, of
from aiops.api.wrong_values import wrong_values

log = logging.getLogger(__name__)

#: After how long to ask again while the database is away: a restart takes seconds.
DATABASE_WAIT_S = 5


def install(api: NinjaAPI) -> None:
    """Let an API tell all errors as problems, refuse what is no JSON, and explain its codes."""
    if type(api.parser) is Parser:
        api.parser = JsonParser()
    for kind in (Problem, ValidationError, HttpError, Http404, Exception):
        api.add_exception_handler(kind, tell)
    api.get("/problems", auth=None, include_in_schema=False, url_name="problems")(
        problem_page.problems
    )


def tell(request: HttpRequest, error: Any) -> HttpResponse:
    """The answer to an exception, whatever it is."""
    return answer(request, problem_of(error, request))


def problem_of(error: Exception, request: HttpRequest) -> Problem:
    """The problem that an exception is told as. What nobody expects is logged, under an id."""
    match error:
        case Problem():
            return error
        case ValidationError():
            return wrong_values(error.errors)
        case HttpError():
            return _of_ninja(error)
        case Http404():
            return of("not-found")
        case RequestDataTooBig():
            return of("too-large")
        case SuspiciousOperation() | BadRequest() | UnreadablePostError():
            return of("bad-request")
        case PermissionDenied():
            return of("scope-missing", "This is not allowed to the key.")
        case DataError():
            # A text that is longer than its column, a number that is larger: of the request.
            return of("wrong-values", "A value is too long or too large to be kept.")
        case OperationalError() | InterfaceError():
            return away(error, request)
        case _:
            return unexpected(error, request)


def away(error: Exception, request: HttpRequest) -> Problem:
    log.warning(
        "api.database_away path=%s error=%s", request.path, str(error).strip().partition("\n")[0]
    )
    return of("database-away", wait_s=DATABASE_WAIT_S)


def unexpected(error: Exception | None, request: HttpRequest) -> Problem:
    """A bug. The body has the id that the log line has, and nothing of what happened."""
    name = uuid4().hex[:12]
    log.error(
        "api.failed id=%s method=%s path=%s", name, request.method, request.path, exc_info=error
    )
    return of("unexpected", id=name)


def _of_ninja(error: HttpError) -> Problem:
    # ninja wraps whatever its parser raises.
    if isinstance(error.__cause__, Problem):
        return error.__cause__
    code = BY_STATUS.get(error.status_code, "bad-request")
    headers = {"WWW-Authenticate": CHALLENGE} if error.status_code == 401 else {}
    problem = of(code, str(error), headers=headers)
    problem.status = error.status_code
    return problem
