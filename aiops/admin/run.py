"""Runs: the list and the page."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.safestring import SafeString

from aiops.admin.history import VIEW_PAYLOAD, HistoryAdmin, column
from aiops.admin.page import cells, words
from aiops.admin.page.build import build, content
from aiops.admin.page.user_widget import reference
from aiops.admin.page.version import look_at, token
from aiops.admin.verbs import Verbs
from aiops.execution import judge
from aiops.models import Run


class Judged(ChangeList):
    """A page of runs with their verdicts and their progress, each read in one query."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        shown = [run.pk for run in self.result_list]
        verdicts, progress = judge.verdicts_of(shown), cells.progress_of(shown)
        for run in self.result_list:
            run.verdict_shown = verdicts.get(run.pk)
            run.progress_shown = progress.get(run.pk, {})


@admin.register(Run)
class RunAdmin(Verbs, HistoryAdmin):
    list_display = (
        *("told", "state_chip", "steps_bar", "reason", "verdict_chip", "since", "created_at"),
    )
    list_filter = ("state", "workflow", "priority", "tenant", "created_at")
    list_filter_submit = True
    search_fields = ("title", "key", "started_by")
    search_help_text = "An id or its first 8 characters, a key, a title, or who started it"
    exact_fields = ("key",)
    heavy = ("input", "metadata", "error")
    ordering = ("-created_at",)

    class Media:
        css = {"all": ("console/console.css",)}

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return Judged

    def get_urls(self) -> list[URLPattern]:
        live = self.admin_site.admin_view(self.live_view)
        # Before the page of one row, whose pattern takes everything.
        return [path("<uuid:run_id>/live/", live, name="aiops_run_live"), *super().get_urls()]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The page of a run. It only shows: what changes something goes through a plan."""
        if request.method not in ("GET", "HEAD"):
            raise PermissionDenied
        self._refuse_stranger(request)
        try:
            run = look_at(UUID(object_id), with_content=self._may_see_content(request))
        except ValueError:
            run = None
        if run is None:
            raise Http404(f"There is no run {object_id}")
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": run,
            "title": run.title or run.workflow,
            "is_fullwidth": "1",
            **self._context(request, run),
        }
        return render(request, "console/run.html", context)

    def live_view(self, request: HttpRequest, run_id: UUID) -> HttpResponse:
        """What changes of the page; nothing (204) while its version is the one that is shown."""
        run = look_at(run_id)
        if run is not None and request.GET.get("v") == self._version(request, run):
            return HttpResponse(status=204)
        self._refuse_stranger(request)
        if run is not None and self._may_see_content(request):
            run = look_at(run_id, with_content=True)
        if run is None:
            raise Http404(f"There is no run {run_id}")
        return render(request, "console/parts/run_body.html", self._context(request, run))

    def _context(self, request: HttpRequest, run: Run) -> dict[str, Any]:
        can_see_content = self._may_see_content(request)
        return {
            **build(run, request.user.has_perm),
            **(content(run) if can_see_content else {}),
            "can_see_content": can_see_content,
            "version": self._version(request, run),
        }

    def _version(self, request: HttpRequest, run: Run) -> str:
        return token(run, request.user.pk or 0, timezone.now())

    def _may_see_content(self, request: HttpRequest) -> bool:
        return request.user.has_perm(VIEW_PAYLOAD)

    def _refuse_stranger(self, request: HttpRequest) -> None:
        if not self.has_view_permission(request):
            raise PermissionDenied

    @column("run", ordering="created_at")
    def told(self, run: Run) -> SafeString:
        return cells.named(run.title or run.workflow, f"{run.workflow} {reference(str(run.pk))}")

    @column("state", ordering="state")
    def state_chip(self, run: Run) -> SafeString:
        return cells.chip(words.RUN[run.state])

    @column("steps")
    def steps_bar(self, run: Run) -> SafeString:
        return cells.progress(getattr(run, "progress_shown", {}))

    @column("retry")
    def verdict_chip(self, run: Run) -> SafeString | None:
        judged = getattr(run, "verdict_shown", None)
        return cells.chip(words.VERDICT[judged.key]) if judged else None
