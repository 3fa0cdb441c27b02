"""Who may read the API's document: everybody on a developer's machine, else who is known here."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from aiops.api import problems
from aiops.api.auth import Bearer
from aiops.api.problems import Problem

View = Callable[..., HttpResponse]


def for_who_may_read(view: View) -> View:
    """Let a view be seen by who may read the document."""

    @wraps(view, assigned=())
    def guarded(request: HttpRequest, **given: Any) -> HttpResponse:
        if _may_read(request):
            return view(request, **given)
        response = problems.answer(
            request,
            Problem(
                401,
                "key-missing",
                "The document is not public here",
                "Show a key, log in to the console, or set AIOPS_API_DOCS=1.",
            ),
        )
        response["WWW-Authenticate"] = "Bearer"
        return response

    return guarded


def _may_read(request: HttpRequest) -> bool:
    if settings.DEBUG or settings.AIOPS_API_DOCS:
        return True
    user = getattr(request, "user", None)
    if user is not None and user.is_active and user.is_staff:
        return True
    return Bearer()(request) is not None
