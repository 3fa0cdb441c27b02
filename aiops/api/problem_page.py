"""The page that explains the codes of problems: for people, and as JSON for programs."""

from __future__ import annotations

from dataclasses import asdict

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from aiops.api.problem_codes import CODES

#: It changes when this system does.
MAX_AGE_S = 3600


def problems(request: HttpRequest) -> HttpResponse:
    """Explain every code that a problem may have."""
    if wants_json(request):
        found: HttpResponse = JsonResponse({code: asdict(told) for code, told in CODES.items()})
    else:
        rows = [
            (code, told, marked(told.meaning), marked(told.remedy)) for code, told in CODES.items()
        ]
        found = render(request, "api/problems.html", {"rows": rows})
    found["Cache-Control"] = f"public, max-age={MAX_AGE_S}"
    patch_vary_headers(found, ("Accept",))
    return found


def marked(text: str) -> SafeString:
    """A text whose `words` of HTTP look like such. Pure."""
    parts = text.split("`")
    return format_html_join(
        "",
        "{}",
        ((format_html("<code>{}</code>", p) if i % 2 else p,) for i, p in enumerate(parts)),
    )


def wants_json(request: HttpRequest) -> bool:
    """A browser says that it takes HTML; a program that says nothing gets JSON."""
    preferred = request.get_preferred_type(["application/json", "text/html"])
    return preferred != "text/html"
