"""A question with a button, about something that is no run: look at it first, then do it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render


@dataclass(frozen=True, slots=True)
class Asked:
    """A question with a button, about something that is no run: as much of a plan as do.html reads."""

    title: str
    button: str
    verb: str
    tone: str
    about: str
    back: str
    action: str
    icon: str
    notes: tuple[str, ...] = ()
    needs_reason: bool = False
    fingerprint: str = ""
    refused: str = ""
    #: A field of its own: "", "version", "until", "limits", "dollars" or "daily".
    wants: str = ""
    #: What that field may be: values and words.
    choices: tuple[tuple[str, str], ...] = ()


def asked(
    request: HttpRequest,
    site: AdminSite,
    found: Asked,
    *,
    error: str = "",
    status: int = 200,
    template: str = "console/decide.html",
    **more: Any,
) -> HttpResponse:
    """A question as a page, or, for a dialog, without the shell around it.

    A template of its own has fields that decide.html does not know, and reads `more`.
    """
    is_dialog = "HX-Request" in request.headers
    context = {
        **({} if is_dialog else site.each_context(request)),
        "base": "console/bare.html" if is_dialog else "admin/base_site.html",
        "is_dialog": is_dialog,
        "title": found.title,
        "plan": found,
        "error": error,
        "refused": found.refused,
        "back": found.back,
        "action": found.action,
        "icon": found.icon,
        "typed": request.POST,
        **more,
    }
    return render(request, template, context, status=status)


def led_to(request: HttpRequest, url: str) -> HttpResponse:
    """Go to a page; a plain redirect would be followed into the dialog."""
    if "HX-Request" in request.headers:
        return HttpResponse(headers={"HX-Redirect": url})
    return HttpResponseRedirect(url)
