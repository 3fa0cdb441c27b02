"""What went wrong with a request, as a problem."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError

from aiops.api import problems
from aiops.api.problems import Problem


def install(api: NinjaAPI) -> None:
    """Let the API tell every error as a problem."""
    api.add_exception_handler(Problem, _told)
    api.add_exception_handler(ValidationError, _invalid)
    api.add_exception_handler(AuthenticationError, _stranger)
    api.add_exception_handler(HttpError, _unreadable)
    api.add_exception_handler(Http404, _nothing)
    api.add_exception_handler(RequestDataTooBig, _too_large)


def _told(request: HttpRequest, error: Any) -> HttpResponse:
    return problems.answer(request, error)


def _invalid(request: HttpRequest, error: Any) -> HttpResponse:
    wrong = [
        {"where": ".".join(str(part) for part in one["loc"]), "what": one["msg"]}
        for one in error.errors
    ]
    told = "; ".join(f"{one['where']}: {one['what']}" for one in wrong[:5])
    problem = Problem(422, "invalid", "The request is not right", f"{told}.", errors=wrong[:50])
    return problems.answer(request, problem)


def _stranger(request: HttpRequest, error: Any) -> HttpResponse:
    response = problems.answer(
        request,
        Problem(
            401,
            "key-missing",
            "No valid key was shown",
            "Send the header Authorization: Bearer <key>, with a key that has not expired.",
        ),
    )
    response["WWW-Authenticate"] = "Bearer"
    return response


def _unreadable(request: HttpRequest, error: Any) -> HttpResponse:
    if isinstance(error.__cause__, Problem):
        return problems.answer(request, error.__cause__)
    problem = Problem(error.status_code, "unreadable", "The request cannot be read", str(error))
    return problems.answer(request, problem)


def _nothing(request: HttpRequest, error: Any) -> HttpResponse:
    return problems.answer(request, problems.not_found("Look at the address."))


def _too_large(request: HttpRequest, error: Any) -> HttpResponse:
    return problems.answer(
        request,
        Problem(413, "too-large", "The request is too large", "Store it, and send its address."),
    )
