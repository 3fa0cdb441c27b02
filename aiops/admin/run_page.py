"""The page of a run, and what keeps it up to date."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils import timezone

from aiops.admin.content import ShowsContent
from aiops.admin.page.build import Wanted, build
from aiops.admin.page.version import look_at, token
from aiops.admin.run_export import export
from aiops.execution import looking
from aiops.models import Run


class RunPage(ShowsContent):
    """What the admin of runs inherits first, to have the page of a run.

    It only shows: what changes something goes through a plan.
    """

    look = staticmethod(looking.at_run)

    def get_urls(self) -> list[URLPattern]:
        view = self._site.admin_view
        return [
            # Before the page of one row, whose pattern takes everything.
            path("<uuid:run_id>/live/", view(self.live_view), name="aiops_run_live"),
            path("<uuid:run_id>/export/", view(self.export_view), name="aiops_run_export"),
            *super().get_urls(),
        ]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        if request.method not in ("GET", "HEAD"):
            raise PermissionDenied
        self._refuse_stranger(request)
        try:
            run = look_at(UUID(object_id))
        except ValueError:
            run = None
        if run is None:
            raise Http404(f"There is no run {object_id}")
        context = {
            **self._site.each_context(request),
            "opts": Run._meta,
            "original": run,
            "title": run.title or run.workflow,
            "is_fullwidth": "1",
            **self._context(request, run),
        }
        return render(request, "console/run.html", context)

    def live_view(self, request: HttpRequest, run_id: UUID) -> HttpResponse:
        """What changes of the page; nothing (204) while its version is the one that is shown."""
        run = look_at(run_id)
        if run is not None and request.GET.get("v") == _version(request, run):
            return HttpResponse(status=204)
        self._refuse_stranger(request)
        if run is None:
            raise Http404(f"There is no run {run_id}")
        return render(request, "console/parts/run_body.html", self._context(request, run))

    def export_view(self, request: HttpRequest, run_id: UUID) -> HttpResponse:
        self._refuse_stranger(request)
        return export(request, run_id)

    @property
    def _site(self) -> Any:
        admin: Any = self
        return admin.admin_site

    def _context(self, request: HttpRequest, run: Run) -> dict[str, Any]:
        wanted = Wanted.of(request.GET)
        return {
            **build(run, request.user.has_perm, wanted),
            "version": _version(request, run),
        }

    def _refuse_stranger(self, request: HttpRequest) -> None:
        admin: Any = self
        if not admin.has_view_permission(request):
            raise PermissionDenied


def _version(request: HttpRequest, run: Run) -> str:
    return token(run, request.user.pk or 0, timezone.now())
