"""The page that somebody waits on: one run, by a token, in plain words, with nothing from elsewhere."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import get_script_prefix, reverse
from django.utils import translation
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_GET, require_http_methods

from aiops.access import run_token
from aiops.access.caller import Caller
from aiops.access.run_token import CANCEL, SEE
from aiops.api.language import language_of
from aiops.execution.cancel import cancel
from aiops.execution.resume import NotPossible
from aiops.execution.user_view import user_view
from aiops.models import Run

_NOBODY = "'none'"
_POLICY = (
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "connect-src 'self'",
    "img-src 'self' data:",
    "form-action 'self'",
    "base-uri 'none'",
)

#: A token's caller, and the run that it opens.
View = Callable[[HttpRequest, str, Caller, UUID], HttpResponse]


def _opened(view: View) -> Callable[[HttpRequest, str], HttpResponse]:
    """Let in who holds a good token; to everybody else the page is gone. In the reader's language."""

    @wraps(view)
    def opened(request: HttpRequest, token: str) -> HttpResponse:
        language = language_of(request)
        with translation.override(language):
            response = _open(view, request, token)
        response["Content-Language"] = language
        patch_vary_headers(response, ["Accept-Language"])
        return _guarded(response, is_embedded=_is_embedded(request))

    return opened


def _open(view: View, request: HttpRequest, token: str) -> HttpResponse:
    who = run_token.read(token)
    if who is None or who.run_id is None or not who.may(SEE):
        return _gone(request)
    try:
        return view(request, token, who, who.run_id)
    except Run.DoesNotExist:
        return _gone(request)


def _gone(request: HttpRequest) -> HttpResponse:
    return render(request, "status/gone.html", status=404)


@require_GET
@_opened
def page(request: HttpRequest, token: str, who: Caller, run_id: UUID) -> HttpResponse:
    """The page. It is whole without a script, which only keeps it up to date."""
    seen = user_view(run_id, language=translation.get_language() or "en")
    about = {
        # A browser sends no header with a stream: the script adds the token, which it has.
        "stream": f"{get_script_prefix()}api/v1/runs/{run_id}/stream?token=",
        "cancel": f"cancel/{_asked(request)}",
        "may_cancel": who.may(CANCEL),
        "support": settings.AIOPS_SUPPORT_URL,
        "is_embedded": _is_embedded(request),
    }
    return render(request, "status/page.html", {"seen": seen, "page": about})


@require_GET
@_opened
def state(request: HttpRequest, token: str, who: Caller, run_id: UUID) -> HttpResponse:
    """What the page shows, as JSON; 304 while it would show the same."""
    seen = user_view(run_id, language=translation.get_language() or "en")
    tag = etag(seen)
    if request.headers.get("If-None-Match") == tag:
        response: HttpResponse = HttpResponse(status=304)
    else:
        response = JsonResponse(seen)
    response["ETag"] = tag
    return response


@require_http_methods(["GET", "POST"])
@_opened
def stop(request: HttpRequest, token: str, who: Caller, run_id: UUID) -> HttpResponse:
    """Ask whether to stop it, and stop it."""
    back = HttpResponseRedirect(f"{reverse('status:page', args=[token])}{_asked(request)}")
    if not who.may(CANCEL):
        return back
    if request.method == "POST":
        # It may have ended meanwhile: the page says how.
        with suppress(NotPossible):
            cancel(run_id, reason="the user stopped it", actor=who.actor)
        return back
    seen = user_view(run_id, language=translation.get_language() or "en")
    if not seen["is_cancellable"]:
        return back
    asked = render(request, "status/cancel.html", {"seen": seen, "page": {"back": back.url}})
    # Under "no-referrer" a browser hides where a form comes from, from us too.
    asked["Referrer-Policy"] = "same-origin"
    return asked


def etag(seen: dict[str, Any]) -> str:
    """The same as long as everything that is told is the same, words about time included."""
    told = json.dumps(seen, sort_keys=True, ensure_ascii=False)
    return f'"{hashlib.sha256(told.encode()).hexdigest()[:24]}"'


def page_url(token: str) -> str:
    """The address of a run's page, for whoever is given it."""
    return f"{settings.AIOPS_BASE_URL}{reverse('status:page', args=[token])}"


def _asked(request: HttpRequest) -> str:
    """What another address of this page adds: the language that was asked for."""
    wanted = request.GET.get("lang", "")
    return f"?{urlencode({'lang': wanted})}" if wanted else ""


def _is_embedded(request: HttpRequest) -> bool:
    return request.GET.get("embed") == "1"


def _guarded(response: HttpResponse, *, is_embedded: bool) -> HttpResponse:
    """Say what a browser may do with this page: nothing from elsewhere, no trace, no index."""
    origins = settings.AIOPS_EMBED_ORIGINS if is_embedded else []
    response["Content-Security-Policy"] = "; ".join(
        [*_POLICY, f"frame-ancestors {' '.join(origins or [_NOBODY])}"]
    )
    response["Cache-Control"] = "no-store, private"
    response.headers.setdefault("Referrer-Policy", "no-referrer")
    response["X-Robots-Tag"] = "noindex, nofollow"
    response["X-Content-Type-Options"] = "nosniff"
    # Browsers that know frame-ancestors go by it; this header knows no list of origins.
    setattr(response, "xframe_options_exempt", bool(origins))  # noqa: B010  # Django's own name for it
    return response
