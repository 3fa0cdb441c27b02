"""Who may read the API's document: everybody on a developer's machine, else who is known here."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from aiops.api import problems
from aiops.api.auth import Bearer
from aiops.api.problems import CHALLENGE, Problem, of

View = Callable[..., HttpResponse]


def for_who_may_read(view: View) -> View:
    """Let a view be seen by who may read the document."""

    @wraps(view, assigned=())
    def guarded(request: HttpRequest, **given: Any) -> HttpResponse:
        try:
            _refuse_strangers(request)
        except Problem as problem:
            return problems.answer(request, problem)
        return view(request, **given)

    return guarded


def _refuse_strangers(request: HttpRequest) -> None:
    if settings.DEBUG or settings.AIOPS_API_DOCS:
        return
    user = getattr(request, "user", None)
    if user is not None and user.is_active and user.is_staff:
        return
    if "Authorization" not in request.headers:
        raise of(
            "key-missing",
            "Show a key, log in to the console, or set AIOPS_API_DOCS=1.",
            headers={"WWW-Authenticate": CHALLENGE},
        )
    Bearer()(request)
