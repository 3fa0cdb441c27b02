"""Content is shown when somebody who may see it asks for it, and that is recorded."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, ClassVar
from uuid import UUID

from django.contrib.admin import AdminSite
from django.core.exceptions import ObjectDoesNotExist, PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils.cache import add_never_cache_headers

from aiops.admin.history import VIEW_PAYLOAD
from aiops.admin.page.content import written
from aiops.execution.looking import Seen


class ShowsContent:
    """What the admin of rows that are about something inherits first.

    The page itself has a button (`console/parts/reveal.html`). A click on it is a POST, which
    answers with the content and leaves an event: nobody sees content by opening a page.
    """

    #: How the address names a row.
    row_key: ClassVar[str] = "uuid"

    @staticmethod
    def look(row_id: Any, actor: str, /) -> Seen:
        """Read the content of a row and record who saw it: one of `execution.looking`."""
        raise NotImplementedError

    def get_urls(self) -> list[URLPattern]:
        admin: Any = self
        view = admin.admin_site.admin_view(self.content_view)
        name = f"aiops_{admin.opts.model_name}_content"
        # Before the page of one row, whose pattern takes everything.
        return [path(f"<{self.row_key}:row_id>/content/", view, name=name), *super().get_urls()]  # type: ignore[misc]  # a mixin

    def content_view(self, request: HttpRequest, row_id: UUID | int) -> HttpResponse:
        admin: Any = self
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not admin.has_view_permission(request):
            raise PermissionDenied
        refuse_without_content(request)
        try:
            seen = type(self).look(row_id, request.user.get_username())
        except ObjectDoesNotExist:
            raise Http404(f"There is no {admin.opts.verbose_name} {row_id}") from None
        back = reverse(f"admin:aiops_{admin.opts.model_name}_change", args=[row_id])
        shown = {"seen_id": row_id, "seen_title": seen.title, "texts": written(seen.values)}
        return show(
            admin.admin_site, request, "console/content.html", {**shown, "opts": admin.opts}, back
        )


def refuse_without_content(request: HttpRequest) -> None:
    if not request.user.has_perm(VIEW_PAYLOAD):
        raise PermissionDenied("You are not allowed to see inputs, prompts and results.")


def show(
    site: AdminSite,
    request: HttpRequest,
    template: str,
    context: dict[str, Any],
    back: str,
    status: int = HTTPStatus.OK,
) -> HttpResponse:
    """A page with content; what a script asks for is the same without the shell around it."""
    is_part = "HX-Request" in request.headers
    shell = {} if is_part else site.each_context(request)
    base = "console/bare.html" if is_part else "admin/base_site.html"
    response = render(
        request, template, {**shell, **context, "base": base, "back": back}, status=status
    )
    # It stays in no cache, and the way back does not show it again.
    add_never_cache_headers(response)
    return response
