"""Flower behind the console's login: passed on as it is, for reading only."""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256
from urllib.parse import quote

import httpx2
from django.conf import settings
from django.contrib import admin
from django.contrib.admin.views.decorators import staff_member_required
from django.core.exceptions import PermissionDenied
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
    QueryDict,
)
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt

PERMISSION = "aiops.view_node"

#: The pages of Flower, and what they load. Its API changes things, and its metrics are no page.
_PAGES = re.compile(r"(workers|tasks|tasks/datatable|(worker|task|static)/.+)?")
#: Flower does not know a broker with a transport of its own; the console does.
_BROKER = "broker"
#: Flower asks for rows by POST, for the length of its question: passed on as a GET.
_TABLE = "tasks/datatable"
_MAX_QUESTION_BYTES = 32 * 1024
#: The largest file of Flower's own has a quarter of this.
MAX_ANSWER_BYTES = 4 * 1024 * 1024
_TIMEOUT = httpx2.Timeout(10.0, connect=1.0)

#: What goes to Flower and what comes back; no cookie does either.
_ASKED = ("Accept", "If-None-Match", "If-Modified-Since")
_ANSWERED = ("Content-Type", "Cache-Control", "ETag", "Last-Modified")


def _hash(script: str) -> str:
    return f"'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'"


#: Flower has one script in a page, which says whether that page refreshes itself.
_INLINE = " ".join(_hash(f"\nvar autorefresh = {value};\n") for value in (0, 1))
#: It shows names and texts of tasks from this very origin: no script of theirs may run.
_POLICY = (
    f"default-src 'none'; script-src 'self' {_INLINE}; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self' data:; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)


@csrf_exempt  # nothing that it passes on changes anything
@staff_member_required(login_url="admin:login")  # type: ignore[untyped-decorator]
def flower(request: HttpRequest, page: str = "") -> HttpResponse:
    """One page or file of Flower."""
    if not request.user.has_perm(PERMISSION):
        raise PermissionDenied
    if request.method not in ("GET", "HEAD") and not (request.method == "POST" and page == _TABLE):
        return HttpResponseNotAllowed(["GET", "HEAD"])
    if page == _BROKER:
        return HttpResponseRedirect(reverse("admin:aiops_node_changelist"))
    if not _PAGES.fullmatch(page) or ".." in page:
        raise Http404(f"Flower has no page {page} that is shown here")
    try:
        found = _fetch(request, page)
    except httpx2.HTTPError:
        return _instead(request, "away", 503)
    if found.status_code == 404 and page.startswith("task/"):
        return _instead(request, "forgotten", 404)
    return found


def _fetch(request: HttpRequest, page: str) -> HttpResponse:
    """Ask Flower. Raises HTTPError when it does not answer, or answers without end."""
    address = httpx2.URL(settings.AIOPS_FLOWER_URL).join(f"/flower/{quote(page, safe='/@:')}")
    query = _question(request) if request.method == "POST" else request.GET
    headers = {name: request.headers[name] for name in _ASKED if name in request.headers}
    with (
        httpx2.Client(timeout=_TIMEOUT, follow_redirects=False, trust_env=False) as client,
        client.stream(
            "HEAD" if request.method == "HEAD" else "GET",
            address,
            params=_pairs(query),
            headers={**headers, "Accept-Encoding": "identity"},
        ) as answer,
    ):
        body = bytearray()
        for piece in answer.iter_bytes():
            body += piece
            if len(body) > MAX_ANSWER_BYTES:
                raise httpx2.DecodingError("Flower's answer is too long")
    found = HttpResponse(bytes(body), status=answer.status_code)
    for name in _ANSWERED:
        if name in answer.headers:
            found[name] = answer.headers[name]
    found["Content-Security-Policy"] = _POLICY
    found["X-Content-Type-Options"] = "nosniff"
    return found


def _question(request: HttpRequest) -> QueryDict:
    if len(request.body) > _MAX_QUESTION_BYTES:
        raise PermissionDenied
    return request.POST


def _pairs(query: QueryDict) -> tuple[tuple[str, str], ...]:
    return tuple((name, str(value)) for name, values in query.lists() for value in values)


def _instead(request: HttpRequest, why: str, status: int) -> HttpResponse:
    """A page that says why there is none of Flower's."""
    context = {
        **admin.site.each_context(request),
        "title": "Flower",
        "why": why,
        "back": reverse("admin:aiops_node_changelist"),
        "runs": reverse("admin:aiops_run_changelist"),
    }
    return render(request, "console/no_flower.html", context, status=status)
